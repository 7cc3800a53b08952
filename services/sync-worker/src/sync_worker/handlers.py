"""What sync-worker does about each event."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from hub.contracts import events as e
from hub.contracts.cloudevents import Event
from hub.contracts.errors import Outcome, dead
from sync_worker.adapters.lines import Lines
from sync_worker.adapters.runs import Runs
from sync_worker.adapters.targets import Place, Targets
from sync_worker.adapters.wanted import Wanted
from sync_worker.facts import Cause, Causes
from sync_worker.lanes import Lanes
from sync_worker.reading.readers import Readers

Outcomes = dict[str, Outcome]
MAX_VERSION = 2**31 - 1
MAX_SPENT = 1_000  # units, by one test of a connection


@dataclass(frozen=True, slots=True)
class Parts:
    """What handlers work with."""

    lines: Lines
    targets: Targets
    lanes: Lanes
    causes: Causes
    runs: Runs
    wanted: Wanted
    readers: Readers


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
    """``connection.connected``: what the CRM holds is read; then every lead of the account is wanted there."""
    outcomes: Outcomes = {}
    for event in events:
        connection_id = event.data.get("connection_id")
        if type(connection_id) is not int:
            outcomes[event.id] = dead("the event does not name a connection")
            continue
        place = Place(event.account_id, connection_id)
        await parts.lines.spent(place, _spent(event))  # told twice, it only makes the start slower
        schedule = await parts.runs.schedule(place)
        if schedule is not None and await parts.runs.begin(place, schedule, str(_user(event))):
            parts.readers.wake()  # it is written to when the first reading is over, so that nobody is created twice
        else:
            await seed(parts.targets, parts.lanes, place)
    return outcomes


async def seed(targets: Targets, lanes: Lanes, place: Place) -> None:
    """Every lead of the account is wanted in the connection."""
    last: int | None = 0
    while last is not None:
        last = await targets.seed(place, last)
        lanes.wake(place)


async def syncs_requested(parts: Parts, events: Sequence[Event]) -> Outcomes:
    """``connection.sync_requested``: the run is stored; this only saves the time until the next look."""
    parts.readers.wake()
    return {}


async def records_changed(parts: Parts, events: Sequence[Event]) -> Outcomes:
    """``crm.record_changed``: to be read from the CRM."""
    outcomes: Outcomes = {}
    rows: list[tuple[int, int, str]] = []
    for event in events:
        connection_id, record_id = event.data.get("connection_id"), event.data.get("record_id")
        if type(connection_id) is int and isinstance(record_id, str) and "\x00" not in record_id:
            rows.append((event.account_id, connection_id, record_id))
        else:
            outcomes[event.id] = dead("the event does not name a connection and a record")
    if rows:
        accounts, connections, records = (list(column) for column in zip(*rows, strict=True))
        await parts.wanted.hear(accounts, connections, records)
        parts.readers.wake()
    return outcomes


async def leads_unlinked(parts: Parts, events: Sequence[Event]) -> Outcomes:
    """``lead.unlinked``: the CRM's record is gone; it is not made again unless the CRM shows it again."""
    outcomes: Outcomes = {}
    rows: list[tuple[int, int, int, str]] = []
    for event in events:
        data = event.data
        key = (event.account_id, data.get("connection_id"), data.get("lead_id"), data.get("external_id"))
        if type(key[1]) is int and type(key[2]) is int and isinstance(key[3], str):
            rows.append((key[0], key[1], key[2], key[3]))
        else:
            outcomes[event.id] = dead("the event does not name a lead and its record")
    if rows:
        await parts.targets.let_go(rows)
    return outcomes


def _spent(event: Event) -> dict[str, int]:
    """Units of quota by window."""
    told = event.data.get("spent")
    units = told if isinstance(told, dict) else {}
    return {name: count for name, count in units.items() if type(count) is int and 0 < count <= MAX_SPENT}


def _user(event: Event) -> object:
    actor = event.data.get("actor")
    return actor.get("user", "system") if isinstance(actor, dict) else "system"


HANDLERS: Mapping[str, Callable[[Parts, Sequence[Event]], Awaitable[Outcomes]]] = {
    e.LEAD_CREATED: leads_changed,
    e.LEAD_UPDATED: leads_changed,
    e.LEAD_UNLINKED: leads_unlinked,
    e.CRM_RECORD_CHANGED: records_changed,
    e.CONNECTION_CONNECTED: connections_connected,
    e.CONNECTION_SYNC_REQUESTED: syncs_requested,
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
