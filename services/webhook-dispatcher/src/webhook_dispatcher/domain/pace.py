"""How much one subscription is given at a time: more while it answers, less while it is in trouble.

Additive increase, multiplicative decrease, as TCP does it; so endpoints that hang tie up one connection each, not all.
"""

from dataclasses import dataclass

_START = 8
_SLOW_MS = 5000.0
_TROUBLE_BEFORE_REST = 10
_LONGEST_REST = 30.0


@dataclass(slots=True)
class Pace:
    """The pace of one subscription in one process. Times are seconds of a monotonic clock."""

    most: int
    limit: int = 0
    trouble: int = 0
    rests_until: float = 0.0

    def __post_init__(self) -> None:
        self.limit = min(_START, self.most)

    def answered(self, ok: bool, duration_ms: float, now: float) -> None:
        """Learn from an attempt."""
        if ok:
            self.trouble = 0
            self.rests_until = 0.0
            faster = duration_ms < _SLOW_MS
            self.limit = min(self.limit + 1, self.most) if faster else max(self.limit // 2, 1)
            return
        self.trouble += 1
        self.limit = max(self.limit // 2, 1)
        over = self.trouble - _TROUBLE_BEFORE_REST
        if over >= 0:
            self.rests_until = now + min(0.5 * 2 ** min(over, 10), _LONGEST_REST)

    def allowance(self, in_hand: int, now: float) -> int:
        """How many more may be claimed: twice what may be in flight, so that there is a next one; none at rest."""
        return 0 if now < self.rests_until else max(2 * self.limit - in_hand, 0)

    @property
    def usual(self) -> bool:
        """Whether forgetting this pace loses nothing."""
        return self.trouble == 0
