"""What a call costs, and how much a company and a token may spend."""

import re
from collections.abc import Mapping
from typing import Any

from simulators.kit.clock import Clock
from simulators.kit.control import ControlRefused
from simulators.kit.ledger import Ledger
from simulators.kit.windows import DAY, Budget
from simulators.pipedrive.errors import Refused, over_limit
from simulators.pipedrive.options import OAUTH_FACTOR, PLANS, Options

WINDOW = 2.0
BAN_WINDOW, BAN_SECONDS = 60.0, 60.0
# (method, path) → tokens, the first that matches; the figures of the public specification.
_COSTS = tuple((method, re.compile(path), cost) for method, path, cost in (
    ("GET", r"/(itemSearch|search)(/field)?$", 20),
    ("GET", r"/api/v2/\w+Fields$", 10),
    ("GET", r"/api/v2/\w+Fields/", 2),
    (".", r"/\w+Fields", 10),
    ("GET", r"/api/v2/(pipelines|stages)$", 5),
    ("GET", r"/convert/status/", 1),
    ("POST", r"/convert/", 5),
    ("GET", r"/api/v2/\w+(/archived)?$", 10),
    ("GET", r"/api/v2/", 1),
    ("POST|PATCH", r"/api/v2/", 5),
    ("DELETE", r"/api/v2/", 3),
    ("GET", r"/users/[^/]+$", 2),
    ("DELETE", r"/webhooks/", 6),
    (".", r"/webhooks", 10),
    ("GET", r"/(leads(/archived)?|users|recents|leadFields)$", 20),
    ("GET", r"/leads/", 2),
    ("POST|PATCH", r"/leads", 10),
    ("DELETE", r"/leads/", 6),
))  # fmt: skip
_DEFAULT_COST = 10


def cost_of(method: str, path: str) -> int:
    """Tokens for a call."""
    for methods, pattern, cost in _COSTS:
        if re.match(methods, method) and pattern.search(path):
            return cost
    return _DEFAULT_COST


class Banned(Exception):
    """The web firewall answers in the API's place: too many calls over the limit."""


class Limits:
    """The company's day, each token's two seconds, each token's searches. ``None`` means no limit."""

    def __init__(self, clock: Clock, ledger: Ledger, options: Options) -> None:
        self._clock, self._ledger, self._options = clock, ledger, options
        self.retry_after = options.retry_after
        self.reset()

    def reset(self) -> None:
        """The plan's limits, nothing spent."""
        burst = PLANS[self._options.plan][1]
        self.burst: dict[bool, float | None] = {False: burst, True: burst * OAUTH_FACTOR}  # by OAuth
        self.search: float | None = 10
        self.window = WINDOW
        self.ban_after: float | None = 200
        self.daily = Budget(self._clock, self._options.daily_tokens, DAY, rolling=False)
        self._refusals = Budget(self._clock, None, BAN_WINDOW)
        self._banned_until = 0.0
        self._tokens: dict[str, tuple[Budget, Budget]] = {}
        self._ledger.windows.clear()
        self._ledger.windows["daily"] = self.daily

    def admit(self, token: str, method: str, path: str, *, oauth: bool) -> dict[str, str]:
        """Spend what a call costs; the headers of its answer. Raises Refused (429) and Banned."""
        if self._banned_until > self._clock.time():
            raise Banned
        burst, search = self._budgets(token, oauth)
        cost = cost_of(method, path)
        try:
            self._take(burst, 1, "burst")
            if cost == 20 and re.search(r"[sS]earch", path):
                self._take(search, 1, "search")
            self._take(self.daily, cost, "daily")
        except Refused as refused:
            refused.headers = self._headers(burst, oauth)
            if self.retry_after:
                refused.headers["Retry-After"] = refused.headers["x-ratelimit-reset"]
            raise
        return self._headers(burst, oauth)

    def change(self, wish: Mapping[str, Any]) -> None:
        """Set by name; ``off`` lifts all limits. Raises ControlRefused."""
        unknown = set(wish) - {"off", "burst", "search", "daily", "daily_left", "window", "ban_after", "retry_after"}
        if unknown:
            raise ControlRefused(422, f"no such limit: {', '.join(sorted(unknown))}")
        for name, value in wish.items():
            if name not in ("off", "retry_after") and value is not None and not isinstance(value, int | float):
                raise ControlRefused(422, f"{name} must be a number or null")
        if wish.get("off"):
            self.burst, self.search, self.daily.limit, self.ban_after = {False: None, True: None}, None, None, None
        if "burst" in wish:
            self.burst = {False: wish["burst"], True: wish["burst"]}
        self.search = wish.get("search", self.search)
        self.window = float(wish.get("window", self.window))
        self.daily.limit = wish.get("daily", self.daily.limit)
        if "daily_left" in wish:
            self.daily.limit = self.daily.used + wish["daily_left"]
        self.ban_after = wish.get("ban_after", self.ban_after)
        self.retry_after = bool(wish.get("retry_after", self.retry_after))
        for token, (burst, search) in self._tokens.items():
            burst.limit, search.limit = self.burst[not token.startswith("api-token")], self.search
            burst.seconds = search.seconds = self.window

    def report(self) -> dict[str, Any]:
        """The limits in force."""
        return {
            "burst": self.burst[False], "burst_oauth": self.burst[True], "window": self.window, "search": self.search,
            "daily": self.daily.limit, "daily_used": self.daily.used, "ban_after": self.ban_after,
        }  # fmt: skip

    def _budgets(self, token: str, oauth: bool) -> tuple[Budget, Budget]:
        if token not in self._tokens:
            burst = Budget(self._clock, self.burst[oauth], self.window)
            search = Budget(self._clock, self.search, self.window)
            self._tokens[token] = (burst, search)
            self._ledger.windows |= {f"burst/{token}": burst, f"search/{token}": search}
        return self._tokens[token]

    def _take(self, budget: Budget, cost: float, name: str) -> None:
        if budget.take(cost):
            return
        self._ledger.refuse(name)
        self._refusals.take()
        if self.ban_after is not None and self._refusals.used >= self.ban_after:
            self._banned_until = self._clock.time() + BAN_SECONDS
        day = "Daily API token budget is spent." if name == "daily" else "Too many requests in a short time."
        raise over_limit(day)

    def _headers(self, burst: Budget, oauth: bool) -> dict[str, str]:
        limit = burst.limit if burst.limit is not None else 10_000
        left = min(limit, burst.remaining)
        reset = -(-burst.reset_in // 1)  # whole seconds, rounded up
        headers = {"x-ratelimit-limit": f"{limit:.0f}", "x-ratelimit-remaining": f"{left:.0f}"}
        headers["x-ratelimit-reset"] = f"{max(1, reset):.0f}"
        if not oauth and self.daily.limit is not None:
            headers["x-daily-requests-left"] = f"{self.daily.remaining:.0f}"
        return headers
