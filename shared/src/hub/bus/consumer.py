"""The consuming half that both transports share: coalesce waiting messages, run the handler, settle, brake."""

import asyncio
from collections import deque
from collections.abc import Coroutine, Sequence
from time import perf_counter
from typing import Protocol

import structlog

from hub.bus import metrics
from hub.bus.brake import Brake, BrakeSettings
from hub.bus.protocol import BatchHandler, ConsumerOptions
from hub.bus.running import Runner
from hub.bus.settlement import Delivery, Settlement, apart, settle
from hub.bus.sieve import Sieve
from hub.contracts.cloudevents import Event
from hub.contracts.errors import HubError, Outcome
from hub.contracts.topology import Queue

_log = structlog.get_logger(__name__)


class Backend(Protocol):
    """What a transport does for a consumer."""

    async def settle(self, settlement: Settlement) -> None:
        """Write what goes back and what died, durably, and only then acknowledge. Unavailable: all comes again."""

    async def give_back(self, deliveries: Sequence[Delivery]) -> None:
        """Let another consumer have them."""


class Consumer:
    """Workers over an inbox that the transport fills; at most ``prefetch_messages`` are in hand at any time."""

    def __init__(
        self, queue: Queue, handler: BatchHandler, options: ConsumerOptions, backend: Backend, brake: BrakeSettings
    ) -> None:
        self._queue, self._options, self._backend = queue, options, backend
        self._stopping = asyncio.Event()
        self._arrived = asyncio.Event()
        self._inbox: deque[Delivery] = deque()
        self._runner = Runner(queue.name, handler, self._stopping)
        self._sieve = Sieve(queue.name, options, self._runner)
        self._brake, self._brake_settings = Brake(brake), brake
        self._probing = asyncio.Lock()
        metrics.BRAKED.labels(queue.name).set(0)
        self._workers = [asyncio.create_task(self._work()) for _ in range(options.concurrency)]
        self.in_hand = 0  # messages received and not yet settled

    @property
    def braked(self) -> bool:
        """True while the dead-letter brake holds consumption."""
        return self._brake.on

    def receive(self, delivery: Delivery) -> None:
        """A message has arrived."""
        self.in_hand += 1
        delivery.wanted = self._options.interested is None
        self._inbox.append(delivery)
        self._arrived.set()

    def forget_waiting(self) -> None:
        """The connection is gone: what waited here is back in the queue and will come again."""
        self.in_hand -= len(self._inbox)
        self._inbox.clear()

    async def stop(self) -> None:
        """Finish and settle what the handler has, give back the rest."""
        self._stopping.set()
        self._arrived.set()
        await asyncio.gather(*self._workers)
        waiting = list(self._inbox)
        self.forget_waiting()
        await self._backend.give_back(waiting)

    async def _work(self) -> None:
        while not self._stopping.is_set():
            if self._brake.on:
                async with self._probing:  # one worker tries one batch, the others wait for what comes of it
                    if self._brake.on and not await self._runner.stopped_within(self._brake_settings.probe_after):
                        await self._next_batch()
            else:
                await self._next_batch()

    async def _next_batch(self) -> None:
        while not self._stopping.is_set():
            if self._inbox and self._inbox[0].wanted:
                batch = self._take()
                await self._settling(batch, self._handle(batch))
                return
            if self._inbox:
                await self._sift()
            else:
                self._arrived.clear()
                await self._arrived.wait()

    async def _sift(self) -> None:
        """Let go of what nobody here wants, of all that waits; what is left is wanted, unless we were stopped."""
        started = perf_counter()
        await self._sieve.judge(self._inbox)
        unwanted = [each for each in self._inbox if each.passed_over]
        if unwanted:
            kept = [each for each in self._inbox if not each.passed_over]
            self._inbox.clear()
            self._inbox.extend(kept)
            settlement = Settlement(unwanted, done=sum(each.passed_over for each in unwanted))
            await self._settling(unwanted, self._settle(settlement, started))

    async def _settling(self, batch: Sequence[Delivery], work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except HubError as error:
            _log.warning("bus.settling_failed", queue=self._queue.name, messages=len(batch), error=error.message)
        except Exception:  # noqa: BLE001 - a worker that ends would stop consuming without a word
            _log.exception("bus.consumer_failed", queue=self._queue.name, messages=len(batch))
            await self._backend.give_back(batch)
            await self._runner.stopped_within(1.0)  # a fault of our own: let it be seen, not spin
        finally:
            self.in_hand -= len(batch)

    def _take(self) -> list[Delivery]:
        """The message that waited longest, and those behind it that are wanted too and fit in the same batch."""
        batch = [self._inbox.popleft()]
        events = len(batch[0].events())
        while self._inbox and self._inbox[0].wanted:
            events += len(self._inbox[0].events())
            if events > self._options.max_events:
                break
            batch.append(self._inbox.popleft())
        return batch

    async def _handle(self, batch: list[Delivery]) -> None:
        suspects = [each for each in batch if each.crashes >= self._queue.delivery_limit and len(each.events()) > 1]
        if suspects:
            _log.error("bus.message_taken_apart", queue=self._queue.name, messages=len(suspects))
            await self._backend.settle(apart(suspects))
            batch = [each for each in batch if each not in suspects]
        started = perf_counter()
        outcomes = await self._run([event for each in batch for event in each.events()])
        if outcomes is None:
            await self._backend.give_back(batch)
            return
        await self._settle(settle(batch, outcomes, self._queue), started)

    async def _settle(self, settlement: Settlement, started: float) -> None:
        await self._backend.settle(settlement)
        self._account(settlement, perf_counter() - started)

    async def _run(self, events: list[Event]) -> dict[str, Outcome] | None:
        outcomes: dict[str, Outcome] = {}
        for start in range(0, len(events), self._options.max_events):  # a message may hold more than the handler wants
            found = await self._runner.run(events[start : start + self._options.max_events])
            if found is None:
                return None
            outcomes.update(found)
        return outcomes

    def _account(self, settlement: Settlement, seconds: float) -> None:
        name = self._queue.name
        metrics.BATCH_EVENTS.labels(name).observe(settlement.events)
        metrics.HANDLE_SECONDS.labels(name).observe(seconds)
        for outcome, count in (
            ("done", settlement.done),
            ("retry", len(settlement.again)),
            ("dead", len(settlement.dead)),
        ):
            if count:
                metrics.CONSUMED.labels(name, outcome).inc(count)
        for letter in settlement.dead:
            _log.error("bus.dead_letter", queue=name, event_id=letter.id, reason=letter.reason, attempt=letter.attempt)
        # Events that will be tried again say nothing yet; counted as alive they would hide that they all die at last.
        decided = settlement.done + len(settlement.dead)
        if decided and self._brake.observe(decided, len(settlement.dead)):
            metrics.BRAKED.labels(name).set(self._brake.on)
            if self._brake.on:
                _log.critical("bus.brake_on", queue=name, probe_after=self._brake_settings.probe_after)
            else:
                _log.warning("bus.brake_released", queue=name)
