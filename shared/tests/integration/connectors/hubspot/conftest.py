"""A simulated HubSpot, and clients to it."""

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from hub.contracts.connector import ClientSettings, CrmClient, PullRequest
from hub.contracts.grants import FixedToken, Tokens
from hub.contracts.metering import Meter, Unmetered
from hub.contracts.pulling import PullMode, RemoteRecord
from hub.contracts.pushing import PushItem
from hub.registry import CONNECTORS
from simulators.hubspot.app import running
from simulators.hubspot.settings import Settings

from .portal import Everything, HubSpot, Item, Noting, Open

TOKEN = "pat-na1-hub"


@pytest.fixture
async def hubspot() -> AsyncIterator[HubSpot]:
    """A portal without limits; those that test them turn them on."""
    async with running(Settings()) as simulator:
        simulator.world.limits({"off": True})
        yield HubSpot(simulator.world, simulator.url)


@pytest.fixture
async def client(hubspot: HubSpot) -> AsyncIterator[Open]:
    """``client(**config)`` opens a client by private token, or with ``tokens``."""
    opened: list[CrmClient] = []

    def open_client(
        *, tokens: Tokens | None = None, meter: Meter | None = None, timeout: float = 5.0, **config: Any
    ) -> CrmClient:
        document = {"crm_type": "hubspot", "auth_type": "api_key", **config}
        settings = ClientSettings(
            document,
            tokens or FixedToken(TOKEN),
            hubspot.app,
            meter or Unmetered(),
            ("127.0.0.0/8",),
            timeout=timeout,
        )
        opened.append(CONNECTORS["hubspot"].client(settings))
        return opened[-1]

    yield open_client
    for each in opened:
        await each.close()


@pytest.fixture
def noting() -> Noting:
    """A meter to look into."""
    return Noting()


@pytest.fixture
def item() -> Item:
    """``item(7, first_name="Ana")``: as sync-worker makes them, from registers."""

    def make(lead_id: int, external_id: str | None = None, config: Any = None, **registers: Any) -> PushItem:
        mapping = CONNECTORS["hubspot"].mapping(config or {"crm_type": "hubspot"})
        named = {name.replace("custom_", "custom.", 1): value for name, value in registers.items()}
        fields = mapping.outbound(named)
        companions, email = mapping.companions(lead_id, named), named.get("email")
        return PushItem(lead_id, external_id, f"MPP-{lead_id}", fields, fields, companions, email)

    return make


@pytest.fixture
def everything() -> Everything:
    """``await everything(client, mode, cursor)`` pulls to the end: records and the last cursor, through JSON."""

    async def pull(
        client: CrmClient, mode: PullMode = PullMode.FULL, cursor: Any = None
    ) -> tuple[list[RemoteRecord], Any]:
        records: list[RemoteRecord] = []
        for _ in range(10_000):
            page = await client.pull(PullRequest(mode, cursor))
            records.extend(page.records)
            cursor = orjson.loads(orjson.dumps(page.cursor))
            if page.done:
                return records, cursor
        raise AssertionError("never ends")

    return pull
