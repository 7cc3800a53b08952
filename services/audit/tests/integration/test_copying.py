"""Large batches are copied in: the same rows and totals as by INSERT, whatever is in them."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from audit.adapters.trail import PostgresTrail
from audit.domain.entry import Entry, entry_of
from hub.contracts import events as e
from hub.contracts.cloudevents import Event
from hub.store.pool import open_pool

NASTY = (
    "a\\b",
    "tab\there",
    "line\nbreak",
    "cr\rlf\r\n",
    "\\N",
    "\\.",
    "",
    "Žofie 🎻 \u2028",
    "\"q\" {x,y} 'z'",
    "\x01\x7f",
)
TIMES = ("2026-01-10T23:59:59.999999Z", "2026-01-11T01:00:00+02:00", "0001-01-02T00:00:00+00:00", "20260111T00Z")


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with await open_pool(database_url, "hub_audit") as pool:
        yield pool


def entries(count: int, account: int = 1) -> list[Entry]:
    """Entries with every nasty text in every column that takes text."""
    made = []
    for number in range(count):
        text = NASTY[number % len(NASTY)]
        data: dict[str, Any] = {
            "lead": {"id": number, "version": number, "x": text},
            "actor": {"user": text, "ip_address": text},
            "origin": {"kind": "crm", "source": text, "import_id": text},
            "fields_changed": [text, "status"] if number % 3 else [],
        }
        kind = (e.LEAD_CREATED, e.LEAD_UPDATED)[number % 2]
        time, cause = TIMES[number % len(TIMES)], text if number % 2 else None
        made.append(entry_of(Event(kind, account, text, data, "test", time=time, causation_id=cause)))
    return made


async def recorded(pool: asyncpg.Pool, account: int) -> list[tuple[Any, ...]]:
    columns = ", ".join(Entry._fields[2:])
    rows = await pool.fetch(f"SELECT {columns} FROM audit.entry WHERE account_id = $1 ORDER BY event_id", account)  # noqa: S608
    return [tuple(row) for row in rows]


async def totals(pool: asyncpg.Pool, account: int) -> dict[tuple[str, str], int]:
    rows = await pool.fetch("SELECT day::text, event, entries FROM audit.daily WHERE account_id = $1", account)
    return {(row["day"], row["event"]): row["entries"] for row in rows}


async def test_copied_rows_are_those_that_an_insert_would_make(pool: asyncpg.Pool) -> None:
    trail = PostgresTrail(pool)
    assert await trail.append(entries(400, account=1)) == 400
    one_by_one = entries(400, account=2)
    for start in range(0, 400, 10):
        assert await trail.append(one_by_one[start : start + 10]) == 10
    assert await recorded(pool, 1) == await recorded(pool, 2)
    assert await totals(pool, 1) == await totals(pool, 2)
    assert sum((await totals(pool, 1)).values()) == 400


async def test_repeated_entries_among_many_are_recorded_and_counted_once(pool: asyncpg.Pool) -> None:
    trail, known = PostgresTrail(pool), entries(100)
    assert await trail.append(known + known[:50]) == 100
    assert await trail.append(known) == 0
    assert await trail.append(known[:60] + entries(40)) == 40
    assert len(await recorded(pool, 1)) == sum((await totals(pool, 1)).values()) == 140


async def test_a_role_that_rows_are_guarded_from_records_as_well(database_url: str) -> None:
    administrator = await asyncpg.connect(database_url)
    await administrator.execute("ALTER ROLE hub_audit NOBYPASSRLS")
    try:
        async with await open_pool(database_url, "hub_audit") as pool:
            assert await PostgresTrail(pool).append(entries(100)) == 100
        assert await administrator.fetchval("SELECT sum(entries)::int FROM audit.daily") == 100
    finally:
        await administrator.execute("ALTER ROLE hub_audit BYPASSRLS")
        await administrator.close()
