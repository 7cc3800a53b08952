"""A consumer of one queue of the embedded bus."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic
from typing import Any

import structlog

from hub.bus import metrics
from hub.bus.backoff import pauses
from hub.bus.brake import BrakeSettings
from hub.bus.consumer import Consumer
from hub.bus.embedded.database import DATABASE_AWAY
from hub.bus.embedded.session import Session
from hub.bus.protocol import BatchHandler, ConsumerOptions
from hub.bus.settlement import CRASHES_PER_ATTEMPT, Delivery, Letter, Settlement
from hub.contracts.errors import Unavailable
from hub.contracts.ids import new_id
from hub.contracts.topology import Queue

_TEND_SECONDS = 1.0  # how soon a dead consumer's messages are free again, and a lost wake-up is made good
_SWEEP_SECONDS = 30.0
_STOP_SECONDS = 5.0  # how long a stopping consumer waits for a database that is away
_log = structlog.get_logger(__name__)


class EmbeddedSubscription:
    """Claims messages for a consumer and settles for it, over a session that is made anew when it is lost.

    The consumer keeps its number over reconnections, so that what it has in hand stays its own if it is quick.
    """

    def __init__(
        self, url: str, name: str, queue: Queue, handler: BatchHandler, options: ConsumerOptions, brake: BrakeSettings
    ) -> None:
        self._url, self._name, self._queue, self._options = url, name, queue, options
        self._consumer = Consumer(queue, handler, options, self, brake)
        self._number: int | None = None
        self._session: Session | None = None
        self._up, self._wake = asyncio.Event(), asyncio.Event()
        self._claimed: set[int] = set()
        self._stop_by: float | None = None
        self._swept_at = monotonic()
        self._calm = False
        self._feeder = asyncio.create_task(self._feed())

    @property
    def braked(self) -> bool:
        """True while the dead-letter brake holds consumption."""
        return self._consumer.braked

    @property
    def in_hand(self) -> int:
        """Messages claimed and not yet settled."""
        return self._consumer.in_hand

    async def attached(self) -> None:
        """Returns when this consumer is registered."""
        await self._up.wait()

    async def stop(self) -> None:
        """Take no more, finish what the handler has, give the rest back, disconnect."""
        self._stop_by = monotonic() + _STOP_SECONDS
        self._wake.set()
        await self._consumer.stop()
        self._feeder.cancel()
        with suppress(asyncio.CancelledError):
            await self._feeder

    async def settle(self, settlement: Settlement) -> None:
        """Backend. A database that is away is waited for: the work is done, only its note is missing."""
        waiting = pauses(longest=1.0)
        while True:
            session = self._session
            try:
                if session is not None:
                    await session.settle(settlement)
                    break
            except DATABASE_AWAY as error:
                _log.warning("bus.settling_again", queue=self._queue.name, error=repr(error))
            if self._stop_by is not None and monotonic() > self._stop_by:
                raise Unavailable("the database is away; the messages will come again")
            await asyncio.sleep(next(waiting))
        self._calm = self._calm or not all(delivery.crashes for delivery in settlement.deliveries)
        self._let_go(settlement.deliveries)
        if settlement.again:
            self._wake.set()

    async def give_back(self, deliveries: Sequence[Delivery]) -> None:
        """Backend. If the database is away, the end of our session gives them back."""
        with suppress(*DATABASE_AWAY):
            if deliveries and self._session is not None:
                await self._session.give_back([delivery.tag for delivery in deliveries])
        self._let_go(deliveries)

    def _let_go(self, deliveries: Sequence[Delivery]) -> None:
        self._claimed.difference_update(delivery.tag for delivery in deliveries)
        self._wake.set()

    async def _feed(self) -> None:
        waiting = pauses(longest=5.0)
        while True:
            session: Session | None = None
            try:
                session = await Session.open(
                    self._url, self._name, self._queue.name, self._number, list(self._claimed), self._wake.set
                )
                self._number, self._session = session.consumer, session
                await session.tend(sweep=False)
                waiting = pauses(longest=5.0)
                self._up.set()
                await self._pump(session)
                metrics.RECONNECTS.inc()
            except DATABASE_AWAY as error:
                _log.warning("bus.consumer_detached", queue=self._queue.name, error=repr(error))
            except Exception:  # noqa: BLE001 - a feeder that ends would stop consuming without a word
                _log.exception("bus.consumer_failed", queue=self._queue.name)
            finally:
                self._session = None
                self._up.clear()
                if session is not None:
                    with suppress(*DATABASE_AWAY):
                        await session.close(unregister=self._stop_by is not None)
            await asyncio.sleep(next(waiting))

    async def _pump(self, session: Session) -> None:
        tended_at = monotonic()
        while not session.is_closed:
            self._wake.clear()
            room = self._appetite() - len(self._claimed)
            rows = await session.claim(room) if room > 0 else []
            for row in rows:
                self._claimed.add(row["id"])
                await self._deliver(row)
            if monotonic() - tended_at >= _TEND_SECONDS:
                tended_at = monotonic()
                await self._tend(session)
            if len(rows) < room or self._appetite() <= len(self._claimed):
                await self._woken(_TEND_SECONDS)

    def _appetite(self) -> int:
        """How many messages may be in hand.

        One at a time until one is settled that nobody had died of: a message that kills its consumer is then alone in
        hand, and the count of its deliveries finds it and not those around it.
        """
        if self._stop_by is not None:
            return 0
        return self._options.prefetch_messages if self._calm else 1

    async def _deliver(self, row: Any) -> None:
        delivery = Delivery(row["body"], row["id"], row["attempt"], crashes=row["deliveries"] - 1)
        if delivery.crashes < self._queue.delivery_limit * CRASHES_PER_ATTEMPT:
            self._consumer.receive(delivery)
            return
        reason = f"given to a consumer {delivery.crashes} times, and never settled"
        letter = Letter(new_id(), delivery.body, delivery.attempt, reason, delivery.tag)
        await self.settle(Settlement([delivery], dead=[letter]))

    async def _tend(self, session: Session) -> None:
        sweep = monotonic() - self._swept_at >= _SWEEP_SECONDS
        if sweep:
            self._swept_at = monotonic()
        await session.tend(sweep)

    async def _woken(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
