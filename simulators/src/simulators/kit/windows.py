"""Counters that say no: so much per window of time, on the simulator's clock."""

from collections import deque

from simulators.kit.clock import Clock

DAY = 86_400.0
_GRAINS = 1_000  # a rolling window of 2 s remembers calls to 2 ms, one of a day to 86 s


class Budget:
    """At most ``limit`` units (None: no limit, but counted all the same) per ``seconds``.

    Rolling: within any stretch of that length. Fixed: counted from zero at each multiple of it since the epoch, shifted
    by ``offset`` seconds (a day that starts at midnight in another zone).
    """

    def __init__(
        self, clock: Clock, limit: float | None, seconds: float, *, rolling: bool = True, offset: float = 0.0
    ) -> None:
        self.limit, self.seconds, self.rolling, self.offset = limit, seconds, rolling, offset
        self.peak = 0.0  # most units ever in use at once
        self.refused = 0
        self._clock = clock
        self._spent: deque[list[float]] = deque()  # [last moment, units, first moment]
        self._used = 0.0

    def take(self, cost: float = 1) -> bool:
        """Spend, or say no and spend nothing."""
        self._forget()
        if self.limit is not None and self._used + cost > self.limit:
            self.refused += 1
            return False
        now = self._clock.time()
        if self._spent and 0 <= now - self._spent[-1][2] < self.seconds / _GRAINS:
            self._spent[-1][:2] = now, self._spent[-1][1] + cost
        else:
            self._spent.append([now, cost, now])
        self._used += cost
        self.peak = max(self.peak, self._used)
        return True

    @property
    def used(self) -> float:
        """Units spent in the present window."""
        self._forget()
        return self._used

    @property
    def remaining(self) -> float:
        """Units left; infinite without a limit."""
        return float("inf") if self.limit is None else max(0.0, self.limit - self.used)

    @property
    def reset_in(self) -> float:
        """Seconds until something (rolling) or everything (fixed) is given back; 0 when nothing is spent."""
        self._forget()
        now = self._clock.time()
        if not self.rolling:
            return self.seconds - (now - self.offset) % self.seconds
        return max(0.0, self._spent[0][0] + self.seconds - now) if self._spent else 0.0

    def reset(self) -> None:
        """Forget what was spent, the peak and the refusals."""
        self._spent.clear()
        self._used = self.peak = 0.0
        self.refused = 0

    def restart_peak(self) -> None:
        """Measure the peak anew, from what is in use now."""
        self.peak, self.refused = self.used, 0

    def report(self) -> dict[str, float | None]:
        """For the ledger."""
        return {
            "limit": self.limit, "seconds": self.seconds, "used": self.used, "peak": self.peak, "refused": self.refused
        }  # fmt: skip

    def _forget(self) -> None:
        now = self._clock.time()
        begin = now - self.seconds
        if not self.rolling:
            begin = now - (now - self.offset) % self.seconds
        # What lies in the future was spent before the clock was set back; it no longer counts.
        while self._spent and (self._spent[0][0] < begin or self._spent[0][0] > now + 1):
            self._used -= self._spent.popleft()[1]
        if not self._spent:
            self._used = 0.0
