"""Batches go into a real trail: each event once, counted once, bad ones put aside alone."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from audit.adapters.trail import PostgresTrail
from audit.handlers import record
from hub.contracts import events as e
from hub.contracts.cloudevents import Event
from hub.contracts.errors import Fate
from hub.store.pool import open_pool

DAY = "2026-01-10"


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with await open_pool(database_url, "hub_audit") as pool:
        yield pool


def lead_event(event_type: str, lead: int, **data: Any) -> Event:
    return Event(
        type=event_type,
        account_id=1,
        subject=f"lead/{lead}",
        source="transformer",
        time=f"{DAY}T10:30:00.000001Z",
        data={"lead": {"id": lead, "version": 1}, "actor": {"user": "key a", "ip_address": "10.0.0.9"}} | data,
    )


async def totals(pool: asyncpg.Pool) -> dict[tuple[int, str, str], int]:
    rows = await pool.fetch("SELECT account_id, day::text, event, entries FROM audit.daily")
    return {(row["account_id"], row["day"], row["event"]): row["entries"] for row in rows}


async def test_an_entry_has_the_design_documents_shape(pool: asyncpg.Pool) -> None:
    event = lead_event(
        e.LEAD_UPDATED, 7, fields_changed=['a"b', "c,d", "status"], origin={"kind": "crm", "source": "custom"}
    )
    assert await record(PostgresTrail(pool), [event]) == {}
    row = dict((await pool.fetch("SELECT * FROM audit.entry"))[0])
    assert str(row.pop("event_id")) == event.id
    assert row == {
        "account_id": 1,
        "event": "lead.updated",
        "at": datetime(2026, 1, 10, 10, 30, 0, 1, tzinfo=UTC),
        "actor": "key a",
        "crm": "custom",
        "action": "update",
        "fields_changed": ['a"b', "c,d", "status"],
        "ip_address": "10.0.0.9",
        "subject": "lead/7",
        "causation_id": None,
        "details": {"version": 1},
    }


async def test_repeated_events_are_recorded_and_counted_once(pool: asyncpg.Pool) -> None:
    trail = PostgresTrail(pool)
    first = [lead_event(e.LEAD_CREATED, lead) for lead in range(5)]
    await record(trail, first + first[:2])
    await record(trail, [*first, lead_event(e.LEAD_CREATED, 9), lead_event(e.LEAD_UPDATED, 9)])
    assert await pool.fetchval("SELECT count(*) FROM audit.entry") == 7
    assert await totals(pool) == {(1, DAY, "lead.created"): 6, (1, DAY, "lead.updated"): 1}


async def test_a_malformed_event_costs_only_itself(pool: asyncpg.Pool) -> None:
    good, bad = lead_event(e.LEAD_CREATED, 1), lead_event(e.LEAD_CREATED, 2, actor={"user": "a\x00b"})
    outcomes = await record(PostgresTrail(pool), [bad, good])
    assert {event_id: outcome.fate for event_id, outcome in outcomes.items()} == {bad.id: Fate.DEAD}
    assert [str(row["event_id"]) for row in await pool.fetch("SELECT event_id FROM audit.entry")] == [good.id]


async def test_a_batch_of_only_malformed_events_writes_nothing(pool: asyncpg.Pool) -> None:
    outcomes = await record(PostgresTrail(pool), [lead_event(e.LEAD_CREATED, 2, actor="x")])
    assert len(outcomes) == 1
    assert await totals(pool) == {}
