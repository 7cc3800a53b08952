"""Tables that grow with every event are emptied at their far end."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from hub.contracts.ids import new_id
from hub.store.pool import open_pool
from transformer.adapters.purging import forget

SEED = """
    WITH issue AS (
        INSERT INTO leads.import_issue (account_id, import_id, event_id, position, severity, code, message)
        SELECT $1, $2, gen_random_uuid(), n, 'warning', 'INVALID_PHONE', 'x' FROM generate_series(1, 6000) n),
    progress AS (INSERT INTO leads.import_progress (account_id, import_id, created) VALUES ($1, $2, 6000))
    INSERT INTO leads.inbox (account_id, event_id, handled_at) VALUES ($1, $2, now() - $3::float8 * interval '1 day')"""


@pytest.fixture
async def admin(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with await open_pool(database_url, None) as pool:
        await pool.execute("INSERT INTO control.account (name) VALUES ('a'), ('b')")
        yield pool


async def test_only_what_is_old_goes(database_url: str, admin: asyncpg.Pool) -> None:
    before = new_id()
    await admin.execute(SEED, 1, before, 15)
    await asyncio.sleep(0.3)
    after = new_id()
    await admin.execute(SEED, 2, after, 13)
    async with await open_pool(database_url, "hub_transformer") as pool:
        assert await forget(pool, inbox_days=14, import_days=0.15 / 86_400) == 6002
        assert await forget(pool, inbox_days=14, import_days=90) == 0
    for table in ("import_issue", "import_progress"):
        left = await admin.fetch(f"SELECT DISTINCT import_id::text FROM leads.{table}")  # noqa: S608 - named above
        assert [row["import_id"] for row in left] == [after]
    assert await admin.fetchval("SELECT array_agg(event_id::text) FROM leads.inbox") == [after]
