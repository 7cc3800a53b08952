"""What sync-worker does about each event."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from hub.contracts import events as e
from hub.contracts.cloudevents import Event
from hub.contracts.errors import Outcome, dead
from sync_worker.adapters.targets import Place, Targets
from sync_worker.facts import Cause, Causes
from sync_worker.lanes import Lanes

Outcomes = dict[str, Outcome]
MAX_VERSION = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Parts:
    """What handlers work with."""

    targets: Targets
    lanes: Lanes
    causes: Causes


async def leads_changed(parts: Parts, events: Sequence[Event]) -> Outcomes:
    """``lead.created`` and ``lead.updated``: raise the version their connections should have, and wake those."""
    outcomes: Outcomes = {}
    rows: list[tuple[int, int, int]] = []
    # Asked anew for each batch: a connection made after this finds the batch's leads stored, and seeds them all.
    connected = await parts.targets.connected({event.account_id for event in events})
    for event in events:
        if event.account_id not in connected:
            continue
        lead = event.data.get("lead")
        lead_id, version = (lead.get("id"), lead.get("version")) if isinstance(lead, dict) else (None, None)
        if type(lead_id) is int and type(version) is int and 0 < version <= MAX_VERSION:
            rows.append((event.account_id, lead_id, version))
            parts.causes.keep(event.account_id, lead_id, Cause(event.id, event.traceparent))
        else:
            outcomes[event.id] = dead("the event does not name a lead and its version")
    if rows:
        accounts, leads, versions = (list(column) for column in zip(*rows, strict=True))
        for place in await parts.targets.raise_versions(accounts, leads, versions):
            parts.lanes.wake(place)
    return outcomes


async def connections_connected(parts: Parts, events: Sequence[Event]) -> Outcomes:
    """``connection.connected``: every lead of the account is wanted there."""
    outcomes: Outcomes = {}
    for event in events:
        connection_id = event.data.get("connection_id")
        if type(connection_id) is not int:
            outcomes[event.id] = dead("the event does not name a connection")
            continue
        place = Place(event.account_id, connection_id)
        last: int | None = 0
        while last is not None:
            last = await parts.targets.seed(place, last)
            parts.lanes.wake(place)
    return outcomes


HANDLERS: Mapping[str, Callable[[Parts, Sequence[Event]], Awaitable[Outcomes]]] = {
    e.LEAD_CREATED: leads_changed,
    e.LEAD_UPDATED: leads_changed,
    e.CONNECTION_CONNECTED: connections_connected,
}


async def handle(parts: Parts, events: Sequence[Event]) -> Outcomes:
    """A batch as it came: each handler gets its events in order."""
    outcomes: Outcomes = {}
    batches: dict[Callable[[Parts, Sequence[Event]], Awaitable[Outcomes]], list[Event]] = {}
    for event in events:
        handler = HANDLERS.get(event.type)
        if handler:
            batches.setdefault(handler, []).append(event)
        else:
            outcomes[event.id] = dead(f"nothing handles {event.type}")
    for handler, batch in batches.items():
        outcomes |= await handler(parts, batch)
    return outcomes
