"""Run a handler over a batch: hold it while a dependency is away, find the event to blame otherwise."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

import structlog

from hub.bus import metrics
from hub.bus.backoff import pauses
from hub.bus.faults import is_passing, outcome_of
from hub.bus.protocol import BatchHandler
from hub.contracts.cloudevents import Event
from hub.contracts.errors import Outcome

_log = structlog.get_logger(__name__)
T = TypeVar("T")


class Runner:
    """A handler with the promises of the protocol around it. ``stopping`` ends a hold."""

    def __init__(self, queue: str, handler: BatchHandler, stopping: asyncio.Event) -> None:
        self._queue, self._handler, self._stopping = queue, handler, stopping

    async def run(self, events: Sequence[Event]) -> Mapping[str, Outcome] | None:
        """Outcomes by event id. None when the consumer was stopped while the batch was held: nothing is settled."""
        if not events:
            return {}
        try:
            return await self.hold(lambda: self._handler(events), events=len(events))
        except Exception as error:  # noqa: BLE001 - the handler's bugs must cost only the events they hit
            return await self._isolate(events, error)

    async def hold(self, work: Callable[[], Awaitable[T]], **about: int) -> T | None:
        """What the work returns, once what it needs is there. None when the consumer was stopped before that.

        Raises what no waiting mends.
        """
        for pause in pauses():
            try:
                return await work()
            except Exception as error:
                if not is_passing(error):
                    raise
                metrics.HELD.labels(self._queue).inc()
                _log.warning("bus.batch_held", queue=self._queue, **about, pause=pause, error=repr(error))
            if await self.stopped_within(pause):
                return None
        raise AssertionError("pauses never end")

    async def _isolate(self, events: Sequence[Event], error: Exception) -> Mapping[str, Outcome] | None:
        # Halving finds one bad event among 500 in 18 runs of the handler instead of 500.
        if len(events) == 1:
            _log.error(
                "bus.event_failed", queue=self._queue, event_id=events[0].id, type=events[0].type, exc_info=error
            )
            return {events[0].id: outcome_of(error)}
        middle = len(events) // 2
        outcomes: dict[str, Outcome] = {}
        for half in (events[:middle], events[middle:]):
            found = await self.run(half)
            if found is None:
                return None
            outcomes.update(found)
        return outcomes

    async def stopped_within(self, seconds: float) -> bool:
        """Wait so long, or until the consumer is stopped; says whether it was."""
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return False
        return True
