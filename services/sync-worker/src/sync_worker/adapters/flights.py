"""Calls of one copy of the service: those under way, and those that a vendor's window still counts."""

from collections import deque
from collections.abc import Callable, Sequence

from hub.contracts.metering import Window
from sync_worker.domain.budget import LONGEST_SPACED, Level

_LONGEST = 10.0  # seconds; a call that has told nothing for so long will tell nothing any more
_MOST = 100  # calls under way
_EDGE = 0.01  # seconds by which a vendor's window may be longer than it says

_Calls = deque[tuple[float, int]]  # when, cost


class Flights:
    """By window. A call has landed when an answer told of the window: which one's does not matter."""

    def __init__(self, windows: Sequence[Window], clock: Callable[[], float]) -> None:
        self._clock = clock
        self._flying: dict[str, _Calls] = {window.name: deque(maxlen=_MOST) for window in windows}
        self._landed: dict[str, _Calls] = {w.name: deque() for w in windows if w.seconds <= LONGEST_SPACED}

    def set_out(self, names: Sequence[str], cost: int) -> None:
        """A call is let through."""
        for name in names:
            self._flying[name].append((self._clock(), cost))

    def told(self, name: str) -> None:
        """An answer told of the window."""
        if self._flying[name]:
            _, cost = self._flying[name].popleft()
            if name in self._landed:
                self._landed[name].append((self._clock(), cost))

    def under_way(self, name: str) -> int:
        """Units that the vendor's latest word does not count yet."""
        flying, since = self._flying[name], self._clock() - _LONGEST
        while flying and flying[0][0] < since:
            flying.popleft()
        return sum(cost for _, cost in flying)

    def full(self, levels: Sequence[Level], names: Sequence[str], cost: int) -> float:
        """Seconds until the vendor surely has room for another call, as far as this copy's own go; 0: now.

        There a call counts from its arrival, which may be as late as its answer: when a vendor stands still for a
        moment, all that is under way arrives at once, and the pace alone would let it meet the calls after it. Of
        windows that answers do not tell of, nothing is known.
        """
        now, wait = self._clock(), 0.0
        for level in levels:
            landed, since = self._landed.get(level.name), now - level.seconds - _EDGE
            while landed and landed[0][0] < since:
                landed.popleft()
            if not landed or level.name not in names:
                continue
            made = [*landed, *(call for call in self._flying[level.name] if call[0] >= since)]
            if sum(units for _, units in made) + cost > level.most:
                wait = max(wait, min(when for when, _ in made) - since, 0.001)
        return wait
