"""What a transport promises. One behaviour suite (``shared/tests/integration/bus/``) holds both to it."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from hub.contracts.cloudevents import Event
from hub.contracts.errors import Outcome
from hub.contracts.topology import Queue

# Called with a batch in arrival order. Returns the outcome of each event that is not simply done, by event id;
# an empty mapping says all are done. Raising says nothing was done: a HubError or a connection error with
# fate retry puts the whole batch back after a pause, anything else makes the consumer try the events one by one.
BatchHandler = Callable[[Sequence[Event]], Awaitable[Mapping[str, Outcome]]]


@dataclass(frozen=True, slots=True)
class ConsumerOptions:
    """How much a consumer takes in hand, and what it passes over.

    ``interested`` is asked with accounts, and answers with those whose events the handler has something to do for. A
    message of other accounts only is then done without being decoded. It is asked after the message came, and anew
    for every message: whoever becomes interested after the answer finds what the events tell of in the database,
    committed before they were published, and must look there. It may be asked of more accounts than a message has,
    never of fewer. When it raises as an absent dependency does, the messages are held like a handler's batch; after
    any other error they are decoded and handled.

    Messages in which a type of ``always_decoded`` occurs go to the handler whatever their account.
    """

    max_events: int = 500
    concurrency: int = 1
    prefetch_messages: int = 32
    interested: Callable[[Collection[int]], Awaitable[Collection[int]]] | None = None
    always_decoded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One event (or unreadable message) that was given up on."""

    id: str
    queue: str
    reason: str
    body: bytes
    died_at: str
    headers: Mapping[str, Any]


class Publisher(Protocol):
    """Publishing returns only when the broker has made the event durable; raises Unavailable otherwise."""

    async def publish(self, event: Event) -> None:
        """Group commit: concurrent callers share a message; a lone event does not wait for company."""

    async def publish_many(self, events: Sequence[Event]) -> None:
        """Many events, in as few messages as limits allow; all durable on return."""

    async def publish_batch(self, routing_key: str, body: bytes) -> None:
        """A batch body that is encoded already (the outbox relay's case)."""


class TransactionalPublisher(Protocol):
    """A bus in the caller's own database: messages are committed with the data they tell of."""

    async def publish_within(self, connection: Any, messages: Sequence[tuple[str, bytes]]) -> None:
        """Messages (event type, encoded batch) as part of the connection's transaction.

        Consumers may have them as soon as it commits. Raises Unavailable when no queue is bound to one of the types;
        the transaction has to be undone then.
        """

    async def announce(self, event_types: Collection[str]) -> None:
        """Wake who hears these types. Only speed depends on it: consumers look for themselves every second."""


class Subscription(Protocol):
    """A running consumer."""

    async def stop(self) -> None:
        """Take no more, finish what is in hand, acknowledge it, give the rest back."""

    @property
    def braked(self) -> bool:
        """True while the dead-letter brake holds consumption."""

    @property
    def in_hand(self) -> int:
        """Messages received and not yet settled; never more than the prefetch."""


class Bus(Publisher, Protocol):
    """A transport."""

    async def connect(self) -> None:
        """Connect and declare the topology; retries with back-off until it succeeds or is cancelled."""

    async def close(self) -> None:
        """Flush what was published, stop all subscriptions, disconnect."""

    async def healthy(self) -> bool:
        """Whether an event published now would be confirmed."""

    async def consume(self, queue: Queue, handler: BatchHandler, options: ConsumerOptions) -> Subscription:
        """Start a competing consumer; it survives broker restarts by itself."""

    async def depth(self, queue: str) -> int:
        """Messages waiting in a queue (dead-letter queues included)."""

    async def dead_letters(self, queue: Queue, limit: int = 100) -> list[DeadLetter]:
        """Oldest first; they stay where they are."""

    async def redrive(self, queue: Queue, ids: Sequence[str] | None = None) -> int:
        """Put dead letters (all, or those named) back into their queue; returns how many."""

    async def discard(self, queue: Queue, ids: Sequence[str] | None = None) -> int:
        """Delete dead letters (all, or those named) for good; returns how many."""
