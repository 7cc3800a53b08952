"""A customer whose CRM, a simulated vendor's, is connected to a running hub; what is made happen on either side."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import aiohttp
import asyncpg
import orjson

from hub.bus.protocol import Bus
from hub.contracts.ids import new_id
from hub.contracts.topology import QUEUES
from hub.local.hub import LocalHub
from hubctl.session import bus
from hubctl.trial.eventually import eventually
from hubctl.trial.tenant import Tenant, target_of, tenant
from hubctl.trial.vendors import SimulatedVendor, VendorControl

_CONNECTIONS = "/api/v1/external/connections"
_OVER = ("done", "failed", "cancelled")
_PUSHED = """
    SELECT count(*) FROM sync.target
    WHERE account_id = $1 AND connection_id = $2 AND state = 'in_sync' AND base ->> 'first_name' = $3"""

_WAITING = """
    SELECT EXISTS (SELECT FROM leads.outbox) OR EXISTS (SELECT FROM sync.outbox)
        OR EXISTS (SELECT FROM sync.target WHERE account_id = $1 AND state = 'due')"""
_LOOKS = 4  # in a row


@dataclass(frozen=True, slots=True)
class Shape:
    """Names in a vendor's record, and what gives a person another last name there."""

    names: Callable[[Mapping[str, Any]], tuple[str, str]]  # first, last
    email: Callable[[Mapping[str, Any]], str]
    renamed: Callable[[str, str], dict[str, Any]]  # by first and last name


_SHAPES = {
    "salesforce": Shape(
        lambda record: (record["FirstName"], record["LastName"]),
        lambda record: record["Email"],
        lambda _first, last: {"LastName": last},
    ),
    "hubspot": Shape(
        lambda record: (record["properties"]["firstname"], record["properties"]["lastname"]),
        lambda record: record["properties"]["email"],
        lambda _first, last: {"lastname": last},
    ),
    "pipedrive": Shape(
        lambda record: (record["first_name"], record["last_name"]),
        lambda record: record["emails"][0]["value"],
        lambda first, last: {"name": f"{first} {last}"},
    ),
}


@dataclass
class Stage:
    """One customer, one CRM."""

    hub: LocalHub
    vendor: SimulatedVendor
    crm: VendorControl
    tenant: Tenant
    pool: asyncpg.Pool
    connection_id: int = 0

    @property
    def shape(self) -> Shape:
        """How the vendor names things."""
        return _SHAPES[self.vendor.vendor.crm_type]

    async def connect(self, **config: Any) -> None:
        """Through the consent page; the first reading begins by itself."""
        self.connection_id = await self.tenant.consent(self.vendor, schedule="manual", **config)

    async def read(self, mode: str) -> None:
        """Ask for a reading."""
        path = f"{_CONNECTIONS}/{self.connection_id}/sync"
        async with self.tenant.session.post(path, json={"mode": mode}, raise_for_status=True):
            pass

    async def latest_run(self) -> dict[str, Any]:
        """The latest reading; empty when there is none yet."""
        runs = (await self.tenant.get(f"{_CONNECTIONS}/{self.connection_id}/runs"))["runs"]
        return dict(runs[0]) if runs else {}

    async def run_over(self, within: float = 180.0) -> int:
        """Wait until the latest reading is over; how many records it read. Raises RuntimeError when it failed."""

        async def over() -> dict[str, Any] | None:
            run = await self.latest_run()
            return run if run.get("state") in _OVER else None

        run = await eventually(over, within)
        if run is None or run["state"] != "done":
            raise RuntimeError(f"the reading failed: {run}")
        return int(run["records"])

    async def rest(self) -> None:
        """Until nothing of this customer's is under way (another's may wait). Raises TimeoutError."""

        async def nothing_waits() -> bool:
            return not await self.pool.fetchval(_WAITING, self.tenant.account_id)

        async with bus(target_of(self.hub)) as line:
            for _ in range(_LOOKS):
                await eventually(nothing_waits, within=120)
                await eventually(partial(_drained, line), within=120)
                await asyncio.sleep(0.25)

    async def people(self) -> list[dict[str, Any]]:
        """The CRM's records."""
        return await self.crm.records()

    async def rename_in_hub(self, people: list[dict[str, Any]], name: str) -> None:
        """Another system imports another first name for these."""
        rows = [{"email": self.shape.email(each), "first_name": name} for each in people]
        headers = {"Content-Type": "application/x-ndjson"}
        async with self.tenant.session.post(
            "/api/v1/external/leads/import",
            params={"source": "portal"},
            data=b"\n".join(map(orjson.dumps, rows)),
            headers=headers,
            raise_for_status=True,
        ):
            pass

    async def pushed(self, name: str) -> int:
        """How many leads the CRM has under that first name, as the hub knows."""
        return int(await self.pool.fetchval(_PUSHED, self.tenant.account_id, self.connection_id, name))

    async def until_pushed(self, name: str, count: int, within: float = 300.0) -> None:
        """Wait for so many, and see that they are there. Raises TimeoutError and RuntimeError."""

        async def there() -> bool:
            return await self.pushed(name) >= count

        await eventually(there, within, every=0.1)
        found = sum(self.shape.names(each)[0] == name for each in await self.people())
        if found != count:
            raise RuntimeError(f"{found} records instead of {count} are called {name}")

    async def rename_in_crm(self, people: list[dict[str, Any]], name: str) -> None:
        """People give these another last name."""
        first_names = ((str(each["id" if "id" in each else "Id"]), self.shape.names(each)[0]) for each in people)
        await self.crm.edit((record_id, self.shape.renamed(first, name)) for record_id, first in first_names)

    async def until_read(self, name: str, count: int) -> None:
        """Wait until the hub has so many leads under that last name. Raises TimeoutError.

        A reading is over when the last of its events was handled; others may be a moment behind.
        """

        async def there() -> bool:
            path, query = "/api/v1/external/leads/export", {"format": "ndjson"}
            async with self.tenant.session.get(path, params=query, raise_for_status=True) as answer:
                found = [orjson.loads(line) async for line in answer.content if line.strip()]
            return bool(sum(lead["last_name"] == name for lead in found) == count)

        await eventually(there)


async def _drained(line: Bus) -> bool:
    return all([await line.depth(queue.name) == 0 for queue in QUEUES])


@asynccontextmanager
async def stage(hub: LocalHub, vendor: SimulatedVendor, *, seeds: int) -> AsyncIterator[Stage]:
    """A new customer with an empty hub and so many records in a new CRM; disconnected afterwards."""
    async with (
        aiohttp.ClientSession() as session,
        tenant(hub, f"{vendor.vendor.title} {new_id()}") as agency,
        await asyncpg.create_pool(hub.database_url, min_size=1, max_size=2) as pool,
    ):
        crm = VendorControl(session, vendor)
        await crm.steer("reset")
        if seeds:
            await crm.seed(seeds)
        found = Stage(hub, vendor, crm, agency, pool)
        try:
            yield found
        finally:
            if found.connection_id:
                async with agency.session.delete(f"{_CONNECTIONS}/{found.connection_id}"):
                    pass
            await asyncio.sleep(1.5)  # lanes see it
