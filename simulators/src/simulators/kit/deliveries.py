"""Webhooks on their way: a queue, a few senders, retries by the vendor's schedule, mishaps on demand, a log."""

import asyncio
import random
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp

from simulators.kit.clock import Clock

_LOG_LENGTH = 20_000
_OF_THE_PROCESS = ("_queue", "_tasks", "counts", "log", "pending")
Build = Callable[[int], tuple[bytes, Mapping[str, str]]]  # attempt, from 0 → body and headers


def is_success(status: int, _body: bytes) -> bool:
    """What most vendors take for an answer."""
    return 200 <= status < 300


@dataclass(slots=True)
class Delivery:
    """One message to one address. ``build`` is asked before each attempt; ``subject`` is what the log tells of it."""

    url: str
    build: Build
    subject: Mapping[str, Any]
    accepted: Callable[[int, bytes], bool] = is_success
    method: str = "POST"
    ended: Callable[["Delivery", int, bool], None] | None = None  # told after each attempt: its number, success
    attempts: list[dict[str, Any]] = field(default_factory=list)
    outcome: str = "pending"  # delivered, given_up, lost, dropped

    def report(self) -> dict[str, Any]:
        """For the log."""
        return {"url": self.url, **self.subject, "outcome": self.outcome, "attempts": self.attempts}


@dataclass(slots=True)
class Mishaps:
    """``lose`` and ``repeat`` are probabilities, ``delay`` seconds of real time before the first attempt."""

    lose: float = 0.0
    repeat: float = 0.0
    delay: float = 0.0


class Deliveries:
    """Sends.

    ``pauses``: seconds before each retry, times ``scale``, on the simulator's clock; ``deadline``: seconds an answer
    may take.
    """

    def __init__(
        self, clock: Clock, pauses: Sequence[float], *, deadline: float, scale: float = 1.0, senders: int = 8
    ) -> None:
        self.pauses, self.deadline, self.scale = tuple(pauses), deadline, scale
        self.mishaps = Mishaps()
        self.counts: Counter[str] = Counter()
        self.log: deque[Delivery] = deque(maxlen=_LOG_LENGTH)
        self._clock, self._senders = clock, senders
        self._random = random.Random(1)
        self._queue: asyncio.Queue[Delivery] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self.pending = 0

    def __getstate__(self) -> dict[str, Any]:
        """What waits, the counts and the log belong to the process."""
        return {name: value for name, value in vars(self).items() if name not in _OF_THE_PROCESS}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ |= state
        self.counts, self.log, self.pending = Counter(), deque(maxlen=_LOG_LENGTH), 0
        self._queue, self._tasks = asyncio.Queue(), set()

    def send(self, delivery: Delivery) -> None:
        """Queue a message."""
        self.log.append(delivery)
        self.counts["sent"] += 1
        if self._random.random() < self.mishaps.lose:
            delivery.outcome = "lost"
            self.counts["lost"] += 1
            return
        self._enqueue(delivery, self.mishaps.delay)
        if self._random.random() < self.mishaps.repeat:
            self.counts["repeated"] += 1
            copy = replace(delivery, subject={**delivery.subject, "repeat": True}, attempts=[])
            self.log.append(copy)
            self._enqueue(copy, self.mishaps.delay)

    async def start(self) -> None:
        """Begin sending."""
        for _ in range(self._senders):
            self._spawn(self._send_for_ever())

    async def stop(self) -> None:
        """Stop sending; what waits is lost."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def reset(self) -> None:
        """Forget what waits, the log and the mishaps."""
        while not self._queue.empty():
            self._drop(self._queue.get_nowait())
        for each in self.log:
            each.outcome = "dropped" if each.outcome == "pending" else each.outcome
        self.log.clear()
        self.counts.clear()
        self.mishaps = Mishaps()

    def misbehave(self, wish: Mapping[str, Any]) -> None:
        """Set mishaps and the retry scale by name; ``seed`` begins the dice anew."""
        for name in ("lose", "repeat", "delay"):
            setattr(self.mishaps, name, float(wish.get(name, getattr(self.mishaps, name))))
        self.scale = float(wish.get("scale", self.scale))
        if "seed" in wish:
            self._random = random.Random(wish["seed"])

    def report(self, limit: int) -> dict[str, Any]:
        """Counts and the last deliveries, newest last."""
        last = list(self.log)[-limit:] if limit else []
        return {"counts": self.counts, "pending": self.pending, "deliveries": [each.report() for each in last]}

    def _enqueue(self, delivery: Delivery, delay: float) -> None:
        self.pending += 1
        if delay > 0:
            self._spawn(self._later(delivery, asyncio.sleep(delay)))
        else:
            self._queue.put_nowait(delivery)

    async def _later(self, delivery: Delivery, pause: Any) -> None:
        await pause
        if delivery.outcome == "dropped":
            self.pending -= 1
        else:
            self._queue.put_nowait(delivery)

    async def _send_for_ever(self) -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=self.deadline)) as session:
            while True:
                await self._attempt(session, await self._queue.get())

    async def _attempt(self, session: aiohttp.ClientSession, delivery: Delivery) -> None:
        number = len(delivery.attempts)
        body, headers = delivery.build(number)
        record: dict[str, Any] = {"at": self._clock.now().isoformat()}
        delivery.attempts.append(record)
        ok = False
        try:
            call = session.request(delivery.method, delivery.url, data=body, headers=headers, allow_redirects=False)
            async with call as answer:
                record["status"] = answer.status
                ok = delivery.accepted(answer.status, await answer.read())
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            record["error"] = repr(error)
        self.counts["attempts"] += 1
        if delivery.ended:
            delivery.ended(delivery, number, ok)
        if ok:
            self.counts["delivered"] += 1
            delivery.outcome = "delivered"
        elif number < len(self.pauses) and delivery.outcome != "dropped":
            self._spawn(self._later(delivery, self._clock.sleep(self.pauses[number] * self.scale)))
            return
        else:
            delivery.outcome = "given_up"
            self.counts["given_up"] += 1
        self.pending -= 1

    def _drop(self, delivery: Delivery) -> None:
        delivery.outcome = "dropped"
        self.pending -= 1

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
