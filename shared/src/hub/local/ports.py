"""TCP ports on loopback."""

import random
import socket
from collections.abc import Iterator
from contextlib import suppress

# Below the range that Linux takes for outgoing connections (from 32768): a port that is free now is not snatched
# by somebody's outgoing connection before a server gets round to listening on it.
_RANGE = range(12_000, 32_000)
_TRIES = 200


def free_port(preferred: int = 0) -> int:
    """A port that nothing listens on right now: ``preferred`` or one of the 50 after it if wished, else any."""
    for port in _candidates(preferred):
        with suppress(OSError), socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port in TIME_WAIT is free to us
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError("no free port on 127.0.0.1")


def _candidates(preferred: int) -> Iterator[int]:
    if preferred:
        yield from range(preferred, preferred + 50)
    chance = random.SystemRandom()  # processes that start at the same moment must not choose alike
    for _ in range(_TRIES):
        yield chance.choice(_RANGE)
