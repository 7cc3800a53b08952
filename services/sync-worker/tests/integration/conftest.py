"""A hub around sync-worker: database, embedded bus, CRM simulator, and leads as the transformer would leave them."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from hub.bus import open_bus
from hub.bus.protocol import Bus
from hub.contracts import events as e
from hub.contracts.cloudevents import Event, decode_batch
from hub.contracts.ids import now_text
from hub.contracts.records import lead_document
from hub.local.children import spawn, stop
from hub.runtime import Service
from hub.store.pool import open_pool
from hub.vault import Keyring, Vault
from simulators.custom.app import Running, running
from sync_worker.app import build
from sync_worker.settings import SyncWorkerSettings

API_KEY = "canary-crm-key-5c1d"


@dataclass
class World:
    """The surroundings of one test. ``database`` acts as superuser."""

    database_url: str
    database: asyncpg.Pool
    bus: Bus
    crm: Running
    vault: Vault
    keyring: Keyring
    account_id: int
    folder: Path

    def settings(self, **changed: Any) -> SyncWorkerSettings:
        """Settings with short times."""
        values = {
            "database_url": self.database_url,
            "keyring": self.keyring.dumps(),
            "egress_allow": "127.0.0.0/8",
            "sync_poll_seconds": 0.2,
            "sync_call_seconds": 2.0,
            "sync_lease_seconds": 6.0,
            "sync_outage_seconds": 0.5,
        }
        return SyncWorkerSettings.model_validate(values | changed)

    def environment(self, **changed: Any) -> dict[str, str]:
        """The same for a process of its own."""
        dumped = self.settings(**changed).model_dump(mode="json")
        dumped |= dumped.pop("oauth_apps")
        return {f"HUB_{name.upper()}": str(value) for name, value in dumped.items()}

    async def connect(self, name: str = "crm", **config: Any) -> int:
        """A connection to the simulator; returns its id. Nobody is told: see ``announce``."""
        document = {"crm_type": "custom", "auth_type": "api_key", "base_url": f"{self.crm.url}/v2", **config}
        connection_id: int = await self.database.fetchval(
            """INSERT INTO control.connection (account_id, crm_type, name, config)
               VALUES ($1, 'custom', $2, $3) RETURNING id""",
            self.account_id,
            name,
            document,
        )
        await self.give_key(connection_id, API_KEY)
        return connection_id

    async def give_key(self, connection_id: int, key: str) -> None:
        """Store an API key and set the connection to connected."""
        sealed = await self.vault.seal(self.account_id, f"connection:{connection_id}:credentials", key.encode())
        await self.database.execute(
            "UPDATE control.connection SET credentials = $2, status = 'connected', updated_at = now() WHERE id = $1",
            connection_id,
            sealed,
        )

    async def move(self, connection_id: int, base_url: str) -> None:
        """Point a connection elsewhere."""
        await self.database.execute(
            """UPDATE control.connection
               SET config = config || jsonb_build_object('base_url', $2::text), updated_at = now() WHERE id = $1""",
            connection_id,
            base_url,
        )

    async def announce(self, connection_id: int, **told: Any) -> None:
        """Publish connection.connected."""
        data = {"connection_id": connection_id, "crm_type": "custom", "actor": {"user": "test"}, **told}
        subject = f"connection/{connection_id}"
        await self.bus.publish(Event(e.CONNECTION_CONNECTED, self.account_id, subject, data, "gateway"))

    async def write(self, leads: Mapping[int, Mapping[str, Any]], *, tell: bool = True) -> list[Event]:
        """Create leads, or change fields of existing ones, and publish it."""
        rows = await self.database.fetch(
            """INSERT INTO leads.lead AS l (account_id, id, version, fields, clocks, created_at, updated_at)
               SELECT $1, id, 1, fields, '{}', now(), now() FROM unnest($2::bigint[], $3::jsonb[]) u (id, fields)
               ON CONFLICT (account_id, id) DO UPDATE SET
                   version = l.version + 1, fields = l.fields || EXCLUDED.fields, updated_at = now()
               RETURNING id, version, fields""",
            self.account_id,
            list(leads),
            [dict(fields) for fields in leads.values()],
        )
        events = [self._changed(row["id"], row["version"], row["fields"]) for row in rows]
        if tell:
            await self.bus.publish_many(events)
        return events

    def _changed(self, lead_id: int, version: int, fields: dict[str, Any]) -> Event:
        data = {
            "lead": lead_document(lead_id, version, fields, now_text(), now_text()),
            "fields_changed": sorted(fields),
            "origin": {"kind": "api", "source": "test"},
            "actor": {"user": "test"},
        }
        kind = e.LEAD_CREATED if version == 1 else e.LEAD_UPDATED
        return Event(kind, self.account_id, f"lead/{lead_id}", data, "transformer")

    async def link(self, connection_id: int, lead_id: int, external_id: str, base: Mapping[str, Any]) -> None:
        """What the transformer notes about a record that it saw."""
        await self.database.execute(
            """INSERT INTO leads.link VALUES ($1, 'crm/' || $2::bigint, $3, $4, $5, now())
               ON CONFLICT (account_id, owner, external_id) DO UPDATE SET base = EXCLUDED.base, seen_at = now()""",
            self.account_id,
            connection_id,
            external_id,
            lead_id,
            dict(base),
        )

    async def targets(self, connection_id: int) -> list[asyncpg.Record]:
        """Rows of sync.target."""
        rows: list[asyncpg.Record] = await self.database.fetch(
            "SELECT * FROM sync.target WHERE connection_id = $1 ORDER BY lead_id", connection_id
        )
        return rows

    async def all_in(self, connection_id: int, state: str, count: int) -> bool:
        """Whether exactly ``count`` rows exist and are in this state."""
        states = await self.database.fetch(
            "SELECT state, count(*) AS n FROM sync.target WHERE connection_id = $1 GROUP BY state", connection_id
        )
        return [(row["state"], row["n"]) for row in states] == [(state, count)]

    def records(self) -> dict[str, dict[str, Any]]:
        """The CRM's records by the hub's reference."""
        return {record.get("external_id") or record["id"]: record for record in self.crm.crm.store.everything()}

    def requests(self, *routes: str) -> int:
        """How many requests the CRM got."""
        return sum(self.crm.crm.requests[route] for route in routes)

    async def said(self) -> list[Event]:
        """All events that sync-worker published (the audit queue keeps them, for nobody consumes it here)."""
        rows = await self.database.fetch("SELECT body FROM bus.body ORDER BY id")
        events: dict[str, Event] = {}
        for row in rows:
            for event in decode_batch(row["body"]):
                if event.source == "sync-worker":
                    events[event.id] = event
        return list(events.values())


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """A fresh world with one account and no connection."""
    async with AsyncExitStack() as stack:
        database = await open_pool(database_url, None)
        stack.push_async_callback(database.close)
        bus = open_bus(database_url, name="test")
        await bus.connect()
        stack.push_async_callback(bus.close)
        crm = await stack.enter_async_context(running(tmp_path / "crm.sqlite", API_KEY))
        account_id = await database.fetchval("INSERT INTO control.account (name) VALUES ('test') RETURNING id")
        keyring = Keyring.generate()
        yield World(database_url, database, bus, crm, Vault(database, keyring), keyring, account_id, tmp_path)


Worker = Callable[..., Any]


@pytest.fixture
def worker(world: World) -> Worker:
    """``async with worker(**settings):`` runs sync-worker in this process."""

    @asynccontextmanager
    async def run(**changed: Any) -> AsyncIterator[Service]:
        settings = world.settings(**changed)
        service = Service("sync-worker", settings)
        try:
            await build(service, settings)
            yield service
        finally:
            await service.close()

    return run


@pytest.fixture
def processes(world: Any) -> Iterator[Any]:
    """``processes()`` starts a worker process; all are ended with the test."""
    started: list[subprocess.Popen[bytes]] = []
    logs = (world.folder / "workers.log").open("ab")

    def start(**settings: Any) -> subprocess.Popen[bytes]:
        started.append(
            spawn([sys.executable, "-m", "sync_worker"], environment=world.environment(**settings), log=logs)
        )
        return started[-1]

    yield start
    for process in started:
        stop(process)
    logs.close()


async def _eventually(condition: Callable[[], Any], within: float = 15.0) -> None:
    deadline = time.monotonic() + within
    while True:
        answer = condition()
        if asyncio.iscoroutine(answer):
            answer = await answer
        if answer:
            return
        assert time.monotonic() < deadline, f"it did not come to pass within {within} s"
        await asyncio.sleep(0.02)


@pytest.fixture
def eventually() -> Callable[..., Any]:
    """``await eventually(condition, within=seconds)``: the condition may be a coroutine function."""
    return _eventually


def person(number: int, **fields: Any) -> dict[str, Any]:
    """A lead's registers."""
    return {"first_name": "Ana", "last_name": f"Núñez {number}", "email": f"ana{number}@example.com", **fields}


@pytest.fixture
def people() -> Callable[[Sequence[int]], dict[int, dict[str, Any]]]:
    """Leads by id."""
    return lambda numbers: {number: person(number) for number in numbers}
