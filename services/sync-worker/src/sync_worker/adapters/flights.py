"""Calls of one copy of the service: those under way, and those that a vendor's window still counts."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from hub.contracts.metering import Window
from sync_worker.domain.budget import LONGEST_SPACED, Level

_LONGEST = 10.0  # seconds; a call that has told nothing for so long will tell nothing any more
_EDGE = 0.01  # seconds by which a vendor's window may be longer than it says

_Call = tuple[float, int]  # when, cost


class Flights:
    """By window, and by task: it makes one call after the other, and so an answer is known to be its last call's."""

    def __init__(self, windows: Sequence[Window], clock: Callable[[], float]) -> None:
        self._clock = clock
        self._flying: dict[str, dict[int, _Call]] = {window.name: {} for window in windows}  # oldest first
        self._landed: dict[str, deque[_Call]] = {w.name: deque() for w in windows if w.seconds <= LONGEST_SPACED}

    def set_out(self, names: Sequence[str], cost: int) -> None:
        """This task's call is let through; the one before it is over, though its answer may have told nothing."""
        for name in names:
            self._forget(name)
            if before := self._flying[name].pop(_task(), None):
                self._land(name, before)
            self._flying[name][_task()] = (self._clock(), cost)

    def told(self, name: str) -> None:
        """The answer to this task's call told of the window."""
        if call := self._flying[name].pop(_task(), None):
            self._land(name, (self._clock(), call[1]))

    def under_way(self, name: str) -> int:
        """Units that the vendor's latest word does not count yet."""
        self._forget(name)
        return sum(cost for _, cost in self._flying[name].values())

    def full(self, levels: Sequence[Level], names: Sequence[str], cost: int) -> float:
        """Seconds until the vendor surely has room for another call, as far as this copy's own go; 0: now.

        There a call counts from its arrival, which may be as late as its answer: when a vendor stands still for a
        moment, all that is under way arrives at once, and the pace alone would let it meet the calls after it.
        """
        now, wait = self._clock(), 0.0
        for level in levels:
            landed, since = self._landed.get(level.name), now - level.seconds - _EDGE
            while landed and landed[0][0] < since:
                landed.popleft()
            if landed is None or level.name not in names:
                continue
            made = [call for call in (*landed, *self._flying[level.name].values()) if call[0] >= since]
            if made and sum(units for _, units in made) + cost > level.most:
                wait = max(wait, min(when for when, _ in made) - since, 0.001)
        return wait

    def _land(self, name: str, call: _Call) -> None:
        if name in self._landed:
            self._landed[name].append(call)

    def _forget(self, name: str) -> None:
        flying, since = self._flying[name], self._clock() - _LONGEST
        while flying and next(iter(flying.values()))[0] < since:
            del flying[next(iter(flying))]


def _task() -> int:
    return id(asyncio.current_task())
