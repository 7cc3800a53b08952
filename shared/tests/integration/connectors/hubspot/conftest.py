"""A simulated HubSpot, and clients to it."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from hub.contracts.connector import ClientSettings, CrmClient, PullRequest
from hub.contracts.grants import FixedToken, OAuthApp, Tokens
from hub.contracts.metering import Meter, Reading, Unmetered
from hub.contracts.pulling import PullMode, RemoteRecord
from hub.contracts.pushing import PushItem
from hub.registry import CONNECTORS
from simulators.hubspot.app import running
from simulators.hubspot.settings import Settings

TOKEN = "pat-na1-hub"


class HubSpot:
    """The simulator as a test sees it."""

    def __init__(self, world: Any, url: str) -> None:
        self.world, self.url = world, url
        self.app = OAuthApp("hub-client", "hub-secret", {"app": url, "api": url})

    def contacts(self, *, deleted: bool = False) -> dict[str, dict[str, str]]:
        """Properties by id."""
        return {each["id"]: each["properties"] for each in self.world.records("contacts", deleted=deleted)}

    def deals(self) -> list[dict[str, str]]:
        """Properties of each."""
        return [each["properties"] for each in self.world.records("deals", deleted=False)]

    def calls(self) -> dict[str, int]:
        """API calls since the last count, which ends here."""
        found = dict(self.world.ledger.report()["api"])
        self.world.ledger.reset()
        return found

    def faults(self, *rules: dict[str, Any], seed: int = 1) -> None:
        """From now on."""
        self.world.faults.set({"rules": list(rules), "seed": seed})


@dataclass
class Noting:
    """A meter that lets everything through and keeps what it hears."""

    taken: list[tuple[str, ...]] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    closed: list[tuple[str, float]] = field(default_factory=list)

    async def take(self, cost: int = 1, *windows: str) -> None:
        """Note it."""
        self.taken.append(windows)

    def learn(self, readings: Any) -> None:
        """Note it."""
        self.readings.extend(readings)

    def exhausted(self, window: str, seconds: float) -> None:
        """Note it."""
        self.closed.append((window, seconds))


@pytest.fixture
async def hubspot() -> AsyncIterator[HubSpot]:
    """A portal without limits; those that test them turn them on."""
    async with running(Settings()) as simulator:
        simulator.world.limits({"off": True})
        yield HubSpot(simulator.world, simulator.url)


Open = Callable[..., CrmClient]


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


Item = Callable[..., PushItem]


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


Everything = Callable[..., Any]


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
