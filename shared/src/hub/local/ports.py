"""TCP ports on loopback."""

import socket
from contextlib import suppress


def free_port(preferred: int = 0) -> int:
    """A port that nothing listens on right now: ``preferred``, else the next free one of the 50 after it, else any."""
    for port in (*range(preferred, preferred + 50), 0) if preferred else (0,):
        with suppress(OSError), socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port in TIME_WAIT is free to us
            probe.bind(("127.0.0.1", port))
            found: int = probe.getsockname()[1]
            return found
    raise OSError("no free port on 127.0.0.1")
