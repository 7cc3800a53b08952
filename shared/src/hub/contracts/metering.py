"""API quota as the connectors see it: windows with a limit, and a meter that lets a call through or holds it.

sync-worker's meter is shared by all copies of the service; a connector only names what a call costs.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal, Protocol


class Priority(IntEnum):
    """Who goes first when quota is short."""

    LIVE = 0
    ON_DEMAND = 1
    BACKFILL = 2


@dataclass(frozen=True, slots=True)
class Window:
    """One budget of a vendor: ``limit`` units in ``seconds``."""

    name: str  # burst, daily, search, concurrent …
    limit: int
    seconds: float
    kind: Literal["rolling", "fixed"] = "rolling"  # fixed: all of it returns at once, by day at the vendor's midnight
    reserved: bool = False  # a share is left to the customer's other users (configuration ``quota_reserve``, 20 %)
    always: bool = True  # False: only calls that name it draw on it (a search budget)


@dataclass(frozen=True, slots=True)
class Reading:
    """What an answer's headers told about a window; None where they did not say."""

    window: str
    limit: int | None = None
    remaining: int | None = None
    resets_in: float | None = None  # seconds


class Meter(Protocol):
    """Quota of one connection at one priority."""

    async def take(self, cost: int = 1, *windows: str) -> None:
        """Spend ``cost`` in every window that is ``always``, and in those named; wait a little if need be.

        Raises CrmFailure(RATE_LIMIT, retry_after) when it would be a long wait.
        """

    def learn(self, readings: Sequence[Reading]) -> None:
        """Believe the vendor."""

    def exhausted(self, window: str, seconds: float) -> None:
        """The vendor refused a call for want of quota: nothing goes through for so long."""


class Unmetered:
    """No limits: for connections without any, for trials and tests."""

    async def take(self, cost: int = 1, *windows: str) -> None:
        """At once."""

    def learn(self, readings: Sequence[Reading]) -> None:
        """Not kept."""

    def exhausted(self, window: str, seconds: float) -> None:
        """Not kept."""


class Tally:
    """No limits, but what is spent is counted: for calls that are made before there is a meter to ask."""

    def __init__(self, windows: Sequence[Window]) -> None:
        self.spent: Counter[str] = Counter()  # units by window
        self._always = frozenset(window.name for window in windows if window.always)
        self._names = frozenset(window.name for window in windows)

    async def take(self, cost: int = 1, *windows: str) -> None:
        """At once."""
        self.spent.update(dict.fromkeys(self._always | self._names.intersection(windows), cost))

    def learn(self, readings: Sequence[Reading]) -> None:
        """Not kept."""

    def exhausted(self, window: str, seconds: float) -> None:
        """Not kept."""
