"""How much of a CRM's quota may be spent, when, and by whom. Pure: the time is handed in (seconds since 1970).

Short windows (a burst limit) are *spaced*: calls set out one after the other, at a pace that keeps to the limit in
every stretch of that length, however many processes take turns. Long ones (a day) are a *stock*, which is drawn down,
and of which the vendor's own count is the truth: the customer's other programs use their part of it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from hub.contracts.metering import Priority, Reading

LONGEST_SPACED = 600.0  # seconds; longer windows are a stock
# The part of a stock up to which each priority may draw: the rest is left for those before it.
_SHARE = {Priority.LIVE: 1.0, Priority.ON_DEMAND: 0.95, Priority.BACKFILL: 0.85}
# How far ahead (seconds) each may reserve its place in the queue. Who may not waits until nobody is queueing.
_AHEAD = {Priority.LIVE: 30.0, Priority.ON_DEMAND: 1.0, Priority.BACKFILL: 0.0}
_BURST = 0.05  # the part of a spaced window that may be spent at once; the more, the slower the pace
_UNTOLD_BURST = 0.8  # of a rolling stock, while the vendor has not said what is used
_UNDER_WAY = 5.0  # calls of other copies
_SMALL = 1e-9


@dataclass(frozen=True, slots=True)
class Level:
    """One window, as all copies of the service share it."""

    name: str
    most: float
    seconds: float
    fixed: bool
    used: float
    since: float  # rolling: when ``used`` was right, for it drains; fixed: when the window began
    closed_until: float = 0.0
    learnt_at: float | None = None  # when the vendor last told
    reserved: bool = False

    @property
    def spaced(self) -> bool:
        """Whether calls are paced, rather than drawn from a stock."""
        return self.seconds <= LONGEST_SPACED


@dataclass(frozen=True, slots=True)
class Ask:
    """``count`` permits (fewer will do) of ``cost`` units each, all usable within ``horizon`` seconds of the first."""

    cost: int
    priority: Priority
    count: int = 1
    horizon: float = 0.5


@dataclass(frozen=True, slots=True)
class Granted:
    """The levels after it, and when each permit may be used (at that time, or at most ``tolerance`` later)."""

    levels: tuple[Level, ...]
    times: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """Not now. Ask again after ``wait`` seconds."""

    wait: float
    window: str


def usable(level: Level, reserve: float) -> float:
    """The part of a window that is the hub's."""
    return level.most * (1 - reserve) if level.reserved else level.most


def tolerance(levels: Sequence[Level]) -> float:
    """How late (seconds) a permit may be used; longer, and more calls than allowed could meet in one window."""
    return min((0.8 * _slack(level.seconds) for level in levels if level.spaced), default=1.0)


def drained(level: Level, now: float, reserve: float) -> Level:
    """The level at this moment."""
    if level.spaced or not level.fixed:
        gone = max(0.0, now - level.since) * _pace(level, reserve)[1]
        return replace(level, used=max(0.0, level.used - gone), since=max(now, level.since))
    if now < level.since + level.seconds:
        return level
    passed = math.floor((now - level.since) / level.seconds)
    return replace(level, used=0.0, since=level.since + passed * level.seconds)


def draw(levels: Sequence[Level], ask: Ask, now: float, reserve: float) -> Granted | Refused:
    """Spend in all of the windows, or in none."""
    current = [drained(level, now, reserve) for level in levels]
    for level in current:
        wait = _wait(level, ask, now, reserve)
        if wait > 0:
            return Refused(wait, level.name)
    times = [_time(current, ask, number, now, reserve) for number in range(1, max(1, ask.count) + 1)]
    kept = [time for time in times if time <= times[0] + ask.horizon and not math.isinf(time)]
    spent = len(kept) * ask.cost
    return Granted(tuple(replace(level, used=level.used + spent) for level in current), tuple(kept))


def spent(level: Level, units: float, now: float, reserve: float) -> Level:
    """Somebody else made calls, just now: they are in the vendor's window like those that were drawn."""
    level = drained(level, now, reserve)
    return replace(level, used=level.used + units)


def given_back(level: Level, units: float, now: float, reserve: float) -> Level:
    """Permits were not used. A pace does not wait for them to come back."""
    if level.spaced:
        return level
    level = drained(level, now, reserve)
    return replace(level, used=max(0.0, level.used - units))


def learnt(level: Level, reading: Reading, unspent: float, now: float, reserve: float) -> Level:
    """Believe the vendor. ``unspent`` units are taken, but the vendor has not seen the calls yet."""
    before = level.most
    level = replace(drained(level, now, reserve), learnt_at=now, most=reading.limit or level.most)
    if level.fixed and not level.spaced and reading.resets_in is not None:
        level = replace(level, since=now + min(reading.resets_in, level.seconds) - level.seconds)
    if reading.remaining is None:
        return level
    used = max(0.0, level.most - reading.remaining) + unspent
    if level.spaced:
        if level.most < before:  # we were too quick so far: all that is used has to be waited for
            level = replace(level, used=max(level.used, used))
        others = reading.remaining <= 0 and not _all_ours(level, reserve)
        return closed(level, _breath(level, reading), now) if others else level
    # Answers overtake each other, and other copies have calls under way: only a clear difference lowers the level.
    lower = used < level.used - max(10.0, 0.01 * level.most)
    return replace(level, used=used) if used > level.used or lower else level


def closed(level: Level, seconds: float, now: float) -> Level:
    """The vendor refused a call for want of quota."""
    return replace(level, closed_until=max(level.closed_until, now + seconds))


def thrift(levels: Sequence[Level], now: float, reserve: float) -> float:
    """Seconds between calls that make the rest of the stock last; 0 while more than half of it is there."""
    gaps = [0.0]
    for level in levels:
        if level.spaced:
            continue
        current = drained(level, now, reserve)
        left = usable(current, reserve) - current.used
        if left < usable(current, reserve) / 2:
            ends = current.since + current.seconds - now if current.fixed else current.seconds / 2
            gaps.append(max(0.0, ends) / max(left, 1.0))
    return max(gaps)


def queue(level: Level, now: float, reserve: float) -> float:
    """Seconds until the places that were given in a spaced window have gone by."""
    if not level.spaced:
        return 0.0
    capacity, rate = _pace(level, reserve)
    return max(0.0, (drained(level, now, reserve).used - capacity) / rate)


def _wait(level: Level, ask: Ask, now: float, reserve: float) -> float:
    """Seconds until the first permit can be had; 0: at once, if need be with a place in the queue."""
    if level.closed_until > now:
        return level.closed_until - now
    capacity, rate = _pace(level, reserve)
    if level.spaced:
        behind = (level.used + ask.cost - capacity) / rate
        if level.used <= _SMALL or behind <= _AHEAD[ask.priority] + _SMALL:
            return 0.0
        return max(min(behind - _AHEAD[ask.priority], level.used / rate), 0.001)
    lacking = level.used + ask.cost - capacity * _SHARE[ask.priority]
    if lacking <= _SMALL:
        return 0.0
    if level.fixed:
        return max(level.since + level.seconds - now, 0.001)
    return max(lacking / rate, 0.001)


def _time(levels: Sequence[Level], ask: Ask, number: int, now: float, reserve: float) -> float:
    """When the permit of that number may be used."""
    latest = now
    for level in levels:
        capacity, rate = _pace(level, reserve)
        if level.spaced:
            latest = max(latest, now + (level.used + number * ask.cost - capacity) / rate)
        elif number > 1 and level.used + number * ask.cost > capacity * _SHARE[ask.priority] + _SMALL:
            return math.inf
    return latest


def _pace(level: Level, reserve: float) -> tuple[float, float]:
    """What may be spent at once, and how much drains in a second."""
    mine = usable(level, reserve)
    if level.spaced:
        burst = max(1.0, math.floor(mine * _BURST))
        return burst, max(mine - (burst - 1), _SMALL) / (level.seconds + _slack(level.seconds))
    if level.learnt_at is not None:  # less what other copies have under way, which the vendor has not counted yet
        mine = max(0.0, mine - min(_UNDER_WAY, 0.02 * level.most))
    if level.fixed:
        return mine, 0.0
    if level.learnt_at is not None:
        return mine, max(mine, _SMALL) / level.seconds  # a guess, which the next answer corrects
    return mine * _UNTOLD_BURST, max(mine * (1 - _UNTOLD_BURST), _SMALL) / level.seconds


def _all_ours(level: Level, reserve: float) -> bool:
    """Whether the hub at its usual pace uses all of the window by itself, as it does of narrow ones."""
    capacity, rate = _pace(level, reserve)
    return capacity + math.floor(rate * level.seconds) >= level.most


def _slack(seconds: float) -> float:
    return min(0.25, seconds * 0.05)


def _breath(level: Level, reading: Reading) -> float:
    """Somebody else uses the burst limit too: let a few calls' time pass."""
    pause = 2 * level.seconds / max(level.most, 1.0)
    return min(pause if reading.resets_in is None else max(reading.resets_in, pause), level.seconds)
