"""What was read of a company lately, for all clients of this process.

Fields and users change seldom and cost as many tokens as two to four writes; and a client often lives for one call.
"""

import time
from collections import OrderedDict
from typing import Any

FRESH_SECONDS = 600.0
_KEPT = 2000


class Shelf:
    """By whose they are (a digest of address and token) and what."""

    def __init__(self, kept: int = _KEPT) -> None:
        self._kept = kept
        self._things: OrderedDict[tuple[bytes, str], tuple[float, Any]] = OrderedDict()

    def put(self, whose: bytes, what: str, thing: Any) -> None:
        """Read just now."""
        self._things[whose, what] = (time.monotonic(), thing)
        self._things.move_to_end((whose, what))
        while len(self._things) > self._kept:
            self._things.popitem(last=False)

    def get(self, whose: bytes, what: str, since: float) -> tuple[float, Any]:
        """When it was read (monotonic) and what, if that was not before ``since``; else (-inf, None)."""
        read_at, thing = self._things.get((whose, what), (float("-inf"), None))
        return (read_at, thing) if read_at >= since else (float("-inf"), None)


SHELF = Shelf()
