"""The schema applies, twice without harm, and keeps tenants apart."""

import asyncpg
import pytest

from hub.store.pool import open_pool
from hub.store.schema import migrate


async def test_migrating_again_changes_nothing(database_url: str) -> None:
    await migrate(database_url)
    connection = await asyncpg.connect(database_url)
    try:
        assert await connection.fetchval("SELECT count(*) FROM public.alembic_version") == 1
    finally:
        await connection.close()


async def test_the_gateway_sees_only_the_account_it_works_for(database_url: str) -> None:
    async with await open_pool(database_url, "hub_transformer") as pool:
        await pool.execute(
            "INSERT INTO leads.lead (account_id, id, version, fields, clocks, created_at, updated_at)"
            " SELECT account, 1, 1, '{}', '{}', now(), now() FROM unnest(ARRAY[1, 2]) account"
        )
    async with await open_pool(database_url, "hub_gateway") as pool, pool.acquire() as connection:
        assert await connection.fetch("SELECT account_id FROM leads.lead") == []
        async with connection.transaction():
            await connection.execute("SELECT set_config('hub.account_id', '2', true)")
            rows = await connection.fetch("SELECT account_id FROM leads.lead")
        assert [row["account_id"] for row in rows] == [2]
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("DELETE FROM leads.lead")


async def test_the_audit_trail_cannot_be_changed(database_url: str) -> None:
    async with await open_pool(database_url, None) as pool:
        await pool.execute(
            "INSERT INTO audit.entry (account_id, event_id, event, at, actor, action, fields_changed, subject)"
            " VALUES (1, gen_random_uuid(), 'lead.created', now(), 'a', 'create', '{}', 'lead/1')"
        )
        with pytest.raises(asyncpg.RaiseError, match="append-only"):
            await pool.execute("UPDATE audit.entry SET actor = 'b'")
        with pytest.raises(asyncpg.RaiseError, match="append-only"):
            await pool.execute("TRUNCATE audit.entry")
