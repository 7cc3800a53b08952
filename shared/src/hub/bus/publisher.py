"""Publishing for both transports: group commit around a transport's ``send``."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter

from hub.bus import metrics
from hub.bus.group_commit import Gathering, Group
from hub.contracts.cloudevents import MAX_BATCH_BYTES, MAX_EVENT_BYTES, Event, encode_event
from hub.contracts.compression import compressed
from hub.contracts.errors import HubError, TooLarge, Unavailable

# Makes one message durable: (event type, body). Raises Unavailable when the broker did not confirm it.
Send = Callable[[str, bytes], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class PublishLimits:
    """How long events gather, and how much may be on its way before ``publish`` makes its callers wait."""

    gather_seconds: float = 0.002
    messages_in_flight: int = 32
    pending_bytes: int = 16_000_000
    confirm_seconds: float = 10.0


@dataclass(slots=True, eq=False)
class _Lane:
    """One event type's way to the broker."""

    type: str
    gathering: Gathering = field(default_factory=Gathering)
    in_flight: int = 0
    timer: asyncio.Handle | None = None


class GroupCommitPublisher:
    """The Publisher protocol over one ``send``. Needs a running event loop."""

    def __init__(self, send: Send, limits: PublishLimits | None = None) -> None:
        self._send = send
        self._limits = limits or PublishLimits()
        self._loop = asyncio.get_running_loop()
        self._lanes: dict[str, _Lane] = {}
        self._window = asyncio.Semaphore(self._limits.messages_in_flight)
        self._pending = 0  # bytes accepted and not yet confirmed or refused
        self._blocked: deque[asyncio.Future[None]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    async def publish(self, event: Event) -> None:
        """Durable on return. TooLarge: nothing was sent. Unavailable: it may have been stored, ask again."""
        encoded = _encode(event)
        if self._pending >= self._limits.pending_bytes or self._closed:
            await self._room()
        waiter = self._loop.create_future()
        lane = self._lanes.get(event.type) or self._lanes.setdefault(event.type, _Lane(event.type))
        self._pending += len(encoded) + 1
        full = lane.gathering.add(encoded, waiter)
        if full is not None:
            self._launch(lane, full)
        if lane.timer is None:
            # On an idle lane the message leaves in this very turn of the loop, with whoever else published in it.
            lane.timer = (
                self._loop.call_later(self._limits.gather_seconds, self._leave, lane)
                if lane.in_flight
                else self._loop.call_soon(self._leave, lane)
            )
        await waiter

    async def publish_many(self, events: Sequence[Event]) -> None:
        """All durable on return; when any is refused, raises the first refusal after the others are settled."""
        sending: list[asyncio.Task[None]] = []
        try:
            for kind, group in self._groups(events):
                await self._room()
                sending.append(self._keep(self._post(kind, group.body(), len(group.events))))
        finally:
            results = await asyncio.gather(*sending, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def publish_batch(self, routing_key: str, body: bytes) -> None:
        """One message with an encoded body, compressed or not; TooLarge beyond twice the usual limit."""
        if len(body) > 2 * MAX_BATCH_BYTES:
            raise TooLarge("the batch is larger than a message may be", limit=2 * MAX_BATCH_BYTES, size=len(body))
        await self._room()
        await self._keep(self._post(routing_key, body, 0))

    async def close(self) -> None:
        """Take nothing more, and wait until everything taken is confirmed or refused."""
        self._closed = True
        for lane in self._lanes.values():
            self._leave(lane)
        while self._tasks:
            await asyncio.wait(self._tasks)
        self._wake()

    def _leave(self, lane: _Lane) -> None:
        if lane.timer is not None:
            lane.timer.cancel()
            lane.timer = None
        group = lane.gathering.take()
        if group is not None:
            self._launch(lane, group)

    def _groups(self, events: Sequence[Event]) -> Iterator[tuple[str, Group]]:
        lanes: dict[str, Gathering] = {}
        nobody: asyncio.Future[None] = self._loop.create_future()
        for event in events:
            full = lanes.setdefault(event.type, Gathering()).add(_encode(event), nobody)
            if full is not None:
                yield event.type, full
        for kind, lane in lanes.items():
            rest = lane.take()
            if rest is not None:
                yield kind, rest

    def _launch(self, lane: _Lane, group: Group) -> None:
        lane.in_flight += 1
        self._keep(self._carry(lane, group))

    def _keep(self, work: Coroutine[None, None, None]) -> "asyncio.Task[None]":
        # The task is kept by reference, and close() waits for it also when its caller was cancelled.
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _carry(self, lane: _Lane, group: Group) -> None:
        refusal: HubError | None = None
        try:
            await self._transmit(lane.type, group.body(), len(group.events))
        except HubError as error:
            refusal = error
        finally:
            lane.in_flight -= 1
            self._release(group.size - 2)
            if not lane.in_flight:
                self._leave(lane)
        for waiter in group.waiters:
            if waiter.done():  # its caller was cancelled
                continue
            if refusal is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(Unavailable(refusal.message))

    def _post(self, kind: str, body: bytes, events: int) -> Coroutine[None, None, None]:
        self._pending += len(body)  # now, not when the task first runs: the next caller must see it
        return self._posted(kind, body, events)

    async def _posted(self, kind: str, body: bytes, events: int) -> None:
        try:
            await self._transmit(kind, body, events)
        finally:
            self._release(len(body))

    async def _transmit(self, kind: str, body: bytes, events: int) -> None:
        started = perf_counter()
        try:
            async with asyncio.timeout(self._limits.confirm_seconds), self._window:
                await self._send(kind, compressed(body))
        except TimeoutError:
            metrics.PUBLISH_FAILED.labels(kind).inc(events)
            raise Unavailable(f"the bus did not confirm within {self._limits.confirm_seconds} s") from None
        except HubError:
            metrics.PUBLISH_FAILED.labels(kind).inc(events)
            raise
        except Exception as error:  # whatever broke, the callers must not wait for ever
            metrics.PUBLISH_FAILED.labels(kind).inc(events)
            raise Unavailable(f"publishing failed: {error}") from error
        metrics.PUBLISH_SECONDS.observe(perf_counter() - started)
        metrics.PUBLISHED.labels(kind).inc(events)
        metrics.MESSAGE_EVENTS.observe(events)

    async def _room(self) -> None:
        while self._pending >= self._limits.pending_bytes and not self._closed:
            turn = self._loop.create_future()
            self._blocked.append(turn)
            await turn
        if self._closed:
            raise Unavailable("the bus is closing")

    def _release(self, size: int) -> None:
        self._pending -= size
        if self._blocked and self._pending < self._limits.pending_bytes:
            self._wake()

    def _wake(self) -> None:
        while self._blocked:
            turn = self._blocked.popleft()
            if not turn.done():
                turn.set_result(None)


def _encode(event: Event) -> bytes:
    encoded = encode_event(event)
    if len(encoded) > MAX_EVENT_BYTES:
        raise TooLarge("the event is larger than an event may be", limit=MAX_EVENT_BYTES, size=len(encoded))
    return encoded
