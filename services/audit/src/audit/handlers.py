"""What the audit service does with what it hears: it writes everything down."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

import structlog

from audit.domain.entry import Entry, Unrecordable, entry_of
from hub.contracts.cloudevents import Event
from hub.contracts.errors import Outcome, dead
from hub.contracts.topology import AUDIT, Queue
from hub.telemetry.metrics import AUDIT_ENTRIES

_log = structlog.get_logger()


class Trail(Protocol):
    """Where entries go."""

    async def append(self, entries: Sequence[Entry]) -> int:
        """Record each entry once; returns how many were new."""


async def record(trail: Trail, batch: Sequence[Event]) -> Mapping[str, Outcome]:
    """Append a batch; an event that is not what its type promises is put aside, alone."""
    entries: list[Entry] = []
    outcomes: dict[str, Outcome] = {}
    for event in batch:
        try:
            entries.append(entry_of(event))
        except Unrecordable as error:
            _log.warning("audit.unrecordable", event_id=event.id, type=event.type, reason=str(error))
            outcomes[event.id] = dead(str(error))
    new = await trail.append(entries) if entries else 0
    AUDIT_ENTRIES.labels("recorded").inc(new)
    AUDIT_ENTRIES.labels("repeated").inc(len(entries) - new)
    AUDIT_ENTRIES.labels("refused").inc(len(outcomes))
    return outcomes


Handler = Callable[[Trail, Sequence[Event]], Awaitable[Mapping[str, Outcome]]]

HANDLERS: dict[Queue, Handler] = {
    AUDIT: record,
}
