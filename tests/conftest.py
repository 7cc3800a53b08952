"""Whole hubs for tests across services: five processes, real servers, a simulated CRM; one of each a run."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest

from hub.contracts.ids import new_id
from hub.local.hub import BusKind, LocalHub
from hub.local.keeper import Keeper
from hubctl.trial.crm import CrmControl, SimulatedCrm
from hubctl.trial.tenant import Tenant, tenant


@contextmanager
def running_hub(bus: BusKind) -> Iterator[LocalHub]:
    with tempfile.TemporaryDirectory(prefix="crmhub-e2e-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        hub = LocalHub(folder, bus)
        hub.start()
        try:
            yield hub
        finally:
            hub.stop()


@pytest.fixture(scope="session")
def embedded_hub() -> Iterator[LocalHub]:
    """A hub on the embedded bus."""
    with running_hub("embedded") as hub:
        yield hub


@pytest.fixture(scope="session")
def rabbitmq_hub() -> Iterator[LocalHub]:
    """A hub on RabbitMQ."""
    with running_hub("rabbitmq") as hub:
        yield hub


@pytest.fixture(params=["embedded_hub", "rabbitmq_hub"])
def hub(request: pytest.FixtureRequest) -> LocalHub:
    """Each of the two hubs in turn."""
    found: LocalHub = request.getfixturevalue(request.param)
    return found


@pytest.fixture
async def agency(hub: LocalHub) -> AsyncIterator[Tenant]:
    """A fresh account on the hub."""
    async with tenant(hub, f"agency {new_id()}") as found:
        yield found


@pytest.fixture
def crm(tmp_path: Path) -> Iterator[SimulatedCrm]:
    """A simulated CRM of the test's own."""
    program = SimulatedCrm(tmp_path / "crm.sqlite", tmp_path / "crm.log")
    keeper = Keeper({"crm": program})
    keeper.start("crm")
    program.wait_ready()
    yield program
    keeper.close(["crm"])


@pytest.fixture
async def people(crm: SimulatedCrm) -> AsyncIterator[CrmControl]:
    """People who work in the CRM."""
    async with aiohttp.ClientSession() as session:
        yield CrmControl(session, crm.url)
