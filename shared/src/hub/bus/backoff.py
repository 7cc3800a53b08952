"""Growing pauses between attempts."""

import random
from collections.abc import Callable, Iterator


def pauses(
    first: float = 0.1, longest: float = 15.0, factor: float = 2.0, chance: Callable[[], float] = random.random
) -> Iterator[float]:
    """Seconds to wait before each next attempt, without end: doubling, each shortened by up to half at random.

    The jitter keeps the copies of a service from coming back all at once.
    """
    pause = first
    while True:
        yield pause * (1 - chance() / 2)
        pause = min(pause * factor, longest)
