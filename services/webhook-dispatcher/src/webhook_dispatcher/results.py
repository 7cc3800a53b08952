"""Results on their way into the database: collected for a moment, written by one statement, never dropped."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

import structlog

from hub.store.pool import DATABASE_AWAY
from hub.telemetry.metrics import WEBHOOK_ATTEMPTS
from webhook_dispatcher.domain.delivery import Result

_log = structlog.get_logger()
_LINGER_SECONDS = 0.01
_MOST_ROWS = 500


class Ledger(Protocol):
    """Where results are written."""

    async def settle(self, results: Sequence[Result]) -> int:
        """Write results down; returns how many counted."""


class Results:
    """Group commit for results. What could not be written is kept and tried again; the claim makes that harmless."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._unwritten: list[Result] = []
        self._wake = asyncio.Event()

    def add(self, result: Result) -> None:
        """Hand over a result; it is written soon."""
        self._unwritten.append(result)
        self._wake.set()

    async def run(self) -> None:
        """Write results for ever."""
        pause = 0.5
        while True:
            await self._wake.wait()
            await asyncio.sleep(_LINGER_SECONDS)
            try:
                await self._write()
                pause = 0.5
            except DATABASE_AWAY as error:
                _log.warning("webhooks.results_wait", results=len(self._unwritten), error=repr(error), seconds=pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 15.0)

    async def flush(self) -> None:
        """Write what is left; what cannot be written is delivered again once its claim runs out."""
        try:
            await self._write()
        except DATABASE_AWAY as error:
            _log.warning("webhooks.results_lost", results=len(self._unwritten), error=repr(error))

    async def _write(self) -> None:
        while batch := self._unwritten[:_MOST_ROWS]:
            counted = await self._ledger.settle(batch)
            del self._unwritten[: len(batch)]
            WEBHOOK_ATTEMPTS.labels("overtaken").inc(len(batch) - counted)
        self._wake.clear()
