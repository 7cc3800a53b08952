"""HubSpot's limits: per ten seconds, per day, and five searches a second."""

from typing import Any
from zoneinfo import ZoneInfo

from simulators.hubspot.access import Caller
from simulators.hubspot.errors import over_limit
from simulators.kit.clock import Clock
from simulators.kit.ledger import Ledger
from simulators.kit.windows import DAY, Budget

TIME_ZONE = "America/New_York"
_INTERVAL = 10.0
_DEFAULTS: dict[str, float | None] = {
    "burst": 110,  # an OAuth app, per account and 10 s
    "private_burst": 190,  # a private app on Professional, likewise
    "daily": 625_000,  # all private apps of the account
    "search": 5,  # per second and account
    "retry_after": None,  # seconds told with a 429; HubSpot documents none
}


class Limits:
    """All budgets of one account."""

    def __init__(self, clock: Clock, ledger: Ledger) -> None:
        self._clock, self._ledger = clock, ledger
        self.reset()

    def reset(self) -> None:
        """The usual limits, nothing spent."""
        self.settings = dict(_DEFAULTS)
        shift = self._clock.now().astimezone(ZoneInfo(TIME_ZONE)).utcoffset()
        offset = -shift.total_seconds() if shift else 0.0
        self._bursts: dict[str, Budget] = {}
        self._daily = Budget(self._clock, self.settings["daily"], DAY, rolling=False, offset=offset)
        self._search = Budget(self._clock, self.settings["search"], 1.0)
        self._ledger.windows.clear()
        self._ledger.windows.update({"daily": self._daily, "search": self._search})

    def change(self, wish: dict[str, Any] | None) -> dict[str, float | None]:
        """Set limits by name (None: off); those in force. ``{"off": true}`` turns all off. Raises ValueError."""
        wished = dict(wish or {})
        if wished.pop("off", False):
            wished = {"burst": None, "private_burst": None, "daily": None, "search": None, **wished}
        unknown = set(wished) - set(_DEFAULTS)
        if unknown:
            raise ValueError(f"no such limit: {', '.join(sorted(unknown))}")
        self.settings |= {name: None if value is None else float(value) for name, value in wished.items()}
        self._daily.limit, self._search.limit = self.settings["daily"], self.settings["search"]
        for name, budget in self._bursts.items():
            budget.limit = self._burst_limit(name)
        return self.settings

    def spend(self, caller: Caller, *, search: bool) -> dict[str, str]:
        """Count a call; the headers that tell what is left. Raises HubSpotRefused (429)."""
        if search:
            if not self._search.take():
                self.refuse("SECONDLY")
            if caller.private and not self._daily.take():
                self.refuse("DAILY")
            return {}  # search tells nothing of limits
        burst = self._burst(caller)
        if caller.private and self._daily.remaining < 1:
            self._daily.take()
            self.refuse("DAILY")
        if not burst.take():
            self.refuse("TEN_SECONDLY_ROLLING")
        if caller.private:
            self._daily.take()
        return self._headers(caller, burst)

    def refuse(self, policy: str) -> None:
        """Raises HubSpotRefused (429), counted."""
        self._ledger.refuse(policy)
        raise over_limit(policy, self.settings["retry_after"])

    def daily_usage(self) -> tuple[int, int]:
        """Calls of private apps today, and how many may be made."""
        return int(self._daily.used), int(self._daily.limit or 0)

    def headers(self, caller: Caller) -> dict[str, str]:
        """What is left, without spending."""
        return self._headers(caller, self._burst(caller))

    def day_ends_in(self) -> float:
        """Seconds to midnight in the account's zone."""
        return self._daily.reset_in

    def _burst(self, caller: Caller) -> Budget:
        name = f"burst:{'private' if caller.private else 'oauth'}:{caller.app}"
        if name not in self._bursts:
            self._bursts[name] = Budget(self._clock, self._burst_limit(name), _INTERVAL)
            self._ledger.windows[name] = self._bursts[name]
        return self._bursts[name]

    def _burst_limit(self, name: str) -> float | None:
        return self.settings["private_burst" if name.startswith("burst:private") else "burst"]

    def _headers(self, caller: Caller, burst: Budget) -> dict[str, str]:
        told = {}
        if burst.limit is not None:
            left, secondly = int(burst.remaining), max(1, int(burst.limit) // 10)
            told = {
                "X-HubSpot-RateLimit-Max": str(int(burst.limit)), "X-HubSpot-RateLimit-Remaining": str(left),
                "X-HubSpot-RateLimit-Interval-Milliseconds": str(int(_INTERVAL * 1000)),
                "X-HubSpot-RateLimit-Secondly": str(secondly),
                "X-HubSpot-RateLimit-Secondly-Remaining": str(min(left, secondly - 1)),
            }  # fmt: skip
        if caller.private and self._daily.limit is not None:
            told["X-HubSpot-RateLimit-Daily"] = str(int(self._daily.limit))
            told["X-HubSpot-RateLimit-Daily-Remaining"] = str(int(self._daily.remaining))
        return told
