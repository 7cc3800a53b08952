"""What the dispatcher does with what it hears: it notes who must be told."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from hub.contracts.cloudevents import Event
from hub.contracts.errors import Outcome, dead
from hub.contracts.topology import WEBHOOK_DISPATCHER, Queue
from webhook_dispatcher.domain.delivery import Payload, Subscriber
from webhook_dispatcher.domain.payload import PUBLIC_EVENTS, Undeliverable, payload_of

_log = structlog.get_logger()


class Book(Protocol):
    """Who subscribes, and what is to be delivered."""

    async def subscribers(self, accounts: Sequence[int]) -> list[Subscriber]:
        """The active subscriptions of some accounts."""

    async def schedule(self, due: Sequence[tuple[Payload, Sequence[Subscriber]]]) -> None:
        """Keep payloads, and a delivery of each for each of its subscribers."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What handlers work with: the book, and a bell that says something is due."""

    book: Book
    bell: Callable[[], None]


async def note_deliveries(desk: Desk, batch: Sequence[Event]) -> Mapping[str, Outcome]:
    """One payload for each event that somebody subscribes to, and a delivery for each subscriber."""
    hearers = _by_event(await desk.book.subscribers(sorted({event.account_id for event in batch})))
    due: dict[tuple[int, str], tuple[Payload, Sequence[Subscriber]]] = {}
    outcomes: dict[str, Outcome] = {}
    for event in batch:
        public = PUBLIC_EVENTS.get(event.type)
        if public and (subscribers := hearers.get((event.account_id, public[0]))):
            try:
                due[event.account_id, event.id] = payload_of(event), subscribers
            except Undeliverable as error:
                _log.warning("webhooks.undeliverable", event_id=event.id, type=event.type, reason=str(error))
                outcomes[event.id] = dead(str(error))
    if due:
        await desk.book.schedule(list(due.values()))
        desk.bell()
    return outcomes


def _by_event(subscribers: Sequence[Subscriber]) -> dict[tuple[int, str], list[Subscriber]]:
    hearers: dict[tuple[int, str], list[Subscriber]] = {}
    for subscriber in subscribers:
        for name in subscriber.events:
            hearers.setdefault((subscriber.account_id, name), []).append(subscriber)
    return hearers


Handler = Callable[[Desk, Sequence[Event]], Awaitable[Mapping[str, Outcome]]]

HANDLERS: dict[Queue, Handler] = {
    WEBHOOK_DISPATCHER: note_deliveries,
}
