"""How bad the road to a CRM is just now, and so how often a lead may fail on it before it is its own fault. Pure."""

import math
from collections import Counter, deque
from collections.abc import Collection

_KEPT = 400  # calls, the latest ones
_USUAL, _WEIGHT = 0.01, 20  # failures of one in a hundred, as if twenty calls had shown that already
_IMPLAUSIBLE = 1e-6  # that a lead fails so often by chance
_MOST = 12


class Road:
    """Remembers which leads' calls failed on the way."""

    def __init__(self) -> None:
        self._calls: deque[tuple[frozenset[int], bool]] = deque()
        self._failed = 0
        self._excused: Counter[int] = Counter()

    def went(self, leads: Collection[int], *, failed: bool) -> None:
        """A call with these leads."""
        self._calls.append((frozenset(leads), failed))
        self._failed += failed
        if len(self._calls) > _KEPT:
            self._failed -= self._calls.popleft()[1]
        if not failed and self._excused:
            for lead in leads:
                self._excused.pop(lead, None)

    def excuses(self, lead: int, attempts: int) -> bool:
        """Whether this failure may be chance, as others' calls fail too: it is no attempt then.

        ``attempts``: how many failures make a lead fail for good, when the road is as usual.
        """
        if self._excused[lead] >= max(0, self._plausible(lead) - attempts):
            return False
        self._excused[lead] += 1
        return True

    def _plausible(self, lead: int) -> int:
        """So many failures of one lead in a row are chance, seeing how many calls of others fail."""
        mine = [failed for leads, failed in self._calls if lead in leads]
        calls, failures = len(self._calls) - len(mine), self._failed - sum(mine)
        rate = (failures + _USUAL * _WEIGHT) / (calls + _WEIGHT)
        return _MOST if rate >= 0.5 else min(_MOST, math.ceil(math.log(_IMPLAUSIBLE) / math.log(rate) - 1e-9))
