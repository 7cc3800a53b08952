"""The delivery loop: claim what is due, send it at each subscription's pace, write down what came of it."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import structlog

from hub.store.pool import DATABASE_AWAY
from hub.telemetry.metrics import WEBHOOK_ATTEMPTS, WEBHOOK_IN_HAND, WEBHOOK_SECONDS
from webhook_dispatcher.domain.delivery import Answer, Delivery, Result, State
from webhook_dispatcher.domain.schedule import judge
from webhook_dispatcher.lanes import Lane, Lanes
from webhook_dispatcher.results import Results

_log = structlog.get_logger()


class Deliveries(Protocol):
    """Where due deliveries are claimed and given back."""

    async def claim(self, allowances: Mapping[int, int], usual: int, most: int) -> list[Delivery]:
        """Take due deliveries."""

    async def release(self, deliveries: Sequence[Delivery]) -> None:
        """Give deliveries back untried."""


class Sender(Protocol):
    """How a delivery goes out."""

    async def send(self, delivery: Delivery) -> Answer:
        """Post it and say what came back."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much, how long, how often. Seconds."""

    concurrency: int
    per_subscription: int
    timeout: float
    poll: float
    schedule: Sequence[float]


class Dispatcher:
    """Delivers until it is told to finish. Many may run, in one process or in several."""

    def __init__(
        self, deliveries: Deliveries, sender: Sender, results: Results, limits: Limits, chance: Callable[[], float]
    ) -> None:
        self._deliveries, self._sender, self._results = deliveries, sender, results
        self._limits, self._chance = limits, chance
        self._lanes = Lanes(limits.per_subscription)
        self._free = asyncio.Semaphore(limits.concurrency)
        self._wake = asyncio.Event()
        self._sends: set[asyncio.Task[None]] = set()
        self._untried: list[Delivery] = []
        self._finishing = False

    def wake(self) -> None:
        """Say that there may be something due now."""
        self._wake.set()

    async def run(self) -> None:
        """Claim and send for ever; a database that is away is waited for."""
        pause = self._limits.poll
        while True:
            self._wake.clear()
            try:
                await self._give_back()
                if await self._claim_some():
                    pause = self._limits.poll
                    continue
            except DATABASE_AWAY as error:
                _log.warning("webhooks.claiming_waits", error=repr(error), seconds=pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 15.0)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(self._limits.poll):
                    await self._wake.wait()

    async def finish(self) -> None:
        """Send nothing new, wait for what is under way, give back what was not begun, write everything down."""
        self._finishing = True
        await asyncio.gather(*self._sends, return_exceptions=True)
        self._untried += self._lanes.empty()
        with suppress(*DATABASE_AWAY):  # claims run out by themselves
            await self._give_back()
        await self._results.flush()

    async def _give_back(self) -> None:
        untried, self._untried = self._untried, []
        if untried:
            await self._deliveries.release(untried)

    async def _claim_some(self) -> bool:
        most = 2 * self._limits.concurrency - self._lanes.in_hand
        if most <= 0:
            return False
        allowances = self._lanes.allowances(time.monotonic())
        claimed = await self._claim(allowances, most)
        for lane in self._lanes.fill(claimed):
            self._send_more(lane)
        return bool(claimed)

    async def _claim(self, allowances: Mapping[int, int], most: int) -> list[Delivery]:
        claiming = asyncio.ensure_future(self._deliveries.claim(allowances, self._lanes.usual_allowance, most))
        try:
            return await asyncio.shield(claiming)
        except asyncio.CancelledError:
            self._untried += await claiming  # told to stop meanwhile: what was claimed is given back at once
            raise

    def _send_more(self, lane: Lane) -> None:
        while not self._finishing and (delivery := lane.next()):
            lane.sending += 1
            task = asyncio.create_task(self._send(lane, delivery))
            self._sends.add(task)
            task.add_done_callback(self._sends.discard)
        WEBHOOK_IN_HAND.set(self._lanes.in_hand)

    async def _send(self, lane: Lane, delivery: Delivery) -> None:
        try:
            async with self._free:
                answer = await self._try(delivery)
            if answer:
                self._learn(lane, delivery, answer)
        finally:
            lane.sending -= 1
            self._send_more(lane)
            if lane.wants_more:
                self._wake.set()

    async def _try(self, delivery: Delivery) -> Answer | None:
        if self._finishing:
            self._untried.append(delivery)
            return None
        if time.monotonic() + self._limits.timeout > delivery.good_until:
            return None  # it waited too long here; whoever claims it next sends it
        try:
            return await self._sender.send(delivery)
        except Exception as error:  # noqa: BLE001 - one delivery's trouble must not end the others'; its claim runs out
            _log.warning("webhooks.not_sent", subscription=delivery.subscription_id, error=repr(error))
            return None

    def _learn(self, lane: Lane, delivery: Delivery, answer: Answer) -> None:
        verdict = judge(answer, delivery.step, self._limits.schedule, self._chance())
        now = time.monotonic()
        lane.pace.answered(verdict.state is State.DELIVERED, answer.duration_ms, now)
        if now < lane.pace.rests_until or verdict.gone:
            self._untried += lane.waiting
            lane.waiting.clear()
        WEBHOOK_ATTEMPTS.labels(verdict.state.value).inc()
        WEBHOOK_SECONDS.observe(answer.duration_ms / 1000)
        self._results.add(Result(delivery, answer, verdict))
