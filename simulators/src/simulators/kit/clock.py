"""The simulator's own time, which tests move."""

import asyncio
import contextlib
import time
from datetime import UTC, datetime


class Clock:
    """Runs as the real clock does, a settable distance away from it."""

    def __init__(self) -> None:
        self._offset = 0.0
        self._moved = asyncio.Event()

    def __getstate__(self) -> float:
        return self._offset

    def __setstate__(self, offset: float) -> None:
        self._offset, self._moved = offset, asyncio.Event()

    def time(self) -> float:
        """Unix time in seconds."""
        return time.time() + self._offset

    def now(self) -> datetime:
        """The same, aware, in UTC."""
        return datetime.fromtimestamp(self.time(), UTC)

    def advance(self, seconds: float) -> None:
        """Jump ahead (or back, if negative)."""
        self._offset += seconds
        self._wake()

    def set(self, moment: datetime) -> None:
        """Jump to a moment; one without a zone is UTC. Time goes on from there."""
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        self._offset = aware.timestamp() - time.time()
        self._wake()

    def reset(self) -> None:
        """Back to real time."""
        self._offset = 0.0
        self._wake()

    async def sleep(self, seconds: float) -> None:
        """Sleep until this clock has gone on by so much; a jump ahead wakes the sleeper."""
        until = self.time() + seconds
        while (left := until - self.time()) > 0:
            moved = self._moved
            with contextlib.suppress(TimeoutError):  # the loop looks at the clock again
                await asyncio.wait_for(moved.wait(), left)

    def _wake(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()
