"""Quota of connections, shared between all copies of the service through ``sync.budget``.

A copy takes permits in blocks, as many as it is about to use, with one statement; a permit has a time from which it may
be used, and is void soon after. What is in a row is worked out from the version that was read, and written only over
that version; so the copies never wait for each other.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import structlog

from hub.bus.faults import is_passing
from hub.contracts.failures import CrmFailure, FailureKind, RecordError
from hub.contracts.metering import Priority, Reading, Window
from sync_worker import metrics
from sync_worker.adapters.budgets import Budgets
from sync_worker.adapters.flights import Flights
from sync_worker.domain import budget as b

_log = structlog.get_logger()
_PATIENCE = {Priority.LIVE: 30.0, Priority.ON_DEMAND: 10.0, Priority.BACKFILL: 10.0}  # seconds
# Seconds that a block lasts: so much longer may a call wait that should go before it.
_HORIZON = {Priority.LIVE: 0.5, Priority.ON_DEMAND: 0.25, Priority.BACKFILL: 0.1}
_MOST_PERMITS = 100  # of one block
_TRIES = 50  # against copies that are quicker
_TEND_SECONDS = 1.0  # until what the vendor told is stored, when no call does it before

Key = tuple[Priority, tuple[str, ...], int]  # who, of which windows, how many units a call


class SharedMeter:
    """One connection's quota in one process, for all priorities."""

    def __init__(
        self, budgets: Budgets, windows: Sequence[Window], reserve: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._budgets, self._windows, self._reserve, self._clock = budgets, windows, reserve, clock
        self._always = tuple(window.name for window in windows if window.always)
        self._names = frozenset(window.name for window in windows)
        self._flights = Flights(windows, clock)
        self._lock = asyncio.Lock()
        self._permits: dict[Key, deque[float]] = {}
        self._lately: deque[float] = deque(maxlen=2 * _MOST_PERMITS)  # when calls were let through
        self._waiting = 0
        self._unused: dict[str, float] = {}  # units that went void, by window
        self._readings: dict[str, Reading] = {}
        self._closures: dict[str, float] = {}
        self._tending: asyncio.Task[None] | None = None

    def at(self, priority: Priority) -> "PriorityMeter":
        """The quota, for work of that priority."""
        return PriorityMeter(self, priority)

    async def take(self, cost: int, names: Sequence[str], priority: Priority) -> None:
        """See ``Meter.take``."""
        key = (priority, tuple(sorted({*self._always, *(name for name in names if name in self._names)})), cost)
        if not key[1] or cost < 1:
            return
        started = self._clock()
        while True:
            self._waiting += 1
            try:
                when = await self._permit(key, started + _PATIENCE[priority])
            finally:
                self._waiting -= 1
            if when > self._clock():
                await asyncio.sleep(when - self._clock())
            if self._clock() <= when + b.tolerance(self._budgets.known()):
                break
            self._unspend(key[1], cost)  # this process was too busy to use it in time
        await self._room(key)
        self._lately.append(self._clock())
        self._flights.set_out(key[1], cost)
        metrics.QUOTA_WAIT_SECONDS.labels(priority.name.lower()).observe(self._clock() - started)

    def learn(self, readings: Sequence[Reading]) -> None:
        """See ``Meter.learn``."""
        for reading in readings:
            if reading.window in self._names:
                self._flights.told(reading.window)
                self._readings[reading.window] = reading
                self._tend()

    def exhausted(self, window: str, seconds: float) -> None:
        """See ``Meter.exhausted``."""
        if window in self._names:
            _log.warning("quota.exhausted", window=window, seconds=seconds)
            self._closures[window] = max(self._closures.get(window, 0.0), seconds)
            self._permits.clear()
            self._tend(at_once=True)

    async def spent(self, units: Mapping[str, int]) -> None:
        """Calls that were made without asking, just now, by window: they count in every copy."""
        async with self._lock:
            await self._budgets.ready(self._windows)
            for _ in range(_TRIES):
                now = self._budgets.now()
                levels = self._told(now)
                for name in self._names.intersection(units):
                    levels[name] = b.spent(levels[name], units[name], now, self._reserve)
                if await self._write(levels):
                    return
                await self._budgets.reread()

    def thrift(self) -> float:
        """Seconds between calls that make what is left of the day's quota last."""
        levels = self._budgets.known()
        return b.thrift(levels, self._budgets.now(), self._reserve) if levels else 0.0

    def queue(self) -> float:
        """Seconds until all who have a place in the queue have gone, as far as this copy knows."""
        return max((b.queue(level, self._budgets.now(), self._reserve) for level in self._budgets.known()), default=0.0)

    async def close(self) -> None:
        """Store what was learnt, give back what was not used."""
        if self._tending:
            self._tending.cancel()
            await asyncio.gather(self._tending, return_exceptions=True)
        for key in list(self._permits):
            self._void(key, all_of_them=True)
        with suppress(Exception):
            async with self._lock:
                await self._store()

    async def _permit(self, key: Key, deadline: float) -> float:
        """When the call may set out (monotonic). Raises CrmFailure(RATE_LIMIT)."""
        while True:
            try:
                async with self._lock:
                    when, refusal = await self._try(key)
            except CrmFailure:
                raise
            except Exception as error:
                if not is_passing(error):
                    raise
                told = RecordError("QUOTA_UNKNOWN", "the database with the connection's quota is away")
                raise CrmFailure(FailureKind.NETWORK, told) from error
            if when is not None:
                return when
            assert refusal
            if self._clock() + refusal.wait > deadline:
                metrics.QUOTA_REFUSED.labels(refusal.window).inc()
                message = f"the quota that the hub may use of {refusal.window!r} is spent for now"
                raise CrmFailure(FailureKind.RATE_LIMIT, RecordError("QUOTA_SPENT", message), max(refusal.wait, 1.0))
            await asyncio.sleep(min(refusal.wait, 0.5))

    async def _try(self, key: Key) -> tuple[float | None, b.Refused | None]:
        self._void(key)
        if self._permits.get(key) and not self._closures:
            return self._permits[key].popleft(), None
        await self._budgets.ready(self._windows)
        ask = b.Ask(key[2], key[0], self._count(key[0]), _HORIZON[key[0]])
        fresh = False
        for _ in range(_TRIES):
            now = self._budgets.now()
            before = self._told(now)
            drawn = b.draw([before[name] for name in key[1]], ask, now, self._reserve)
            if isinstance(drawn, b.Refused):
                if not fresh:
                    fresh = await self._budgets.reread()  # another copy may have given back, or learnt better
                    continue
                await self._store()
                return None, drawn
            if await self._write(before | {level.name: level for level in drawn.levels}):
                offset = self._clock() - now
                times = [when + offset for when in drawn.times]
                self._permits.setdefault(key, deque()).extend(times[1:])
                return times[0], None
            fresh = await self._budgets.reread()
        return None, b.Refused(0.05, key[1][0])

    async def _room(self, key: Key) -> None:
        """Wait until the vendor surely has room."""
        while True:
            full = self._flights.full(self._budgets.known(), key[1], key[2])
            if full <= 0:
                return
            await asyncio.sleep(full)

    def _count(self, priority: Priority) -> int:
        """How many permits will be used in the time that a block lasts: as many as lately, or as wait for one."""
        since = self._clock() - _HORIZON[priority]
        lately = sum(1 for when in self._lately if when >= since)
        return max(1, min(_MOST_PERMITS, max(lately, self._waiting if priority is Priority.LIVE else 1)))

    def _told(self, now: float) -> dict[str, b.Level]:
        """All levels, with what became known and void since they were stored."""
        levels = {level.name: level for level in self._budgets.known()}
        for name, units in self._unused.items():
            levels[name] = b.given_back(levels[name], units, now, self._reserve)
        for name, reading in self._readings.items():
            levels[name] = b.learnt(levels[name], reading, self._unspent(name), now, self._reserve)
        for name, seconds in self._closures.items():
            levels[name] = b.closed(levels[name], seconds, now)
        return levels

    async def _write(self, levels: dict[str, b.Level]) -> bool:
        """Store them; what was told is stored with them."""
        unused, readings, closures = dict(self._unused), dict(self._readings), dict(self._closures)
        if not await self._budgets.write(list(levels.values())):
            return False
        self._unused = {name: units - unused.get(name, 0.0) for name, units in self._unused.items()}
        self._unused = {name: units for name, units in self._unused.items() if units > 0}
        self._readings = {name: told for name, told in self._readings.items() if readings.get(name) is not told}
        self._closures = {name: secs for name, secs in self._closures.items() if closures.get(name) != secs}
        return True

    async def _store(self) -> None:
        """Store what was told, without drawing."""
        if not (self._unused or self._readings or self._closures):
            return
        await self._budgets.ready(self._windows)
        for _ in range(_TRIES):
            if await self._write(self._told(self._budgets.now())):
                return
            await self._budgets.reread()

    def _void(self, key: Key, *, all_of_them: bool = False) -> None:
        """Permits whose time is over are given back."""
        permits = self._permits.get(key)
        late = self._clock() - b.tolerance(self._budgets.known())
        while permits and (all_of_them or permits[0] < late):
            permits.popleft()
            self._unspend(key[1], key[2])

    def _unspend(self, names: Sequence[str], units: int) -> None:
        for name in names:
            self._unused[name] = self._unused.get(name, 0.0) + units

    def _unspent(self, name: str) -> float:
        """Units that this copy has taken, and that the vendor's latest word does not count yet."""
        permits = sum(key[2] * len(permits) for key, permits in self._permits.items() if name in key[1])
        return float(permits + self._flights.under_way(name))

    def _tend(self, *, at_once: bool = False) -> None:
        if at_once or self._tending is None or self._tending.done():
            if self._tending:
                self._tending.cancel()
            self._tending = asyncio.create_task(self._store_soon(0.0 if at_once else _TEND_SECONDS))

    async def _store_soon(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        for key in list(self._permits):
            self._void(key)
        try:
            async with self._lock:
                await self._store()
        except Exception as error:
            if not is_passing(error):
                raise
            _log.warning("quota.not_stored", error=str(error))


class PriorityMeter:
    """``hub.contracts.metering.Meter`` for one priority."""

    def __init__(self, shared: SharedMeter, priority: Priority) -> None:
        self._shared, self._priority = shared, priority

    async def take(self, cost: int = 1, *windows: str) -> None:
        """Spend, waiting a little if need be. Raises CrmFailure(RATE_LIMIT)."""
        await self._shared.take(cost, windows, self._priority)

    def learn(self, readings: Sequence[Reading]) -> None:
        """Believe the vendor."""
        self._shared.learn(readings)

    def exhausted(self, window: str, seconds: float) -> None:
        """Nothing goes through for so long, in any copy."""
        self._shared.exhausted(window, seconds)
