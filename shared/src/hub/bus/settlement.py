"""What is to be written before a batch is acknowledged: pure, the same for both transports."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.contracts.cloudevents import Event, Unreadable, encode_batch, read_batch
from hub.contracts.errors import Fate, Outcome
from hub.contracts.ids import new_id
from hub.contracts.topology import Queue

# A delivery that ends without a word (consumer died, broker restarted, service stopped) is rarely the message's fault,
# so its limit is this many times the events' own delivery limit; it is there for the message that kills its consumer.
CRASHES_PER_ATTEMPT = 4


@dataclass(slots=True, eq=False)
class Delivery:
    """One message in hand. ``tag`` is the transport's own; ``attempt`` counts how often its event was put back."""

    body: bytes
    tag: Any
    attempt: int = 0
    crashes: int = 0  # deliveries that ended without a word: their consumer died
    unreadable: list[Unreadable] = field(default_factory=list)  # what in the body is no event
    wanted: bool = False  # known to be for the handler
    passed_over: int = 0  # events in it, when it is known to be for nobody here
    _events: list[Event] | None = None

    def events(self) -> list[Event]:
        """The events, decoded once; what is none stands in ``unreadable`` then."""
        if self._events is None:
            self._events, self.unreadable = read_batch(self.body)
        return self._events


@dataclass(frozen=True, slots=True)
class Letter:
    """One message to write: an event that goes back to the queue, or whatever goes to the dead letters."""

    id: str
    body: bytes
    attempt: int = 0
    reason: str = ""
    origin: Any = None  # tag of the delivery it came in


@dataclass(slots=True)
class Settlement:
    """What becomes of the deliveries of one batch."""

    deliveries: Sequence[Delivery]
    again: list[Letter] = field(default_factory=list)
    dead: list[Letter] = field(default_factory=list)
    done: int = 0

    @property
    def events(self) -> int:
        """How many events (or unreadable messages) the batch had."""
        return self.done + len(self.again) + len(self.dead)


def settle(deliveries: Sequence[Delivery], outcomes: Mapping[str, Outcome], queue: Queue) -> Settlement:
    """Turn the outcomes of a batch (by event id; absent means done) into what has to be written."""
    settlement = Settlement(deliveries)
    for delivery in deliveries:
        events = delivery.events()
        settlement.dead += _unreadable(delivery)
        if not outcomes:
            settlement.done += len(events)
            continue
        for event in events:
            outcome = outcomes.get(event.id)
            if outcome is None:
                settlement.done += 1
            else:
                _file(settlement, delivery, event, outcome, queue.delivery_limit)
    return settlement


def _unreadable(delivery: Delivery) -> list[Letter]:
    return [
        Letter(new_id(), part.body, delivery.attempt, f"unreadable: {part.reason}", delivery.tag)
        for part in delivery.unreadable
    ]


def _file(settlement: Settlement, delivery: Delivery, event: Event, outcome: Outcome, limit: int) -> None:
    attempt, reason = delivery.attempt + 1, outcome.reason
    again = outcome.fate is Fate.RETRY and attempt < limit
    if outcome.fate is Fate.RETRY and not again:
        reason = f"tried {attempt} times, at last: {reason}"
    letter = Letter(event.id, encode_batch([event]), attempt, reason, delivery.tag)
    (settlement.again if again else settlement.dead).append(letter)


def apart(deliveries: Sequence[Delivery]) -> Settlement:
    """Every event of these messages as a message of its own: what killed its consumer then kills only itself."""
    letters = [
        Letter(event.id, encode_batch([event]), each.attempt, origin=each.tag)
        for each in deliveries
        for event in each.events()
    ]
    return Settlement(deliveries, again=letters, dead=[letter for each in deliveries for letter in _unreadable(each)])
