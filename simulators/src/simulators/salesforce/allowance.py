"""How much the org may be called, and what the API tells of it."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from simulators.kit.clock import Clock
from simulators.kit.ledger import Ledger
from simulators.kit.windows import DAY, Budget
from simulators.salesforce.errors import Refused

DAILY = 15_000
CONCURRENT = 25
LONG_SECONDS = 20.0
_UNLIMITED = 5_000_000  # what is told when a test takes the limit away
_OTHERS = {
    "DailyBulkApiBatches": 15_000, "DailyBulkV2QueryFileStorageMB": 976_562, "DailyStreamingApiEvents": 10_000,
    "HourlyPublishedPlatformEvents": 50_000, "DataStorageMB": 1_024, "FileStorageMB": 1_024, "SingleEmail": 5_000,
}  # fmt: skip


class Allowance:
    """Daily requests (rolling), long requests at once, and query jobs a day."""

    def __init__(self, clock: Clock, ledger: Ledger) -> None:
        self.daily = Budget(clock, DAILY, DAY)
        self.query_jobs = Budget(clock, 10_000, DAY)
        self.concurrent: int | None = CONCURRENT
        self.long_seconds = LONG_SECONDS
        self.app: str | None = None  # tell per-app-api-usage under this name
        self.bursts = False  # tell api-bursts
        self._running: dict[int, float] = {}
        self._ledger = ledger
        self._next = 0
        ledger.windows.update(daily=self.daily, query_jobs=self.query_jobs)

    @contextmanager
    def request(self) -> Iterator[None]:
        """One call. Raises Refused (``REQUEST_LIMIT_EXCEEDED``)."""
        now = time.monotonic()
        long = sum(now - begun >= self.long_seconds for begun in self._running.values())
        if self.concurrent is not None and long >= self.concurrent:
            self._ledger.refuse("concurrent")
            raise exceeded("ConcurrentRequests (Concurrent API Requests) Limit exceeded.")
        if not self.daily.take():
            self._ledger.refuse("daily")
            raise exceeded("TotalRequests Limit exceeded.")
        self._next += 1
        number = self._next
        self._running[number] = now
        try:
            yield
        finally:
            del self._running[number]

    def query_job(self) -> None:
        """One query job of the Bulk API. Raises Refused."""
        if not self.query_jobs.take():
            self._ledger.refuse("query_jobs")
            raise Refused("EXCEEDED_QUOTA", "ApiBatchItems Limit exceeded.")

    def told(self) -> str:
        """The header Sforce-Limit-Info."""
        used, most = int(self.daily.used), self._most(self.daily)
        text = f"api-usage={used}/{most}"
        if self.bursts:
            text += "; api-bursts=1/750"
        if self.app:
            text += f", per-app-api-usage={used}/{most}(appName={self.app})"
        return text

    def report(self) -> dict[str, Any]:
        """The body of ``GET /limits``."""
        own = {"DailyApiRequests": self.daily, "DailyBulkV2QueryJobs": self.query_jobs}
        told = {
            name: {"Max": self._most(budget), "Remaining": self._most(budget) - int(budget.used)}
            for name, budget in own.items()
        }
        return told | {name: {"Max": most, "Remaining": most} for name, most in _OTHERS.items()}

    def configure(self, wish: Mapping[str, Any]) -> Mapping[str, Any]:
        """Set limits by name (None: off), and ``used``: how much of the day is spent already."""
        if "daily" in wish:
            self.daily.limit = wish["daily"]
        if "query_jobs" in wish:
            self.query_jobs.limit = wish["query_jobs"]
        if "used" in wish:
            limit, self.daily.limit = self.daily.limit, None
            self.daily.reset()
            self.daily.take(float(wish["used"]))
            self.daily.limit = limit
        for name in ("concurrent", "long_seconds", "app", "bursts"):
            if name in wish:
                setattr(self, name, wish[name])
        return {
            "daily": self.daily.limit, "used": self.daily.used, "query_jobs": self.query_jobs.limit,
            "concurrent": self.concurrent, "long_seconds": self.long_seconds, "app": self.app, "bursts": self.bursts,
        }  # fmt: skip

    def reset(self) -> None:
        """Nothing spent, the usual limits."""
        self.daily.reset()
        self.query_jobs.reset()
        self.configure({
            "daily": DAILY, "query_jobs": 10_000, "concurrent": CONCURRENT, "long_seconds": LONG_SECONDS, "app": None,
            "bursts": False,
        })  # fmt: skip

    def _most(self, budget: Budget) -> int:
        return _UNLIMITED if budget.limit is None else int(budget.limit)


def exceeded(message: str) -> Refused:
    """The refusal of a call too many."""
    return Refused("REQUEST_LIMIT_EXCEEDED", message, 403)
