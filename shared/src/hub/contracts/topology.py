"""Exchanges, queues and who hears what. One durable queue per service; copies of a service compete for it."""

from dataclasses import dataclass

from hub.contracts import events as e

EXCHANGE = "mpp.events"
DEAD_EXCHANGE = "mpp.dead"
DELIVERY_LIMIT = 5


@dataclass(frozen=True, slots=True)
class Queue:
    """A service's queue and the event types bound to it (routing key = event type)."""

    name: str
    binds: tuple[str, ...]
    delivery_limit: int = DELIVERY_LIMIT

    @property
    def dead(self) -> str:
        """The queue that keeps this queue's dead letters."""
        return f"{self.name}.dead"


TRANSFORMER = Queue("mpp.transformer", (e.LEAD_RECEIVED, e.CRM_RECORD_RECEIVED, e.ENROLLMENT_RECEIVED, e.LEAD_SYNCED))
SYNC_WORKER = Queue(
    "mpp.sync-worker",
    (
        e.LEAD_CREATED,
        e.LEAD_UPDATED,
        e.LEAD_UNLINKED,
        e.CRM_RECORD_CHANGED,
        e.CONNECTION_CONNECTED,
        e.CONNECTION_SYNC_REQUESTED,
    ),
)
WEBHOOK_DISPATCHER = Queue("mpp.webhook-dispatcher", (e.LEAD_CREATED, e.LEAD_UPDATED, e.ENROLLMENT_COMPLETED))
AUDIT = Queue(
    "mpp.audit",
    (
        e.LEAD_CREATED,
        e.LEAD_UPDATED,
        e.LEAD_REJECTED,
        e.ENROLLMENT_COMPLETED,
        e.LEAD_SYNCED,
        e.LEAD_SYNC_FAILED,
        e.LEAD_UNLINKED,
        e.SYNC_FINISHED,
        e.CONNECTION_SYNC_REQUESTED,
        e.IMPORT_ACCEPTED,
        e.CONNECTION_CONNECTED,
    ),
)
QUEUES = (TRANSFORMER, SYNC_WORKER, WEBHOOK_DISPATCHER, AUDIT)
