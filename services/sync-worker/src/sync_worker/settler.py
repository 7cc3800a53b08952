"""Results are committed together: while one transaction runs, the next results gather."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import structlog

from hub.bus.faults import is_passing
from hub.contracts.cloudevents import Event
from hub.telemetry.failures import words
from sync_worker.adapters.lines import Line
from sync_worker.adapters.targets import Targets
from sync_worker.domain.settlement import Settlement
from sync_worker.facts import Causes, fact

MOST_AT_ONCE = 500
_log = structlog.get_logger()


class Settler:
    """Enacts one connection's settlements. ``done`` hears of each batch, and whether rows are due again at once."""

    def __init__(
        self,
        targets: Targets,
        line: Line,
        causes: Causes,
        patience: float,
        done: Callable[[list[Settlement], bool], None],
    ) -> None:
        self._targets, self._line, self._causes = targets, line, causes
        self._patience = patience  # seconds; a claim's lease, for then the rows are anybody's
        self._done = done
        self._waiting: list[Settlement] = []
        self._some = asyncio.Event()

    def add(self, settlement: Settlement) -> None:
        """Commit this soon."""
        self._waiting.append(settlement)
        self._some.set()

    async def run(self) -> None:
        """Commit until cancelled."""
        while True:
            await self._some.wait()
            batch, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
            if not self._waiting:
                self._some.clear()
            again = await self._commit(batch)
            self._done(batch, again)

    async def _commit(self, batch: list[Settlement]) -> bool:
        """A database that is away is waited for, as long as the claims last; after that the rows are claimed anew."""
        pause, waited = 0.1, 0.0
        while True:
            try:
                return await self._targets.settle(self._line.place, batch, self._tell)
            except Exception as error:  # noqa: BLE001 - told apart at once
                if not is_passing(error):
                    return await self._isolate(batch, error)
                _log.warning("settle.waits", error=str(error), rows=len(batch), seconds=pause)
                if waited > self._patience:
                    _log.error("settle.abandoned", rows=len(batch))
                    return True
            await asyncio.sleep(pause)
            waited, pause = waited + pause, min(pause * 2, 2.0)

    def _tell(self, settlement: Settlement) -> Event | None:
        return fact(self._line, settlement, self._causes)

    async def _isolate(self, batch: list[Settlement], error: Exception) -> bool:
        """Something in the batch cannot be stored: halve until it stands alone, and list that lead as failed."""
        if len(batch) > 1:
            middle = len(batch) // 2
            first = await self._commit(batch[:middle])
            return await self._commit(batch[middle:]) or first
        only = batch[0]
        _log.error("settle.unstorable", lead_id=only.plan.claimed.lead_id, error=words(error))
        if only.error and only.error.get("code") == "UNSTORABLE_ANSWER":
            return False  # even that: its claim runs out, and it is tried again
        told = {"kind": "server", "code": "UNSTORABLE_ANSWER", "message": "the CRM's answer cannot be stored"}
        return await self._commit(
            [replace(only, state="failed", action=None, external_id=None, base=None, error=told, pushed_version=None)]
        )
