"""Token buckets: so many requests a minute, with a burst of a quarter minute's worth."""

from collections import OrderedDict
from collections.abc import Callable

from hub.contracts.errors import RateLimited

_MOST_BUCKETS = 10_000


class RateLimiter:
    """One bucket per key, in this process. ``clock`` gives seconds that only grow."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens, as of

    def take(self, key: str, per_minute: int) -> None:
        """Take one token. Raises RateLimited, telling after how many seconds there is one again."""
        now = self._clock()
        capacity = max(1.0, per_minute / 4)
        tokens, since = self._buckets.get(key, (capacity, now))
        tokens = min(capacity, tokens + (now - since) * per_minute / 60)
        if tokens < 1:
            self._buckets[key] = (tokens, now)
            wait = (1 - tokens) * 60 / per_minute
            raise RateLimited(retry_after=wait, limit_per_minute=per_minute)
        self._buckets[key] = (tokens - 1, now)
        self._buckets.move_to_end(key)
        if len(self._buckets) > _MOST_BUCKETS:
            self._buckets.popitem(last=False)
