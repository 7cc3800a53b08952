"""A simulated HubSpot as a test sees it, and what the fixtures give to work it with."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from hub.contracts.connector import CrmClient
from hub.contracts.grants import OAuthApp
from hub.contracts.metering import Reading
from hub.contracts.pulling import RemoteRecord
from hub.contracts.pushing import PushItem

Open = Callable[..., CrmClient]
Item = Callable[..., PushItem]
Everything = Callable[..., Awaitable[tuple[list[RemoteRecord], Any]]]


class HubSpot:
    """The simulator as a test sees it."""

    def __init__(self, world: Any, url: str) -> None:
        self.world, self.url = world, url
        self.app = OAuthApp("hub-client", "hub-secret", {"app": url, "api": url})

    def contacts(self, *, deleted: bool = False) -> dict[Any, dict[str, str]]:
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
