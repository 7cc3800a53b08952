"""All reading of this process: runs that the clock or somebody asked for, and records that webhooks told of."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from hub.bus.faults import is_passing
from hub.contracts.cloudevents import Event
from hub.contracts.failures import CrmFailure, FailureKind, RecordError
from hub.contracts.metering import Priority
from hub.contracts.pulling import RemoteRecord
from sync_worker import metrics
from sync_worker.adapters.lines import Line, Lines, Unusable
from sync_worker.adapters.runs import NotOurs, Run, Runs
from sync_worker.adapters.schemas import Schemas
from sync_worker.adapters.targets import Place
from sync_worker.adapters.wanted import Wanted
from sync_worker.domain.received import received
from sync_worker.domain.setback import setback
from sync_worker.reading.run import Ended, Reading
from sync_worker.reading.schema import look

_log = structlog.get_logger()
_FETCH_AT_ONCE = 100
_UNUSABLE_SECONDS = 30.0
_UNFORESEEN = RecordError("INTERNAL_ERROR", "see the log")
_PRIORITIES = {"backfill": Priority.BACKFILL, "scheduled": Priority.BACKFILL, "on_demand": Priority.ON_DEMAND}


class Readers:
    """Takes runs and hints, several at a time; all state is in the database."""

    def __init__(
        self,
        lines: Lines,
        runs: Runs,
        wanted: Wanted,
        schemas: Schemas,
        seed: Callable[[Place], Awaitable[None]],
        *,
        poll_seconds: float,
        most: int,
    ) -> None:
        """``most``: runs at a time; ``seed`` is called when a connection's first reading is over."""
        self._lines, self._runs, self._wanted, self._seed = lines, runs, wanted, seed
        self._schemas = schemas
        self._poll_seconds, self._most = poll_seconds, most
        self._running: set[asyncio.Task[None]] = set()
        self._fetching: dict[Place, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """There may be work."""
        self._wake.set()

    async def poll(self) -> None:
        """Look for work, for ever."""
        while True:
            self._wake.clear()
            try:
                await self._runs.ask_by_clock()
                room = self._most - len(self._running)
                for run in await self._runs.claim(room) if room > 0 else []:
                    task = asyncio.create_task(self._carry_out(run))
                    self._running.add(task)
                    task.add_done_callback(self._ended)
                for place in await self._wanted.wanting():
                    if place not in self._fetching:
                        self._fetching[place] = asyncio.create_task(self._fetch(place))
            except Exception as error:
                if not is_passing(error):
                    raise
                _log.warning("reading.waits", error=str(error))
            with suppress(TimeoutError):
                async with asyncio.timeout(self._poll_seconds):
                    await self._wake.wait()

    async def close(self) -> None:
        """Stop where it is: every page that was told is durable, and another process goes on there."""
        tasks = [*self._running, *self._fetching.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._wake.set()

    async def _carry_out(self, run: Run) -> None:
        try:
            line = await self._lines.open(run.place, _PRIORITIES[run.kind])
        except Unusable as reason:
            _log.warning("run.waits", connection_id=run.place.connection_id, reason=str(reason))
            await self._put_off(run, run.attempts, RecordError("UNUSABLE", str(reason)), _UNUSABLE_SECONDS)
            return
        started = time.monotonic()
        metrics.READING.inc()
        outcome = "interrupted"
        try:
            outcome = await self._read(run, line)
        except NotOurs:
            _log.info("run.left", connection_id=run.place.connection_id, run_id=str(run.id))
        except asyncio.CancelledError:
            await asyncio.shield(self._put_off(run, run.attempts, None, 0.0))
            raise
        except Exception as error:  # noqa: BLE001 - told apart at once
            if is_passing(error):
                _log.warning("run.waits", run_id=str(run.id), error=str(error))
            else:
                _log.exception("run.failed_unexpectedly", run_id=str(run.id))
            await self._put_off(run, run.attempts + 1, _UNFORESEEN, 5.0)
        finally:
            metrics.READING.dec()
            metrics.READ_SECONDS.labels(line.crm_type, outcome).observe(time.monotonic() - started)
            with suppress(OSError):
                await line.client.close()

    async def _read(self, run: Run, line: Line) -> str:
        reading = Reading(run, line, self._runs)
        try:
            await reading.to_the_end()
        except CrmFailure as failure:
            return await self._set_back(run, line, reading, failure)
        await look(line, self._schemas)
        first = await self._runs.unread(run.place)
        if await reading.finish(Ended("done")) and first:
            await self._seed(run.place)
        return "done"

    async def _set_back(self, run: Run, line: Line, reading: Reading, failure: CrmFailure) -> str:
        if failure.kind is FailureKind.AUTH:
            await self._lines.refuse(line)
        follows = setback(failure, reading.setbacks, line.policy, random.random)
        _log.warning("run.setback", run_id=str(run.id), code=failure.error.code, again_in=follows.delay)
        if follows.delay is not None:
            await self._put_off(run, follows.attempts, failure.error, follows.delay)
            return "put_off"
        first = await self._runs.unread(run.place)
        if await reading.finish(Ended("failed", follows.attempts, failure.error)) and first:
            await self._seed(run.place)
        return "failed"

    async def _put_off(self, run: Run, attempts: int, error: RecordError | None, delay: float) -> None:
        told = {"code": error.code, "message": error.message, "status": error.status} if error else {}
        try:
            await self._runs.put_off(run, attempts, told, delay)
        except Exception as problem:
            if not is_passing(problem):
                raise
            _log.warning("run.not_put_off", run_id=str(run.id), error=str(problem))  # its claim runs out

    async def _fetch(self, place: Place) -> None:
        """Read what webhooks told of, until there is no more."""
        try:
            line = await self._lines.open(place, Priority.LIVE)
        except Unusable as reason:
            _log.warning("fetch.waits", connection_id=place.connection_id, reason=str(reason))
            await asyncio.sleep(_UNUSABLE_SECONDS)
            self._fetching.pop(place)
            return
        except Exception as error:  # noqa: BLE001 - the next poll tries again
            _log.warning("fetch.waits", connection_id=place.connection_id, error=repr(error))
            self._fetching.pop(place)
            return
        try:
            while await self._fetch_some(place, line):
                pass
        except Exception as error:  # noqa: BLE001 - the claim runs out, and it is tried again
            _log.warning("fetch.waits", connection_id=place.connection_id, error=repr(error))
        finally:
            self._fetching.pop(place)
            with suppress(OSError):
                await line.client.close()

    async def _fetch_some(self, place: Place, line: Line) -> bool:
        hints = await self._wanted.claim(place, _FETCH_AT_ONCE)
        if not hints.heard:
            return False
        try:
            records = await line.client.fetch(list(hints.heard))
        except CrmFailure as failure:
            if failure.kind is FailureKind.AUTH:
                await self._lines.refuse(line)
            follows = setback(failure, hints.attempts, line.policy, random.random)
            _log.warning("fetch.setback", connection_id=place.connection_id, code=failure.error.code)
            if follows.delay is None:
                await self._wanted.told(place, hints, [])  # the CRM will never say; the next run reads them
            else:
                await self._wanted.put_off(place, hints, follows.attempts - hints.attempts, follows.delay)
            return False
        await self._wanted.told(place, hints, self._events(place, line, records, str(hints.claim)))
        return True

    def _events(self, place: Place, line: Line, records: list[RemoteRecord], reading: str) -> list[Event]:
        return [received(place.account_id, place.connection_id, line.crm_type, record, reading) for record in records]
