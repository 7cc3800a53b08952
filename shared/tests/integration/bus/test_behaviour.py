"""What both transports promise while nothing fails."""

import asyncio
import time
from collections.abc import Mapping, Sequence

import pytest

from hub.bus.protocol import ConsumerOptions
from hub.bus.publisher import PublishLimits
from hub.contracts.cloudevents import MAX_EVENT_BYTES, Event, encode_batch
from hub.contracts.errors import Outcome, TooLarge, Unavailable
from hub.testing.buses import Lab, Recorder, depth_becomes, eventually, make_events


async def test_every_bound_queue_hears_an_event(lab: Lab) -> None:
    first = lab.queue()
    second = lab.queue(*first.binds)
    bus = await lab.open(first, second)
    heard = [Recorder(), Recorder()]
    for queue, recorder in zip((first, second), heard, strict=True):
        await bus.consume(queue, recorder, ConsumerOptions())
    events = make_events(first, 20)
    await bus.publish_many(events)
    for recorder in heard:
        await recorder.finishes(20)
        assert recorder.done == [event.id for event in events]


async def test_an_event_arrives_as_it_was_published(lab: Lab) -> None:
    queue, recorder = lab.queue(), Recorder()
    bus = await lab.open(queue)
    await bus.consume(queue, recorder, ConsumerOptions())
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    event = Event(
        queue.binds[0],
        7,
        "lead/1",
        {"name": "Žofie \u2028 🎻", "n": [1, None]},
        "test",
        causation_id="c",
        traceparent=trace,
    )
    await bus.publish(event)
    await eventually(lambda: recorder.batches)
    assert recorder.batches == [[event]]


async def test_events_wait_for_a_service_that_is_down(lab: Lab) -> None:
    queue, recorder = lab.queue(), Recorder()
    publisher = await lab.open(queue)
    await publisher.publish_many(make_events(queue, 3))
    await depth_becomes(publisher, queue.name, 1)
    service = await lab.open()
    await service.consume(queue, recorder, ConsumerOptions())
    await eventually(lambda: len(recorder.done) == 3)


async def test_consumers_of_a_queue_compete(lab: Lab) -> None:
    queue, recorders = lab.queue(), (Recorder(pause=0.01), Recorder(pause=0.01))
    bus = await lab.open(queue)
    for recorder in recorders:
        service = await lab.open(queue)
        await service.consume(queue, recorder, ConsumerOptions(max_events=2, prefetch_messages=2))
    events = make_events(queue, 60)
    for event in events:
        await bus.publish(event)
    await eventually(lambda: sum(len(recorder.done) for recorder in recorders) >= 60)
    assert sorted(recorders[0].done + recorders[1].done) == sorted(event.id for event in events)
    assert all(recorder.done for recorder in recorders)


async def test_concurrent_callers_share_messages(lab: Lab) -> None:
    queue = lab.queue()
    bus = await lab.open(queue)
    await asyncio.gather(*(bus.publish(event) for event in make_events(queue, 300)))
    assert 0 < await bus.depth(queue.name) <= 3


async def test_a_lone_event_does_not_wait_for_company(lab: Lab) -> None:
    queue = lab.queue()
    bus = await lab.open(queue, limits=PublishLimits(gather_seconds=60))
    started = time.monotonic()
    await bus.publish(make_events(queue, 1)[0])
    assert time.monotonic() - started < 5


async def test_waiting_messages_are_handled_as_one_batch(lab: Lab) -> None:
    queue, recorder = lab.queue(), Recorder()
    bus = await lab.open(queue)
    for event in make_events(queue, 30):
        await bus.publish(event)
    await bus.consume(queue, recorder, ConsumerOptions(max_events=10, prefetch_messages=30))
    await eventually(lambda: len(recorder.done) == 30)
    assert max(len(batch) for batch in recorder.batches) == 10
    await depth_becomes(bus, queue.name, 0)


async def test_a_message_larger_than_a_batch_is_handed_over_in_slices(lab: Lab) -> None:
    queue, recorder = lab.queue(), Recorder()
    bus = await lab.open(queue)
    await bus.consume(queue, recorder, ConsumerOptions(max_events=40))
    await bus.publish_many(make_events(queue, 100))
    await eventually(lambda: len(recorder.done) == 100)
    assert [len(batch) for batch in recorder.batches] == [40, 40, 20]


async def test_an_oversized_event_is_refused_to_its_caller_alone(lab: Lab) -> None:
    queue, recorder = lab.queue(), Recorder()
    bus = await lab.open(queue)
    await bus.consume(queue, recorder, ConsumerOptions())
    good, big = make_events(queue, 1)[0], make_events(queue, 1, pad="x" * MAX_EVENT_BYTES)[0]
    results = await asyncio.gather(bus.publish(good), bus.publish(big), return_exceptions=True)
    assert results[0] is None
    assert isinstance(results[1], TooLarge)
    with pytest.raises(TooLarge):
        await bus.publish_many([good, big])
    with pytest.raises(TooLarge):
        await bus.publish_batch(queue.binds[0], b"[" + b" " * 2_000_001 + b"]")
    await eventually(lambda: good.id in recorder.done)


async def test_the_largest_event_travels(lab: Lab) -> None:
    queue, recorder = lab.queue(), Recorder()
    bus = await lab.open(queue)
    await bus.consume(queue, recorder, ConsumerOptions())
    events = make_events(queue, 6, pad="x" * (MAX_EVENT_BYTES - 500))
    await asyncio.gather(*(bus.publish(event) for event in events))
    await eventually(lambda: len(recorder.done) == 6)


async def test_an_event_nobody_would_hear_is_refused(lab: Lab) -> None:
    bus = await lab.open(lab.queue())
    with pytest.raises(Unavailable, match="no queue is bound"):
        await bus.publish(make_events(lab.queue(), 1)[0])


async def test_an_encoded_batch_travels(lab: Lab) -> None:
    queue, recorder = lab.queue(), Recorder()
    bus = await lab.open(queue)
    await bus.consume(queue, recorder, ConsumerOptions())
    events = make_events(queue, 5)
    await bus.publish_batch(queue.binds[0], encode_batch(events))
    await eventually(lambda: recorder.batches == [events])


async def test_a_slow_consumer_holds_no_more_than_its_prefetch(lab: Lab) -> None:
    queue, recorder, blocked = lab.queue(), Recorder(), asyncio.Lock()

    async def slow(events: Sequence[Event]) -> Mapping[str, Outcome]:
        async with blocked:
            return await recorder(events)

    bus = await lab.open(queue)
    subscription = await bus.consume(queue, slow, ConsumerOptions(max_events=1, prefetch_messages=4))
    events = make_events(queue, 51)
    await bus.publish(events[0])
    await recorder.finishes(1)
    async with blocked:
        for event in events[1:]:
            await bus.publish(event)
        await depth_becomes(bus, queue.name, 46)
        await asyncio.sleep(0.3)
        assert subscription.in_hand == 4
    await recorder.finishes(51)
    await eventually(lambda: subscription.in_hand == 0)


async def test_stopping_finishes_what_is_in_hand_and_gives_back_the_rest(lab: Lab) -> None:
    queue, first, second = lab.queue(), Recorder(pause=0.3), Recorder()
    bus = await lab.open(queue)
    events = make_events(queue, 5)
    for event in events:
        await bus.publish(event)
    subscription = await bus.consume(queue, first, ConsumerOptions(max_events=1))
    await eventually(lambda: first.batches)
    await subscription.stop()
    assert len(first.done) == len(first.batches)
    await bus.consume(queue, second, ConsumerOptions())
    await eventually(lambda: len(first.done) + len(second.done) == 5)
    await asyncio.sleep(0.2)
    assert sorted(first.done + second.done) == sorted(event.id for event in events)
