"""Those around sync-worker when it reads: a CRM with pages, a gateway that asks, a transformer that takes note."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

from hub.contracts import events as e
from hub.contracts.cloudevents import Event

PAGED = {"paging": {"kind": "page", "size": 20, "size_param": "per_page", "total_path": "total"}}


@asynccontextmanager
async def transformer(world: Any) -> AsyncIterator[None]:
    """Takes note of all that was read, as the transformer does."""

    async def note() -> None:
        while True:
            read = [each for each in await world.said() if each.type == e.CRM_RECORD_RECEIVED]
            await world.database.execute(
                """INSERT INTO leads.inbox (account_id, event_id, outcome) SELECT $1, unnest($2::uuid[]), 'created'
                   ON CONFLICT DO NOTHING""",
                world.account_id,
                [UUID(each.id) for each in read],
            )
            await asyncio.sleep(0.05)

    task = asyncio.create_task(note())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def told(world: Any, event: str = "lead.updated") -> list[str]:
    """Record ids that were told of, in order, repetitions included."""
    said = await world.said()
    return [
        each.data["record_id"] for each in said if each.type == e.CRM_RECORD_RECEIVED and each.data["event"] == event
    ]


async def runs(world: Any, connection_id: int) -> list[Any]:
    """Rows of sync.run, oldest first."""
    rows: list[Any] = await world.database.fetch(
        "SELECT * FROM sync.run WHERE connection_id = $1 ORDER BY created_at", connection_id
    )
    return rows


async def ask(world: Any, connection_id: int, mode: str = "changes") -> None:
    """What the gateway does when somebody wants a reading."""
    run_id = uuid4()
    await world.database.execute(
        """INSERT INTO sync.run (account_id, connection_id, id, kind, mode, requested_by)
           VALUES ($1, $2, $3, $4, $5, 'me')""",
        world.account_id,
        connection_id,
        run_id,
        "on_demand",
        mode,
    )
    data = {"connection_id": connection_id, "crm_type": "custom", "run_id": str(run_id), "actor": {"user": "me"}}
    await world.bus.publish(Event(e.CONNECTION_SYNC_REQUESTED, world.account_id, "connection", data, "gateway"))


def ended(world: Any, connection_id: int, count: int, state: str = "done") -> Callable[[], Any]:
    """Whether so many runs have come to this end."""

    async def check() -> bool:
        return [row["state"] for row in await runs(world, connection_id)].count(state) >= count

    return check
