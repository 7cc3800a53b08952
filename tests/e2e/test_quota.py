"""Two copies of sync-worker: one quota, one refresh of the token, and one end of it all when the grant is revoked."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from hub.local.hub import LocalHub
from hub.local.keeper import Keeper
from hub.local.ports import free_port
from hub.local.programs import PythonProgram, wait_answering
from hubctl.trial.eventually import eventually
from hubctl.trial.tenant import Tenant, tenant
from hubctl.trial.vendors import VENDORS, SimulatedVendor, VendorControl

BURST = 25  # calls of HubSpot's ten seconds; a call carries a hundred leads
_PUSHES = "hub_sync_pushes_total"
_SERVICES = ("sync-worker", "transformer", "gateway")
_SETTINGS = {"HUB_SYNC_LEASE_SECONDS": "5", "HUB_SYNC_CALL_SECONDS": "5"}
# A copy has two batches in hand, a thousand leads each: the third is the other copy's.
_CONFIG: dict[str, Any] = {
    "push_concurrency": 1,
    "retry_config": {"max_attempts": 20, "initial_delay": 50, "max_delay": 500},
    "schedule": "manual",
}


class Copies:
    """A hub whose sync-worker runs twice."""

    def __init__(self, hub: LocalHub) -> None:
        self.hub, port = hub, free_port()
        environment = hub.environment("sync-worker") | {"HUB_HTTP_PORT": str(port)}
        self.second = PythonProgram("sync_worker", environment=environment, log_file=hub.log("sync-worker-2"))
        self._health = {"the first": hub.health_url("sync-worker", ""), "the second": f"http://127.0.0.1:{port}"}

    def wait_ready(self) -> None:
        """Wait for the second; the hub has waited for the first."""
        urls = {name: f"{url}/readyz" for name, url in self._health.items()}
        wait_answering(urls, within=30, logs=self.second.log_file.parent)

    async def pushed(self) -> dict[str, float]:
        """Leads that each copy has written to the CRM."""
        return {name: await _metric(url) for name, url in self._health.items()}


async def _metric(url: str) -> float:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(_PUSHES) and 'outcome="ok"' in line)


@contextmanager
def copies(crm_type: str, folder: Path) -> Iterator[tuple[SimulatedVendor, Copies]]:
    """A vendor, and a hub that knows it."""
    vendor = SimulatedVendor(VENDORS[crm_type], folder / "vendor.log")
    keeper = Keeper({"vendor": vendor})
    keeper.start("vendor")
    try:
        vendor.wait_ready()
        hub = LocalHub(folder / "hub", services=_SERVICES, settings=vendor.settings() | _SETTINGS)
        hub.start()
        found = Copies(hub)
        try:
            found.second.start()
            found.wait_ready()
            yield vendor, found
        finally:
            found.second.stop()
            hub.stop()
    finally:
        keeper.close(["vendor"])


@dataclass(frozen=True, slots=True)
class Scene:
    """A customer of a hub with two sync-workers."""

    copies: Copies
    vendor: SimulatedVendor
    crm: VendorControl
    tenant: Tenant

    async def change(self, leads: int, city: str) -> None:
        """Another system imports these."""
        rows = [{"email": f"lead{n}@example.com", "last_name": f"Lead {n}", "city": city} for n in range(leads)]
        for begin in range(0, leads, 1_000):
            await self.tenant.import_leads(rows[begin : begin + 1_000], "portal")

    async def until_there(self, leads: int, city: str) -> None:
        """Until the CRM has them."""

        async def there() -> bool:
            return await self.in_crm(city) == leads

        await eventually(there, within=40, every=0.3)

    async def in_crm(self, city: str) -> int:
        """Records with that city."""
        records = [record.get("properties", record) for record in await self.crm.records()]
        return sum(record.get("city", record.get("City")) == city for record in records)

    async def connection(self) -> dict[str, Any]:
        """The only one."""
        (found,) = (await self.tenant.get("/api/v1/external/connections"))["connections"]
        return dict(found)


@pytest.fixture(scope="module")
def hubspot(server_folder: Path) -> Iterator[tuple[SimulatedVendor, Copies]]:
    """For all tests of this file."""
    with copies("hubspot", server_folder / "quota") as both:
        yield both


@pytest.fixture
async def scene(hubspot: tuple[SimulatedVendor, Copies], request: pytest.FixtureRequest) -> AsyncIterator[Scene]:
    """A new customer, with a new CRM, connected."""
    vendor, two = hubspot
    async with tenant(two.hub, request.node.name) as agency, aiohttp.ClientSession() as session:
        crm = VendorControl(session, vendor)
        await crm.steer("reset")
        connection_id = await agency.consent(vendor, **_CONFIG)
        found = Scene(two, vendor, crm, agency)

        async def read() -> bool:
            return ((await found.connection())["last_run"] or {}).get("state") == "done"

        await eventually(read)
        yield found
        async with agency.session.delete(f"/api/v1/external/connections/{connection_id}") as answer:
            assert answer.status == 200, await answer.text()


async def test_two_copies_share_one_budget(scene: Scene) -> None:
    await scene.change(1, "Aachen")
    await scene.until_there(1, "Aachen")
    await scene.crm.steer("clock", advance=10)  # what was called under the usual limit is forgotten
    await scene.crm.steer("limits", burst=BURST)
    await scene.crm.steer("calls/reset")
    before = await scene.copies.pushed()
    await scene.change(3_000, "Bonn")
    await scene.until_there(3_000, "Bonn")
    told = await scene.crm.calls()
    assert told["refused"] == {}
    (burst,) = [window for name, window in told["windows"].items() if name.startswith("burst")]
    assert burst["peak"] <= BURST < told["total"]
    after = await scene.copies.pushed()
    assert all(after[name] > before[name] for name in after), (before, after)


async def test_two_copies_share_one_refresh(scene: Scene) -> None:
    await scene.change(4_000, "Celle")
    await scene.until_there(4_000, "Celle")
    # Slow enough for the copy that heard nothing of the changes to come upon them.
    await scene.crm.faults({"match": {"path": "^/crm/"}, "kind": "latency", "seconds": 0.7, "probability": 1.0})
    before = await scene.copies.pushed()
    await scene.crm.steer("tokens", expire="all")
    await scene.change(4_000, "Dresden")
    await scene.until_there(4_000, "Dresden")
    assert (await scene.crm.calls())["refreshes"] == 1
    after = await scene.copies.pushed()
    assert all(after[name] > before[name] for name in after), (before, after)
    assert (await scene.connection())["status"] == "connected"


async def test_a_revoked_grant_stops_calls_within_one_attempt(scene: Scene) -> None:
    await scene.change(100, "Freiburg")
    await scene.until_there(100, "Freiburg")
    await scene.crm.steer("calls/reset")
    await scene.crm.steer("tokens", revoke="all")
    await scene.change(100, "Gotha")

    async def refused() -> bool:
        return bool((await scene.connection())["status"] == "needs_reauth")

    await eventually(refused)
    await scene.change(100, "Hamburg")
    await asyncio.sleep(1.5)  # longer than any copy waits before it looks for work
    told = await scene.crm.calls()
    assert told["total"] <= 2  # one of each copy
    assert sum(told["oauth"].values()) <= 1
    connection = await scene.connection()
    assert (connection["status"], connection["pending"]) == ("needs_reauth", 100)
    assert await scene.in_crm("Freiburg") == 100

    await scene.tenant.consent(scene.vendor, connection["id"])
    await scene.until_there(100, "Hamburg")
    connection = await scene.connection()
    assert (connection["status"], connection["errors"]) == ("connected", 0)
    assert (await scene.tenant.get("/api/v1/external/sync/errors"))["errors"] == []
