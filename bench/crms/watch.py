"""A simulated vendor's ledger, looked at all the time: how many calls were made, and when."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any, Self

from hubctl.trial.vendors import VendorControl

_EVERY = 0.05  # seconds between two looks


@dataclass(frozen=True, slots=True)
class Ceiling:
    """What a vendor lets through: so many calls in so many seconds."""

    calls: int
    seconds: float


@dataclass
class Watch:
    """``async with Watch(crm) as watch:`` counts what goes on inside it."""

    crm: VendorControl
    started: float = 0.0
    _looks: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    _before: dict[str, Any] = field(default_factory=dict)
    _looking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.crm.steer("calls/reset")
        self._before, self.started = await self.crm.calls(), time.perf_counter()
        self._looking = asyncio.create_task(self._look())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._looking:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        self._looks.append((time.perf_counter(), await self.crm.calls()))

    @property
    def calls(self) -> int:
        """API calls as the vendor counts them: Salesforce by its day, of which a composite is one."""
        return self.counted(self._looks[-1][1]) - self.counted(self._before)

    @property
    def refused(self) -> int:
        """Calls that a limit refused."""
        return sum(self._looks[-1][1]["refused"].values())

    @property
    def quiet_for(self) -> float:
        """Seconds since the last call."""
        return time.perf_counter() - self._moment(self.calls) if self._looks else 0.0

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return time.perf_counter() - self.started

    @property
    def seconds(self) -> float:
        """From the beginning to the last call."""
        return self._moment(self.calls) - self.started

    def used(self, window: str) -> float:
        """What was spent of a window when it was fullest."""
        windows = self._looks[-1][1]["windows"]
        return max(float(each["peak"]) for name, each in windows.items() if name.startswith(window))

    def share(self, ceiling: Ceiling) -> float:
        """Of the calls that the vendor would have let through, from the first to the last of the busiest route."""
        route, most = max(self._looks[-1][1]["api"].items(), key=lambda each: int(each[1]))
        before = self.counted(self._before)
        begin, first = next((at, self.counted(told)) for at, told in self._looks if self.counted(told) > before)
        end, last = next((at, self.counted(told)) for at, told in self._looks if told["api"].get(route) == most)
        return (last - first) / (end - begin) / (ceiling.calls / ceiling.seconds)

    def counted(self, told: dict[str, Any]) -> int:
        """Calls of one look."""
        daily = told["windows"].get("daily")
        return int(daily["used"]) if "query_jobs" in told["windows"] and daily else int(told["total"])

    def _moment(self, calls: int) -> float:
        """When so many were made."""
        before = self.counted(self._before)
        return next((at for at, told in self._looks if self.counted(told) - before >= calls), self._looks[-1][0])

    async def _look(self) -> None:
        while True:
            self._looks.append((time.perf_counter(), await self.crm.calls()))
            await asyncio.sleep(_EVERY)
