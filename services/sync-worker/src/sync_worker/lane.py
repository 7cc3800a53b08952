"""One connection's work: claim what is due, decide, hand batches to the CRM with bounded concurrency, settle."""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

import structlog

from hub.bus.faults import is_passing
from hub.contracts.connector import DONE, Capability
from hub.contracts.failures import FailureKind, RecordError
from hub.contracts.pushing import PushResult
from sync_worker import metrics
from sync_worker.adapters.lines import Line, Lines
from sync_worker.adapters.targets import Targets
from sync_worker.carrier import Carrier
from sync_worker.company import Company
from sync_worker.domain.gathering import Gathering, next_call
from sync_worker.domain.plan import Claimed, Plan, Step, plan
from sync_worker.domain.settlement import Settlement, failed, given_back, left_alone
from sync_worker.facts import Causes
from sync_worker.health import Health
from sync_worker.holds import Holds
from sync_worker.pace import Pace
from sync_worker.settler import Settler

_log = structlog.get_logger()
_DATABASE_PAUSE = 0.5  # seconds
_MOST_THRIFT = 10.0  # seconds that quota may put off a call that is not full
_LONGEST_QUEUE = 1.5  # seconds of calls that stand in line for quota
_UNFORESEEN = PushResult(
    False, kind=FailureKind.SERVER, error=RecordError("INTERNAL_ERROR", "see the log"), unknown_outcome=True
)


class Lane:
    """Runs until closed. All its state is in the database; what it holds in memory it can lose."""

    def __init__(
        self, line: Line, lines: Lines, targets: Targets, causes: Causes, pace: Pace, random: Callable[[], float]
    ) -> None:
        self.line = line
        self._targets, self._pace, self._random = targets, pace.for_line(line), random
        self._upserts = line.connector.manifest.scorecard[Capability.UPSERT] == DONE
        self._health = Health(line, lines, pace.outage, random)
        self._holds = Holds(targets, line.place, pace.lease)
        self._settler = Settler(targets, line, causes, pace.lease, self._settled)
        self._gathering, self._company = Gathering(self._pace.batch), Company(self._pace.batch)
        self._carrier = Carrier(line, self._health, self._holds, self._company, random)
        self._ready: deque[Plan] = deque()
        self._calls: set[asyncio.Task[None]] = set()
        self._wake, self._closing = asyncio.Event(), asyncio.Event()
        self._in_hand, self._hungry, self._turns = 0, False, 0
        self._job: asyncio.Task[None] | None = None
        self._backlogged = self._owed = False
        self._timer: asyncio.TimerHandle | None = None
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
        helpers = [asyncio.create_task(self._settler.run()), asyncio.create_task(self._holds.renew())]
        for helper in helpers:  # they end only by a mistake; the rows are claimed anew
            helper.add_done_callback(lambda _: self.close())
        try:
            while not self._closing.is_set():
                self._wake.clear()
                if await self._open():
                    await self._take()
            while self._in_hand and not any(helper.done() for helper in helpers):
                self._wake.clear()
                self._launch()
                await self._wake.wait()
        finally:
            for task in (*self._calls, *helpers):
                task.cancel()
            await asyncio.gather(*self._calls, *helpers, return_exceptions=True)
            metrics.IN_HAND.dec(self._in_hand)

    async def _open(self) -> bool:
        """Wait while the CRM is not to be called."""
        pause = self._health.pause()
        if pause:
            self._launch()  # nothing goes; what is ready is given back
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
        try:
            claimed = await self._claim()
        except Exception as error:
            if not is_passing(error):
                raise
            _log.warning("claim.waits", error=str(error))
            await asyncio.sleep(_DATABASE_PAUSE)
            return
        self._launch()
        if not (claimed and self._hungry and self._roomy()):
            await self._sleep()

    async def _claim(self) -> bool:
        if await self._claim_job():
            return True
        room, beside_a_job = max(0, self._most() - self._in_hand), self._job is not None and self._backlogged
        if beside_a_job:  # the rest waits for the next job; only the latest edits go meanwhile
            room = self._pace.batch if len(self._calls) == 1 and not self._ready else 0
            self._owed = not room
        if not room:
            return False
        # With more to do than there is room for, every other turn is that of the latest edits.
        self._turns += 1
        claimed = await self._holds.claim(room, latest=beside_a_job or (self._hungry and self._turns % 2 == 0))
        self._ready.extend(self._plans(claimed))
        self._hungry = len(claimed) == room and not beside_a_job
        return bool(claimed)

    async def _claim_job(self) -> bool:
        """A job for the CRM's bulk way, when there is that much to do; one at a time."""
        threshold = self._pace.job_from
        if threshold is None or self._health.frail or not self._company.whole:
            self._backlogged = False
            return False
        self._backlogged = await self._targets.backlog(self.line.place, threshold) >= threshold
        if self._job or not self._backlogged:
            return False
        plans = self._plans(await self._holds.claim(self._pace.job))
        if len(plans) < threshold:  # most had nothing to be written
            self._ready.extend(plans)
        elif plans:
            self._job = self._start(plans)
        return True

    def _plans(self, claimed: Sequence[Claimed]) -> list[Plan]:
        """What is to be done about them. What needs no call is settled."""
        if claimed:
            self._in_hand += len(claimed)
            metrics.IN_HAND.inc(len(claimed))
            self.active_at = time.monotonic()
        plans = []
        for each in claimed:
            try:
                todo = plan(each, self.line.mapping, upserts=self._upserts)
            except Exception:  # noqa: BLE001 - a mistake of ours with one lead must not stop the others
                _log.exception("plan.failed_unexpectedly", lead_id=each.lead_id)
                nothing = Plan(each, Step.NOTHING)
                self._settler.add(failed(nothing, _UNFORESEEN, self.line.policy, to_blame=True, random=self._random))
                continue
            if todo.step is Step.NOTHING:
                metrics.SKIPPED.labels(self.line.crm_type).inc()
                self._settler.add(left_alone(todo))
            else:
                plans.append(todo)
        return plans

    def _launch(self) -> None:
        """Start calls with what is ready, as far as may be."""
        pause = self._health.pause()
        if pause or self._closing.is_set() or self._health.refused:
            self._give_back(self._ready, pause)
            self._ready.clear()
        while self._ready and len(self._calls) < self._pace.concurrency and not self._held_back():
            batch = next_call(self._ready, self._pace.batch, self._company.of)
            if len(batch) == 1:
                self._ready.popleft()
            else:
                chosen = {id(each) for each in batch}
                self._ready = deque(each for each in self._ready if id(each) not in chosen)
            if self._holds.left(batch) < min(self._pace.call, self._pace.lease / 2):
                self._give_back(batch, 0.0)
            else:
                self._gathering.set_out(time.monotonic(), len(batch))
                self._start(batch)

    def _held_back(self) -> bool:
        """Whether those that are ready wait for others, or for quota; then this is looked at again in time."""
        wait = 0.0
        if self._calls and self.line.quota:  # what waits in line for quota cannot be overtaken by a later edit
            wait = self.line.quota.queue() - _LONGEST_QUEUE
        if self._company.of(self._ready[0]) >= self._pace.batch:
            thrift = min(self.line.quota.thrift(), _MOST_THRIFT) if self.line.quota else 0.0
            gathering = self._gathering.wait(time.monotonic(), len(self._ready), len(self._calls), thrift)
            wait = max(wait, gathering)
        if wait > 0:
            if self._timer:
                self._timer.cancel()
            self._timer = asyncio.get_running_loop().call_later(wait, self._wake.set)
        return wait > 0

    def _give_back(self, plans: Sequence[Plan] | deque[Plan], pause: float) -> None:
        for each in plans:
            self._settler.add(given_back(each, pause))

    def _start(self, batch: list[Plan]) -> asyncio.Task[None]:
        task = asyncio.create_task(self._carry_out(batch))
        self._calls.add(task)
        task.add_done_callback(self._landed)
        return task

    async def _carry_out(self, batch: list[Plan]) -> None:
        for settlement in await self._carrier.carry(batch):
            self._settler.add(settlement)

    def _landed(self, task: asyncio.Task[None]) -> None:
        self._calls.discard(task)
        if task is self._job:
            self._job, self._owed = None, True
        if self._owed:
            self._wake.set()
        if not task.cancelled() and task.exception():
            _log.error("call.ended", exc_info=task.exception())
            self.close()  # its rows are claimed anew when their leases are over
        elif not task.cancelled():
            self._launch()

    def _settled(self, batch: list[Settlement], again: bool) -> None:
        self._holds.drop([settlement.plan for settlement in batch])
        self._in_hand -= len(batch)
        metrics.IN_HAND.dec(len(batch))
        self.active_at = time.monotonic()
        waits = [settlement.delay for settlement in batch if settlement.state == "due"]
        if waits:
            self._next_due = min(self._next_due, time.monotonic() + min(waits) + 0.005)
        if again or waits or self._closing.is_set() or (self._hungry and self._roomy()):
            self._wake.set()

    async def _sleep(self) -> None:
        """Until woken, or until a row that this lane put off is due."""
        seconds = self._next_due - time.monotonic()
        with suppress(TimeoutError):
            async with asyncio.timeout(None if math.isinf(seconds) else max(seconds, 0.0)):
                await self._wake.wait()
        if self._next_due <= time.monotonic():
            self._next_due = math.inf

    def _roomy(self) -> bool:
        return self._most() - self._in_hand >= self._pace.step

    def _most(self) -> int:
        return 1 if self._health.frail else self._pace.claim_size
