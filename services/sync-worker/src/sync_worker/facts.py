"""The events sync-worker publishes."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from hub.contracts import events as e
from hub.contracts.cloudevents import Event
from hub.contracts.pulling import RemoteRecord
from sync_worker.adapters.lines import Line
from sync_worker.domain.received import received
from sync_worker.domain.settlement import Settlement

SOURCE = "sync-worker"
_CAUSES_KEPT = 10_000
_SYSTEM = {"user": "system", "ip_address": None}


@dataclass(frozen=True, slots=True)
class Cause:
    """The event that made a lead due: a hint for the audit trail, kept in memory only."""

    event_id: str
    traceparent: str | None


class Causes:
    """The latest cause by (account, lead), the oldest forgotten first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, int], Cause] = OrderedDict()

    def keep(self, account_id: int, lead_id: int, cause: Cause) -> None:
        """Remember, replacing an older one."""
        self._kept[account_id, lead_id] = cause
        self._kept.move_to_end((account_id, lead_id))
        if len(self._kept) > _CAUSES_KEPT:
            self._kept.popitem(last=False)

    def get(self, account_id: int, lead_id: int) -> Cause | None:
        """What made the lead due, when this process heard of it."""
        return self._kept.get((account_id, lead_id))


def fact(line: Line, settlement: Settlement, causes: Causes) -> Event | None:
    """``lead.synced``, ``lead.sync_failed``, or that a record is gone; None when there is nothing to tell."""
    claimed = settlement.plan.claimed
    if settlement.state == "gone":
        return _gone(line, settlement)
    data: dict[str, Any] = {
        "lead_id": claimed.lead_id,
        "connection_id": line.place.connection_id,
        "crm_type": line.crm_type,
        "version": claimed.version or claimed.desired_version,
        "actor": _SYSTEM,
    }
    if settlement.action:
        sent = dict(settlement.plan.sent or {})
        data |= {
            "external_id": settlement.external_id,
            "action": settlement.action,
            "fields_changed": sorted(sent),
            "base": sent,
            "duration_ms": round(settlement.call_ms, 3),
        }
        return _event(e.LEAD_SYNCED, line, claimed.lead_id, data, causes)
    if settlement.state == "failed":
        data |= _failure(settlement)
        return _event(e.LEAD_SYNC_FAILED, line, claimed.lead_id, data, causes)
    return None


def _gone(line: Line, settlement: Settlement) -> Event | None:
    """What a webhook or a reading would have told, had it come before: the transformer lets go of the record."""
    item = settlement.plan.item
    if item is None or item.external_id is None:
        return None
    record = RemoteRecord(item.external_id, deleted=True)
    reading = str(settlement.plan.claimed.claim)
    return received(line.place.account_id, line.place.connection_id, line.crm_type, record, reading)


def _failure(settlement: Settlement) -> dict[str, Any]:
    """The design document's error format: CRM_SYNC_FAILED, with the CRM's own words as details."""
    error = settlement.error or {}
    details = {
        "crm_error": error.get("code"),
        "field": error.get("field"),
        "attempted_value": error.get("attempted_value"),
        "kind": error.get("kind"),
        "status": error.get("status"),
    }
    return {
        "code": "CRM_SYNC_FAILED",
        "message": str(error.get("message") or "the CRM did not take the lead"),
        "details": {name: value for name, value in details.items() if value is not None},
        "attempts": settlement.attempts,
    }


def _event(kind: str, line: Line, lead_id: int, data: dict[str, Any], causes: Causes) -> Event:
    cause = causes.get(line.place.account_id, lead_id)
    return Event(
        type=kind,
        account_id=line.place.account_id,
        subject=f"lead/{lead_id}",
        data=data,
        source=SOURCE,
        causation_id=cause.event_id if cause else None,
        traceparent=cause.traceparent if cause else None,
    )
