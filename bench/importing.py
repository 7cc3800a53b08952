"""Importing 100,000 leads, HTTP to golden record with history, links, events and audit, against a plain INSERT."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import orjson

from bench import sample
from bench.house import House, running
from hub.local.hub import BusKind

_BATCH = 500


@dataclass(frozen=True)
class ImportFigures:
    """Leads a second, and the largest resident memory of each service in MB."""

    first: float
    again: float
    plain: float
    plain_again: float
    indexed: float
    indexed_again: float
    dlt: float
    dlt_again: float
    resident: dict[str, float]


def measure(bus: BusKind, count: int) -> ImportFigures:
    """The hub and the plain tables, in the same PostgreSQL, one after the other."""
    rows = sample.leads(count)
    second = sample.changed(rows, 0.2)
    with running(bus) as house:
        plain = asyncio.run(_plain(house.hub.database_url, rows, second, indexed=False))
        indexed = asyncio.run(_plain(house.hub.database_url, rows, second, indexed=True))
        asyncio.run(_at_rest(house.hub.database_url))
        merged = _dlt(house, rows, second)
        asyncio.run(_at_rest(house.hub.database_url))
        first, again, resident = asyncio.run(_hub(house, rows, second))
    return ImportFigures(first, again, *plain, *indexed, *merged, resident)


async def _at_rest(url: str) -> None:
    """What the one before wrote is on the disk and its tables are gone: each finds the server as the first did."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("DROP SCHEMA IF EXISTS peer, peer_dlt, peer_dlt_staging CASCADE")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


async def _hub(
    house: House, rows: list[dict[str, Any]], second: list[dict[str, Any]]
) -> tuple[float, float, dict[str, float]]:
    resident: dict[str, float] = {}
    pool = await asyncpg.create_pool(house.hub.database_url, min_size=1, max_size=2)
    watching = asyncio.create_task(_watch(house, resident))
    try:
        first = await _import(house, pool, rows, len(rows))
        changed = sum(new is not old for new, old in zip(second, rows, strict=True))
        again = await _import(house, pool, second, len(rows) + changed)
    finally:
        watching.cancel()
        await pool.close()
    return len(rows) / first, len(rows) / again, resident


def _dlt(house: House, rows: list[dict[str, Any]], second: list[dict[str, Any]]) -> tuple[float, float]:
    files = [house.hub.folder / "first.ndjson", house.hub.folder / "second.ndjson"]
    for path, content in zip(files, (rows, second), strict=True):
        path.write_bytes(b"\n".join(map(orjson.dumps, content)))
    command: list[str | Path] = [
        sys.executable,
        Path(__file__).parent / "peers" / "merge_dlt.py",
        house.hub.database_url,
        *files,
    ]
    environment = os.environ | {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR"}
    shown = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    once, twice = orjson.loads(shown.splitlines()[-1])
    return len(rows) / once, len(rows) / twice


async def _import(house: House, pool: asyncpg.Pool, rows: list[dict[str, Any]], entries: int) -> float:
    """Seconds from the request to the last audit entry."""
    body = b"\n".join(orjson.dumps(row) for row in rows)
    headers = {"Authorization": f"Bearer {house.key}", "Content-Type": "application/x-ndjson"}
    url = f"{house.hub.url}/api/v1/external/leads/import"
    started = time.perf_counter()
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, params={"source": "salesforce"}, data=body, headers=headers) as response,
    ):
        answer = await response.json()
        if response.status != 202:
            raise RuntimeError(f"the import was refused: {answer}")
    await _until(lambda: _handled(pool, answer["import_id"], len(rows)))
    await _until(lambda: _audited(pool, entries))
    return time.perf_counter() - started


async def _handled(pool: asyncpg.Pool, import_id: str, count: int) -> bool:
    statement = "SELECT created + updated + unchanged + rejected FROM leads.import_progress WHERE import_id = $1"
    return int(await pool.fetchval(statement, import_id) or 0) >= count


async def _audited(pool: asyncpg.Pool, entries: int) -> bool:
    statement = "SELECT sum(entries) FROM audit.daily WHERE event IN ('lead.created', 'lead.updated')"
    return int(await pool.fetchval(statement) or 0) >= entries


async def _until(reached: Callable[[], Any], within: float = 300.0) -> None:
    async with asyncio.timeout(within):
        while not await reached():  # noqa: ASYNC110 - the state is the database's
            await asyncio.sleep(0.02)


async def _watch(house: House, largest: dict[str, float]) -> None:
    while True:
        for name, size in house.resident().items():
            largest[name] = max(size, largest.get(name, 0.0))
        await asyncio.sleep(0.2)


_PLAIN_TABLE = """
    CREATE SCHEMA peer;
    CREATE TABLE peer.lead (
        id bigserial PRIMARY KEY, account_id bigint NOT NULL, external_id text NOT NULL, first_name text,
        last_name text, email text, phone text, status text, company text, city text, state text, postal_code text,
        custom_fields jsonb, UNIQUE (account_id, external_id))"""
_LOOK_UPS = "CREATE INDEX ON peer.lead (account_id, email); CREATE INDEX ON peer.lead (account_id, phone)"
_COLUMNS = ("external_id", "first_name", "last_name", "email", "phone", "status", "company", "city", "state")
_PLAIN_UPSERT = """
    INSERT INTO peer.lead (account_id, external_id, first_name, last_name, email, phone, status, company, city, state,
                           postal_code, custom_fields)
    SELECT 1, * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                            $8::text[], $9::text[], $10::text[], $11::jsonb[])
    ON CONFLICT (account_id, external_id) DO UPDATE SET
        first_name = excluded.first_name, last_name = excluded.last_name, email = excluded.email,
        phone = excluded.phone, status = excluded.status, company = excluded.company, city = excluded.city,
        state = excluded.state, postal_code = excluded.postal_code, custom_fields = excluded.custom_fields"""


async def _plain(
    url: str, rows: list[dict[str, Any]], second: list[dict[str, Any]], *, indexed: bool
) -> tuple[float, float]:
    await _at_rest(url)
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(_PLAIN_TABLE)
        if indexed:
            await connection.execute(_LOOK_UPS)
        return len(rows) / await _upsert(connection, rows), len(rows) / await _upsert(connection, second)
    finally:
        await connection.close()


async def _upsert(connection: asyncpg.Connection, rows: list[dict[str, Any]]) -> float:
    started = time.perf_counter()
    for start in range(0, len(rows), _BATCH):
        batch = rows[start : start + _BATCH]
        columns = [[row[name] for row in batch] for name in (*_COLUMNS, "postal_code")]
        custom = [orjson.dumps(row["custom_fields"]).decode() for row in batch]
        await connection.execute(_PLAIN_UPSERT, *columns, custom)
    return time.perf_counter() - started
