"""One run: page after page, each durable before the next; then what is gone; then wait until all has arrived."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
import structlog

from hub.contracts.cloudevents import Event
from hub.contracts.connector import DONE, Capability, PullRequest
from hub.contracts.events import SYNC_FINISHED
from hub.contracts.failures import CrmFailure, FailureKind, RecordError
from hub.contracts.pulling import PullMode, RemoteRecord
from sync_worker import metrics
from sync_worker.adapters.lines import Line
from sync_worker.adapters.runs import Outcome, Run, Runs
from sync_worker.domain.received import SOURCE, received

_log = structlog.get_logger()
_GONE_SLICE = 100
_ARRIVAL_SECONDS = 900.0  # a transformer that is away for longer must not stop the CRM's schedule
_ARRIVAL_PAUSE = 0.25

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended."""

    outcome: Outcome
    attempts: int = 0
    error: RecordError | None = None


class Reading:
    """Carries out one run with one line to the CRM."""

    def __init__(self, run: Run, line: Line, runs: Runs) -> None:
        self._run, self._line, self._runs = run, line, runs
        self._last_event: UUID | None = run.last_event
        self.setbacks = run.attempts  # in a row; a page ends the row

    async def to_the_end(self) -> None:
        """All pages, then what is gone, until the transformer has it all. Raises CrmFailure, NotOurs."""
        if not self._run.read:
            await self._pages()
        if self._run.mode is PullMode.FULL:
            await self._gone()
        await self._arrival()

    async def finish(self, ended: Ended) -> bool:
        """Say that it is over; False when somebody else has the run."""
        error = asdict(ended.error) if ended.error else None
        return await self._runs.finish(self._run, ended.outcome, ended.attempts, error, self._finished(ended))

    async def _pages(self) -> None:
        cursor, done = self._run.cursor, False
        backfill = self._run.kind == "backfill" or self._run.mode is PullMode.FULL
        while not done:
            page = await self._alive(self._line.client.pull(PullRequest(self._run.mode, cursor, backfill)))
            if not page.done and page.cursor == cursor:
                told = "the CRM answers with the same page again and again"
                raise CrmFailure(FailureKind.VALIDATION, RecordError("ENDLESS_PAGE", told))
            events = self._events(page.records)
            await self._runs.page(self._run, page, events)
            metrics.READ_RECORDS.labels(self._line.crm_type, self._run.kind).inc(len(page.records))
            self._last_event = UUID(events[-1].id) if events else self._last_event
            self.setbacks, cursor, done = 0, page.cursor, page.done

    async def _gone(self) -> None:
        """Linked records that the CRM did not show: asked for by id, and told as deleted when they are not there."""
        can_ask = self._line.connector.manifest.scorecard[Capability.FETCH] == DONE
        if not can_ask and await self._runs.implausible(self._run):
            _log.warning("run.too_many_missing", connection_id=self._run.place.connection_id, run_id=str(self._run.id))
            return
        after, missed = "", await self._runs.missed(self._run, "", _GONE_SLICE)
        while missed:
            records: Sequence[RemoteRecord] = [RemoteRecord(record_id, deleted=True) for record_id in missed]
            if can_ask:
                records = await self._alive(self._line.client.fetch(missed))
            events = self._events(records)
            if events:
                await self._runs.tell(self._run, events)
                self._last_event = UUID(events[-1].id)
            after = missed[-1]
            missed = await self._runs.missed(self._run, after, _GONE_SLICE)

    async def _arrival(self) -> None:
        if self._last_event is None:
            return
        try:
            async with asyncio.timeout(_ARRIVAL_SECONDS):
                while not await self._runs.arrived(self._run.place.account_id, self._last_event):
                    await self._runs.keep(self._run)
                    await asyncio.sleep(_ARRIVAL_PAUSE)
        except TimeoutError:
            _log.warning("run.arrival_not_seen", connection_id=self._run.place.connection_id, run_id=str(self._run.id))

    def _events(self, records: Sequence[RemoteRecord]) -> list[Event]:
        place, crm_type = self._run.place, self._line.crm_type
        reading = str(self._run.id)
        return [received(place.account_id, place.connection_id, crm_type, record, reading) for record in records]

    async def _alive(self, work: Coroutine[Any, Any, T]) -> T:
        """What the work gives, with a sign of life now and then. Raises NotOurs, and then the work is cancelled."""
        task = asyncio.create_task(work)
        try:
            while True:
                done, _ = await asyncio.wait([task], timeout=self._runs.lease / 3)
                if done:
                    return task.result()
                await self._runs.keep(self._run)
        finally:
            task.cancel()

    def _finished(self, ended: Ended) -> Callable[[asyncpg.Record], Event]:
        run = self._run

        def tell(row: asyncpg.Record) -> Event:
            data = {
                "connection_id": run.place.connection_id,
                "crm_type": self._line.crm_type,
                "run_id": str(run.id),
                "kind": run.kind,
                "mode": str(run.mode),
                "outcome": ended.outcome,
                "records": row["records"],
                "deleted": row["deleted"],
                "duration_ms": round(row["duration_ms"], 3),
                "code": ended.error.code if ended.error else None,
                "message": ended.error.message if ended.error else None,
                "actor": {"user": "system", "ip_address": None},
            }
            return Event(SYNC_FINISHED, run.place.account_id, f"connection/{run.place.connection_id}", data, SOURCE)

        return tell
