"""Messages of accounts that nobody here has to do with are done unread; whatever may matter reaches the handler."""

import asyncio
from collections.abc import Collection
from dataclasses import replace

import orjson
import pytest

from hub.bus.protocol import ConsumerOptions
from hub.contracts.cloudevents import Event
from hub.contracts.errors import Unavailable
from hub.testing.buses import Lab, Recorder, depth_becomes, eventually, make_events


class Interest:
    """Accounts of interest, and what was asked."""

    def __init__(self, *accounts: int, away: int = 0, broken: bool = False) -> None:
        self.accounts, self.away, self.broken = set(accounts), away, broken
        self.asked: set[int] = set()
        self.questions = 0

    async def __call__(self, accounts: Collection[int]) -> set[int]:
        """Fails so many times as an absent database does, or always as a mistake of ours would."""
        self.questions += 1
        if self.questions <= self.away:
            raise Unavailable("the database is away")
        if self.broken:
            raise ZeroDivisionError
        self.asked.update(accounts)
        return self.accounts & set(accounts)


def of_account(account: int, events: list[Event]) -> list[Event]:
    return [replace(event, account_id=account) for event in events]


async def test_only_messages_of_interest_reach_the_handler(lab: Lab) -> None:
    queue, recorder, interest = lab.queue(), Recorder(), Interest(2)
    bus = await lab.open(queue)
    wanted = of_account(2, make_events(queue, 3))
    for account in (1, 3, 1):
        await bus.publish_many(of_account(account, make_events(queue, 40)))
    await bus.publish_many(wanted + of_account(5, make_events(queue, 1)))
    await bus.publish_many(of_account(4, make_events(queue, 700)))
    subscription = await bus.consume(queue, recorder, ConsumerOptions(interested=interest, concurrency=2))
    await depth_becomes(bus, queue.name, 0)
    await eventually(lambda: not subscription.in_hand)
    # What shares a message with an event of interest comes along.
    assert sorted(event.account_id for batch in recorder.batches for event in batch) == [2, 2, 2, 5]
    assert recorder.done[:3] == [event.id for event in wanted]
    assert interest.asked == {1, 2, 3, 4, 5}
    await lab.close()
    again = await lab.open()
    assert await again.depth(queue.name) == 0


async def test_interest_is_asked_anew_for_what_comes_later(lab: Lab) -> None:
    queue, recorder, interest = lab.queue(), Recorder(), Interest()
    bus = await lab.open(queue)
    subscription = await bus.consume(queue, recorder, ConsumerOptions(interested=interest))
    await bus.publish_many(make_events(queue, 2))
    await eventually(lambda: interest.questions and not subscription.in_hand)
    interest.accounts.add(1)
    events = make_events(queue, 2)
    await bus.publish_many(events)
    await recorder.finishes(2)
    assert recorder.done == [event.id for event in events]


async def test_some_types_are_always_of_interest(lab: Lab) -> None:
    queue = lab.queue("test.always.v1", "test.sometimes.v1")
    bus, recorder, interest = await lab.open(queue), Recorder(), Interest()
    options = ConsumerOptions(interested=interest, always_decoded=("test.always.v1",))
    subscription = await bus.consume(queue, recorder, options)
    sometimes = [replace(event, type="test.sometimes.v1") for event in make_events(queue, 2)]
    always = make_events(queue, 2)
    await bus.publish_many(sometimes)
    await bus.publish_many(always)
    await recorder.finishes(2)
    await eventually(lambda: not subscription.in_hand)
    assert recorder.done == [event.id for event in always]


async def test_messages_that_a_glance_cannot_read_are_decoded(lab: Lab) -> None:
    queue, recorder = lab.queue(), Recorder()
    bus = await lab.open(queue)
    await bus.consume(queue, recorder, ConsumerOptions(interested=Interest()))
    event = make_events(queue, 1)[0]
    body = orjson.dumps(event.envelope() | {"accountid": 1})
    await bus.publish_batch(event.type, body)
    await bus.publish_batch(event.type, b"[{")
    await recorder.finishes(1)
    assert recorder.done == [event.id]
    await depth_becomes(bus, queue.dead, 1)


async def test_a_question_without_an_answer_holds_the_messages(lab: Lab) -> None:
    queue, recorder, interest = lab.queue(), Recorder(), Interest(1, away=2)
    bus = await lab.open(queue)
    await bus.consume(queue, recorder, ConsumerOptions(interested=interest))
    await bus.publish_many(make_events(queue, 2))
    await recorder.finishes(2)
    assert interest.questions == 3


async def test_stopped_while_it_waits_for_an_answer_it_gives_the_messages_back(lab: Lab) -> None:
    queue, recorder, interest = lab.queue(), Recorder(), Interest(away=1_000)
    bus = await lab.open(queue)
    subscription = await bus.consume(queue, recorder, ConsumerOptions(interested=interest, concurrency=2))
    await bus.publish_many(make_events(queue, 2))
    await eventually(lambda: interest.questions)
    async with asyncio.timeout(5):
        await subscription.stop()
    assert subscription.in_hand == 0
    await depth_becomes(bus, queue.name, 1)
    assert recorder.batches == []


@pytest.mark.parametrize("accounts", [(), (1,)])
async def test_a_faulty_question_costs_nothing_but_the_saving(lab: Lab, accounts: tuple[int, ...]) -> None:
    queue, recorder = lab.queue(), Recorder()
    bus = await lab.open(queue)
    await bus.consume(queue, recorder, ConsumerOptions(interested=Interest(*accounts, broken=True)))
    await bus.publish_many(make_events(queue, 2))
    await recorder.finishes(2)
