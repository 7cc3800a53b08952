"""One connection's work: claim what is due, decide, call the CRM with bounded concurrency, settle."""

import asyncio
import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import structlog

from hub.bus.faults import is_passing
from hub.contracts.failures import CrmFailure, FailureKind, RecordError
from hub.contracts.pushing import PushResult
from sync_worker import metrics
from sync_worker.adapters.lines import Line, Lines
from sync_worker.adapters.targets import Targets
from sync_worker.domain.plan import Claimed, Plan, Step, found, plan
from sync_worker.domain.settlement import Settlement, failed, given_back, left_alone, succeeded
from sync_worker.facts import Causes
from sync_worker.health import Health
from sync_worker.settings import SyncWorkerSettings
from sync_worker.settler import Settler

_log = structlog.get_logger()
_DATABASE_PAUSE = 0.5  # seconds
_UNFORESEEN = PushResult(
    False, kind=FailureKind.SERVER, error=RecordError("INTERNAL_ERROR", "see the log"), unknown_outcome=True
)


@dataclass(frozen=True, slots=True)
class Pace:
    """How much a lane takes in hand and how long things may last (seconds)."""

    concurrency: int
    claim_size: int
    call: float
    lease: float
    outage: float

    @staticmethod
    def of(settings: SyncWorkerSettings) -> "Pace":
        """From the settings. A lease outlasts a look-up and a write, or nothing could ever be sent under it."""
        call = settings.sync_call_seconds
        lease = max(settings.sync_lease_seconds, 3 * call)
        return Pace(settings.sync_concurrency, settings.sync_claim_size, call, lease, settings.sync_outage_seconds)


class Lane:
    """Runs until closed. All its state is in the database; what it holds in memory it can lose."""

    def __init__(
        self, line: Line, lines: Lines, targets: Targets, causes: Causes, pace: Pace, random: Callable[[], float]
    ) -> None:
        self.line = line
        self._targets, self._pace, self._random = targets, pace, random
        self._health = Health(line, lines, pace.outage, random)
        self._settler = Settler(targets, line, causes, pace.lease, self._settled)
        self._slots = asyncio.Semaphore(pace.concurrency)
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake, self._closing = asyncio.Event(), asyncio.Event()
        self._in_hand, self._hungry = 0, False
        self._appetite = pace.claim_size  # less while leases run out before their rows had their turn
        self._next_due = math.inf
        self.active_at = time.monotonic()

    def wake(self) -> None:
        """Rows may be due."""
        self._wake.set()

    def close(self) -> None:
        """Claim no more; ``run`` returns when what is in hand is settled."""
        self._closing.set()
        self._wake.set()

    @property
    def idle_seconds(self) -> float:
        """How long there has been nothing to do."""
        return 0.0 if self._in_hand else time.monotonic() - self.active_at

    async def run(self) -> None:
        """Work until closed."""
        settling = asyncio.create_task(self._settler.run())
        settling.add_done_callback(lambda _: self.close())  # it ends only by a mistake; the rows are claimed anew
        try:
            while not self._closing.is_set():
                self._wake.clear()
                if await self._open():
                    await self._take()
            while self._in_hand and not settling.done():
                self._wake.clear()
                await self._wake.wait()
        finally:
            for task in (*self._tasks, settling):
                task.cancel()
            await asyncio.gather(*self._tasks, settling, return_exceptions=True)
            metrics.IN_HAND.dec(self._in_hand)

    async def _open(self) -> bool:
        """Wait while the CRM is not to be called."""
        pause = self._health.pause()
        if pause:
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._closing.wait()
            return False
        if self._health.refused:
            self.close()
            return False
        return await self._health.restored()

    async def _take(self) -> None:
        """Claim as much as there is room for, start on it, and sleep unless there is more."""
        room = max(0, self._most() - self._in_hand)
        lease_ends = time.monotonic() + self._pace.lease
        try:
            claimed = await self._targets.claim(self.line.place, room, self._pace.lease) if room else []
        except Exception as error:
            if not is_passing(error):
                raise
            _log.warning("claim.waits", error=str(error))
            await asyncio.sleep(_DATABASE_PAUSE)
            return
        if claimed:
            self._in_hand += len(claimed)
            metrics.IN_HAND.inc(len(claimed))
            self.active_at = time.monotonic()
        for each in claimed:
            self._start(each, lease_ends)
        self._hungry = len(claimed) == room
        self._appetite = min(self._pace.claim_size, self._appetite * 2)
        if not (claimed and self._hungry and self._roomy()):
            await self._sleep()

    async def _sleep(self) -> None:
        """Until woken, or until a row that this lane put off is due."""
        seconds = self._next_due - time.monotonic()
        with suppress(TimeoutError):
            async with asyncio.timeout(None if math.isinf(seconds) else max(seconds, 0.0)):
                await self._wake.wait()
        if self._next_due <= time.monotonic():
            self._next_due = math.inf

    def _roomy(self) -> bool:
        return self._in_hand <= self._most() // 2

    def _most(self) -> int:
        return 1 if self._health.frail else self._appetite

    def _start(self, claimed: Claimed, lease_ends: float) -> None:
        try:
            todo = plan(claimed, self.line.mapping)
        except Exception:  # noqa: BLE001 - a mistake of ours with one lead must not stop the others
            self._settler.add(self._unforeseen(Plan(claimed, Step.NOTHING)))
            return
        if todo.step is Step.NOTHING:
            metrics.SKIPPED.labels(self.line.crm_type).inc()
            self._settler.add(left_alone(todo))
            return
        task = asyncio.create_task(self._carry_out(todo, lease_ends))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry_out(self, todo: Plan, lease_ends: float) -> None:
        try:
            async with self._slots:
                settlement = await self._attempt(todo, lease_ends)
        except Exception:  # noqa: BLE001 - as above
            settlement = self._unforeseen(todo)
        self._settler.add(settlement)

    def _unforeseen(self, todo: Plan) -> Settlement:
        _log.exception("push.failed_unexpectedly", lead_id=todo.claimed.lead_id)
        return failed(todo, _UNFORESEEN, self.line.policy, to_blame=True, random=self._random)

    async def _attempt(self, todo: Plan, lease_ends: float) -> Settlement:
        started = time.monotonic()
        pause = self._health.pause()
        if pause or self._closing.is_set() or self._health.refused:
            return given_back(todo, pause)
        if lease_ends - started < (2 if todo.step is Step.LOOK_UP else 1) * self._pace.call:
            self._appetite = self._pace.concurrency
            return given_back(todo, 0.0)
        done, result = await self._call(todo)
        elapsed = time.monotonic() - started
        metrics.PUSH_SECONDS.labels(self.line.crm_type).observe(elapsed)
        metrics.PUSHES.labels(self.line.crm_type, "ok" if result.ok else str(result.kind)).inc()
        if result.ok:
            self._health.answered()
            metrics.LAG_SECONDS.labels(self.line.crm_type).observe(todo.claimed.waited_ms / 1000 + elapsed)
            linked = todo.step is Step.LOOK_UP and done.step is Step.UPDATE
            return succeeded(done, result, elapsed * 1000, linked=linked)
        to_blame = await self._health.blames_record(result, started)
        return failed(done, result, self.line.policy, to_blame=to_blame, random=self._random)

    async def _call(self, todo: Plan) -> tuple[Plan, PushResult]:
        """Make the call, after a look-up where an earlier create is in doubt. Returns what was done in the end."""
        if todo.step is Step.LOOK_UP:
            assert todo.item
            try:
                external_id = await self.line.client.find(todo.item.reference, todo.email)
            except CrmFailure as failure:
                return todo, PushResult(
                    False, kind=failure.kind, error=failure.error, retry_after=failure.retry_after, unknown_outcome=True
                )
            todo = found(todo, external_id) if external_id else replace(todo, step=Step.CREATE)
        assert todo.item
        return todo, (await self.line.client.push([todo.item]))[0]

    def _settled(self, batch: list[Settlement], again: bool) -> None:
        self._in_hand -= len(batch)
        metrics.IN_HAND.dec(len(batch))
        self.active_at = time.monotonic()
        waits = [settlement.delay for settlement in batch if settlement.state == "due"]
        if waits:
            self._next_due = min(self._next_due, time.monotonic() + min(waits) + 0.005)
        if again or waits or self._closing.is_set() or (self._hungry and self._roomy()):
            self._wake.set()
