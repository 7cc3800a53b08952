"""When leads set out, and in what company. Pure: the time is handed in (seconds, monotonic).

A CRM that takes many records a call gets full calls when there is much to do; a lone edit goes at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")
_SHORTEST, _LONGEST = 0.2, 2.0  # seconds between calls that are not full; longer while a trickle goes on
_PATIENCE = 1.0  # seconds that leads wait for calls under way, which others may catch up meanwhile


@dataclass(slots=True)
class Gathering:
    """Holds back calls that are not full, for others to join them."""

    size: int  # records of a full call
    _last: float = float("-inf")
    _gap: float = _SHORTEST

    def wait(self, now: float, ready: int, flying: int, thrift: float = 0.0) -> float:
        """Seconds until so many ready leads may set out; 0: now. ``thrift``: seconds a call that quota suggests."""
        if self.size == 1 or ready >= self.size:
            return 0.0
        gap = max(self._gap, thrift, _PATIENCE if flying else 0.0)
        return max(0.0, self._last + gap - now)

    def set_out(self, now: float, count: int) -> None:
        """A call with so many records begins. Those that are not full come at growing intervals, until it is quiet."""
        if count < self.size:
            soon = now - self._last < 2 * self._gap
            self._gap = min(self._gap * 1.5, _LONGEST) if soon else _SHORTEST
        self._last = now


def next_call(ready: Sequence[T], most: int, company: Callable[[T], int]) -> list[T]:
    """The next call's leads: the first, and those after it that may travel in as large a company as it."""
    size = min(most, company(ready[0]))
    chosen: list[T] = []
    for each in ready:
        if min(most, company(each)) == size:
            chosen.append(each)
            if len(chosen) == size:
                break
    return chosen
