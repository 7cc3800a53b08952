"""Outcomes are per event; what died is kept, listed and put back; the brake keeps a bad day from killing everything."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from hub.bus.brake import BrakeSettings
from hub.bus.protocol import ConsumerOptions
from hub.contracts.cloudevents import Event, decode_batch, encode_batch
from hub.contracts.errors import Conflict, Outcome, Unavailable, dead, retry
from hub.testing.buses import Lab, Recorder, depth_becomes, eventually, make_events


def poison(*numbers: int) -> Recorder:
    """A handler that cannot bear events with these numbers."""

    def decide(event: Event) -> None:
        if event.data["n"] in numbers:
            raise ValueError(f"cannot bear {event.data['n']}")

    return Recorder(decide)


async def test_a_poison_event_in_a_batch_costs_only_itself(lab: Lab) -> None:
    queue, recorder = lab.queue(), poison(313)
    bus = await lab.open(queue)
    await bus.consume(queue, recorder, ConsumerOptions())
    events = make_events(queue, 500)
    await bus.publish_many(events)
    await depth_becomes(bus, queue.dead, 1)
    (letter,) = await bus.dead_letters(queue)
    assert letter.id == events[313].id
    assert decode_batch(letter.body) == [events[313]]
    assert letter.reason == "tried 3 times, at last: ValueError: cannot bear 313"
    assert sorted(recorder.done) == sorted(event.id for event in events if event is not events[313])


async def test_each_event_has_its_own_outcome(lab: Lab) -> None:
    queue = lab.queue(delivery_limit=3)
    outcomes: dict[int, Outcome] = {1: retry("later"), 2: dead("never")}
    recorder = Recorder(lambda event: outcomes.get(event.data["n"]))
    bus = await lab.open(queue)
    await bus.consume(queue, recorder, ConsumerOptions())
    events = make_events(queue, 4)
    await bus.publish_many(events)
    await depth_becomes(bus, queue.dead, 2)
    reasons = {letter.id: letter.reason for letter in await bus.dead_letters(queue)}
    assert reasons == {events[1].id: "tried 3 times, at last: later", events[2].id: "never"}
    assert [recorder.times_seen(event) for event in events] == [1, 3, 1, 1]


async def test_an_event_that_is_tried_again_may_succeed(lab: Lab) -> None:
    queue, tries = lab.queue(), iter([retry("not yet"), retry("not yet")])
    recorder = Recorder(lambda _: next(tries, None))
    other = lab.queue(*queue.binds)
    bystander = Recorder()
    bus = await lab.open(queue, other)
    await bus.consume(queue, recorder, ConsumerOptions())
    await bus.consume(other, bystander, ConsumerOptions())
    await bus.publish(make_events(queue, 1)[0])
    await recorder.finishes(1)
    assert len(recorder.batches) == 3
    assert await bus.dead_letters(queue) == []
    assert len(bystander.batches) == 1


async def test_an_error_that_says_dead_is_dead_at_once(lab: Lab) -> None:
    queue = lab.queue()

    def decide(event: Event) -> None:
        if event.data["n"] == 1:
            raise Conflict("contradicts what is stored")

    recorder = Recorder(decide)
    bus = await lab.open(queue)
    await bus.consume(queue, recorder, ConsumerOptions())
    await bus.publish_many(make_events(queue, 3))
    await depth_becomes(bus, queue.dead, 1)
    assert [letter.reason for letter in await bus.dead_letters(queue)] == ["CONFLICT: contradicts what is stored"]
    assert len(recorder.done) == 2


@pytest.mark.parametrize("error", [Unavailable(), ConnectionResetError("gone"), TimeoutError()])
async def test_a_passing_failure_holds_the_batch_and_burns_no_attempt(lab: Lab, error: Exception) -> None:
    queue, failures = lab.queue(delivery_limit=1), iter([error] * 4)

    def decide(_: Event) -> None:
        failure = next(failures, None)
        if failure:
            raise failure

    recorder = Recorder(decide)
    bus = await lab.open(queue)
    await bus.consume(queue, recorder, ConsumerOptions())
    events = make_events(queue, 5)
    await bus.publish_many(events)
    await recorder.finishes(5)
    assert recorder.done == [event.id for event in events]
    assert [len(batch) for batch in recorder.batches] == [5, 5, 5, 5, 5]
    await depth_becomes(bus, queue.name, 0)
    assert await bus.dead_letters(queue) == []


async def test_a_held_batch_is_given_back_when_the_consumer_stops(lab: Lab) -> None:
    queue, recorder = lab.queue(), Recorder()

    async def away(_: Sequence[Event]) -> Mapping[str, Outcome]:
        raise Unavailable

    bus = await lab.open(queue)
    subscription = await bus.consume(queue, away, ConsumerOptions())
    await bus.publish_many(make_events(queue, 5))
    await eventually(lambda: subscription.in_hand == 1)
    await asyncio.wait_for(subscription.stop(), 5)
    await depth_becomes(bus, queue.name, 1)
    await bus.consume(queue, recorder, ConsumerOptions())
    await recorder.finishes(5)


async def test_an_unreadable_message_is_kept_whole(lab: Lab) -> None:
    queue, recorder = lab.queue(), Recorder()
    bus = await lab.open(queue)
    await bus.consume(queue, recorder, ConsumerOptions())
    await bus.publish_batch(queue.binds[0], b"\x00 not JSON")
    await bus.publish_batch(queue.binds[0], b'[{"id": "no type"}]')
    await bus.publish(make_events(queue, 1)[0])
    await depth_becomes(bus, queue.dead, 2)
    await recorder.finishes(1)
    letters = await bus.dead_letters(queue)
    assert [letter.body for letter in letters] == [b"\x00 not JSON", b'[{"id": "no type"}]']
    assert all(letter.reason.startswith("unreadable: ") for letter in letters)
    assert len({letter.id for letter in letters}) == 2


async def test_dead_letters_are_listed_oldest_first_and_put_back(lab: Lab) -> None:
    queue, verdicts = lab.queue(), {"bad": True}
    recorder = Recorder(lambda _: dead("bad day") if verdicts["bad"] else None)
    bus = await lab.open(queue)
    await bus.consume(queue, recorder, ConsumerOptions())
    events = make_events(queue, 6)
    for number, event in enumerate(events):
        await bus.publish(event)
        await depth_becomes(bus, queue.dead, number + 1)
    ids = [event.id for event in events]
    assert [letter.id for letter in await bus.dead_letters(queue, limit=4)] == ids[:4]
    letters = await bus.dead_letters(queue)
    assert [letter.id for letter in letters] == ids  # looking at them moved nothing
    assert {(letter.queue, letter.reason) for letter in letters} == {(queue.name, "bad day")}
    assert all(letter.died_at.endswith("Z") for letter in letters)
    verdicts["bad"] = False
    assert await bus.redrive(queue, ids[1:3]) == 2
    await recorder.finishes(2)
    assert sorted(recorder.done) == sorted(ids[1:3])
    assert await bus.redrive(queue) == 4
    await recorder.finishes(6)
    assert await bus.redrive(queue) == 0
    assert await bus.dead_letters(queue) == []


async def test_a_redriven_event_has_all_its_attempts_again(lab: Lab) -> None:
    queue, recorder = lab.queue(delivery_limit=3), poison(0)
    bus = await lab.open(queue)
    await bus.consume(queue, recorder, ConsumerOptions())
    await bus.publish(make_events(queue, 1)[0])
    await depth_becomes(bus, queue.dead, 1)
    assert await bus.redrive(queue) == 1
    await eventually(lambda: len(recorder.batches) == 6)
    await depth_becomes(bus, queue.dead, 1)


async def test_the_brake_stops_a_bad_deploy_and_lets_go_when_it_is_mended(lab: Lab) -> None:
    queue, mended = lab.queue(delivery_limit=2), asyncio.Event()

    def decide(_: Event) -> None:
        if not mended.is_set():
            raise AttributeError("a bad deploy")

    recorder = Recorder(decide)
    bus = await lab.open(queue, brake=BrakeSettings(window=20, minimum=10, ratio=0.9, probe_after=0.5))
    for event in make_events(queue, 200):
        await bus.publish(event)
    subscription = await bus.consume(queue, recorder, ConsumerOptions(max_events=1, prefetch_messages=4))
    await eventually(lambda: subscription.braked)
    await asyncio.sleep(0.2)
    assert await bus.depth(queue.dead) <= 20
    mended.set()
    await eventually(lambda: not subscription.braked)
    died = await bus.depth(queue.dead)
    assert died <= 25
    await recorder.finishes(200 - died)
    assert await bus.redrive(queue) == died
    await recorder.finishes(200)


async def test_a_braked_consumer_stops_at_once(lab: Lab) -> None:
    queue, recorder = lab.queue(), Recorder(lambda _: dead("bad"))
    bus = await lab.open(queue, brake=BrakeSettings(window=10, minimum=5, ratio=0.9, probe_after=60))
    subscription = await bus.consume(queue, recorder, ConsumerOptions())
    await bus.publish_many(make_events(queue, 10))
    await eventually(lambda: subscription.braked)
    await asyncio.wait_for(subscription.stop(), 5)


async def test_what_no_letter_could_carry_holds_up_nobody(lab: Lab) -> None:
    queue = lab.queue()
    recorder = Recorder(lambda event: dead("y" * 300_000 + "\x00") if event.data["n"] == 0 else None)
    bus = await lab.open(queue)
    await bus.consume(queue, recorder, ConsumerOptions())
    kind = queue.binds[0]
    # No message id and no index entry can be so long, and PostgreSQL knows no NUL.
    for hostile in ("x" * 100_000, "a\x00b"):
        await bus.publish_batch(kind, encode_batch([Event(kind, 1, "s", {"n": 1}, "t", id=hostile)]))
    first, *others = make_events(queue, 20)
    await bus.publish_batch(kind, encode_batch([first, *others[:10]]).replace(b"[", b"[7,", 1))
    await bus.publish_many(others[10:])
    await recorder.finishes(19)
    await depth_becomes(bus, queue.dead, 4)
    assert await bus.depth(queue.name) == 0
    letters = await bus.dead_letters(queue)
    assert sum(letter.reason.startswith("unreadable: ") for letter in letters) == 3
    assert [letter.reason[:3] for letter in letters if letter.id == first.id] == ["yyy"]


async def test_dead_letters_are_discarded_by_id_or_all(lab: Lab) -> None:
    queue, recorder = lab.queue(), Recorder(lambda _: dead("never"))
    bus = await lab.open(queue)
    await bus.consume(queue, recorder, ConsumerOptions())
    events = make_events(queue, 4)
    await bus.publish_many(events)
    await depth_becomes(bus, queue.dead, 4)
    assert await bus.discard(queue, [events[1].id, "unknown"]) == 1
    await depth_becomes(bus, queue.dead, 3)
    assert events[1].id not in {letter.id for letter in await bus.dead_letters(queue)}
    assert await bus.discard(queue) == 3
    await depth_becomes(bus, queue.dead, 0)
