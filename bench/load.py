"""A light HTTP load: requests rendered beforehand, sent over keep-alive connections, one at a time on each."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast


@dataclass
class Load:
    """What a run measured."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    refused: int = 0

    @property
    def rate(self) -> float:
        """Requests answered a second."""
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        """Latency in milliseconds that ``share`` of the requests stayed under."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000


class _Line(asyncio.Protocol):
    """One connection; takes the next request when the last is answered."""

    def __init__(self, requests: list[bytes], load: Load, done: asyncio.Future[None]) -> None:
        self._requests, self._load, self._done = requests, load, done
        self._transport: asyncio.Transport | None = None
        self._sent_at = 0.0
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._next()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found or len(rest) < _length(head):
            return
        self._buffer = b""
        self._load.latencies.append(time.perf_counter() - self._sent_at)
        self._load.refused += head[9:10] != b"2"
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(exc or ConnectionError("the server hung up"))

    def _next(self) -> None:
        assert self._transport
        if not self._requests:
            if not self._done.done():
                self._done.set_result(None)
            self._transport.close()
            return
        self._sent_at = time.perf_counter()
        self._transport.write(self._requests.pop())


async def run(port: int, requests: Sequence[bytes], connections: int = 64) -> Load:
    """Send all requests; raises ConnectionError when the server hangs up."""
    load, waiting = Load(), list(requests)
    loop = asyncio.get_running_loop()
    done = [loop.create_future() for _ in range(connections)]
    started = time.perf_counter()
    for future in done:
        await loop.create_connection(lambda future=future: _Line(waiting, load, future), "127.0.0.1", port)  # type: ignore[misc]
    async with asyncio.timeout(120):
        await asyncio.gather(*done)
    load.seconds = time.perf_counter() - started
    return load


def _length(head: bytes) -> int:
    start = head.lower().find(b"content-length:")
    return int(head[start + 15 :].split(b"\r\n", 1)[0]) if start >= 0 else 0
