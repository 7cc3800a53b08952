"""The publisher around a transport's ``send``: who shares a message, who hears of its failure, and what it holds."""

import asyncio

import pytest

from hub.bus.publisher import GroupCommitPublisher, PublishLimits
from hub.contracts.cloudevents import MAX_EVENT_BYTES, Event, decode_batch
from hub.contracts.errors import TooLarge, Unavailable


class Wire:
    """A send that keeps its messages until they are let through or refused."""

    def __init__(self) -> None:
        self.messages: list[list[int]] = []
        self._confirms: list[asyncio.Future[None]] = []

    async def send(self, _event_type: str, body: bytes) -> None:
        """Remember the message and wait for its confirm."""
        self.messages.append([event.data["n"] for event in decode_batch(body)])
        confirm = asyncio.get_running_loop().create_future()
        self._confirms.append(confirm)
        await confirm

    def confirm(self, message: int) -> None:
        """The broker has it."""
        self._confirms[message].set_result(None)

    def refuse(self, message: int) -> None:
        """The broker does not take it."""
        self._confirms[message].set_exception(Unavailable("refused"))


def _event(number: int, event_type: str = "t.v1", **data: str) -> Event:
    return Event(event_type, 1, "s", {"n": number, **data}, "test")


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


_PATIENT = PublishLimits(gather_seconds=60)


async def test_a_lone_event_leaves_at_once_and_later_callers_gather_behind_it() -> None:
    wire = Wire()
    publisher = GroupCommitPublisher(wire.send, _PATIENT)
    first = asyncio.create_task(publisher.publish(_event(0)))
    await _settle()
    assert wire.messages == [[0]]
    others = [asyncio.create_task(publisher.publish(_event(number))) for number in range(1, 4)]
    await _settle()
    assert wire.messages == [[0]]
    wire.confirm(0)
    await first
    await _settle()
    assert wire.messages == [[0], [1, 2, 3]]
    assert not any(task.done() for task in others)
    wire.confirm(1)
    await asyncio.gather(*others)


async def test_callers_of_the_same_moment_share_the_first_message() -> None:
    wire = Wire()
    publisher = GroupCommitPublisher(wire.send, _PATIENT)
    callers = [asyncio.create_task(publisher.publish(_event(number))) for number in range(10)]
    await _settle()
    assert wire.messages == [list(range(10))]
    wire.confirm(0)
    await asyncio.gather(*callers)


async def test_a_gathering_leaves_after_its_time_though_the_broker_is_slow() -> None:
    wire = Wire()
    publisher = GroupCommitPublisher(wire.send, PublishLimits(gather_seconds=0.02))
    first = asyncio.create_task(publisher.publish(_event(0)))
    await _settle()
    second = asyncio.create_task(publisher.publish(_event(1)))
    await asyncio.sleep(0.05)
    assert wire.messages == [[0], [1]]
    wire.confirm(1)
    await second
    assert not first.done()
    wire.confirm(0)
    await first


async def test_types_do_not_wait_for_each_other() -> None:
    wire = Wire()
    publisher = GroupCommitPublisher(wire.send, _PATIENT)
    callers = [asyncio.create_task(publisher.publish(_event(n, kind))) for n, kind in enumerate(("a.v1", "b.v1"))]
    await _settle()
    assert sorted(wire.messages) == [[0], [1]]
    wire.confirm(0)
    wire.confirm(1)
    await asyncio.gather(*callers)


async def test_a_refusal_is_heard_by_exactly_the_callers_of_that_message() -> None:
    wire = Wire()
    publisher = GroupCommitPublisher(wire.send, _PATIENT)
    first = asyncio.create_task(publisher.publish(_event(0)))
    await _settle()
    others = [asyncio.create_task(publisher.publish(_event(number))) for number in (1, 2)]
    await _settle()
    wire.confirm(0)
    await _settle()
    wire.refuse(1)
    await first
    results = await asyncio.gather(*others, return_exceptions=True)
    assert [type(result) for result in results] == [Unavailable, Unavailable]
    assert results[0] is not results[1]


async def test_an_unexpected_fault_of_the_transport_is_unavailable() -> None:
    async def send(_event_type: str, _body: bytes) -> None:
        raise ZeroDivisionError

    publisher = GroupCommitPublisher(send)
    with pytest.raises(Unavailable):
        await publisher.publish(_event(0))


async def test_a_broker_that_never_answers_is_unavailable() -> None:
    wire = Wire()
    publisher = GroupCommitPublisher(wire.send, PublishLimits(confirm_seconds=0.05))
    with pytest.raises(Unavailable, match="did not confirm"):
        await publisher.publish(_event(0))
    await publisher.close()


async def test_a_caller_who_leaves_does_not_hurt_the_others() -> None:
    wire = Wire()
    publisher = GroupCommitPublisher(wire.send, _PATIENT)
    leaver, stayer = (asyncio.create_task(publisher.publish(_event(number))) for number in range(2))
    await _settle()
    leaver.cancel()
    await _settle()
    wire.confirm(0)
    await stayer


async def test_pending_bytes_are_bounded_and_callers_wait_for_room() -> None:
    wire = Wire()
    publisher = GroupCommitPublisher(wire.send, PublishLimits(gather_seconds=0, pending_bytes=5_000))
    callers = [asyncio.create_task(publisher.publish(_event(n, pad="x" * 1_000))) for n in range(50)]
    confirmed = 0
    while confirmed < 50:
        await asyncio.sleep(0.001)
        waiting = sum(len(message) for message in wire.messages) - confirmed
        assert waiting <= 5
        confirmed += waiting
        for number in range(len(wire.messages)):
            if not wire._confirms[number].done():
                wire.confirm(number)
    await asyncio.gather(*callers)


async def test_messages_in_flight_are_bounded() -> None:
    wire = Wire()
    publisher = GroupCommitPublisher(wire.send, PublishLimits(messages_in_flight=2))
    sending = asyncio.create_task(publisher.publish_many([_event(number) for number in range(2_000)]))
    await _settle()
    assert len(wire.messages) == 2
    for number in range(4):
        await asyncio.sleep(0.001)
        wire.confirm(number)
    await sending
    assert [len(message) for message in wire.messages] == [500, 500, 500, 500]


async def test_an_oversized_event_is_refused_and_sends_nothing() -> None:
    wire = Wire()
    publisher = GroupCommitPublisher(wire.send)
    with pytest.raises(TooLarge) as caught:
        await publisher.publish(_event(0, pad="x" * MAX_EVENT_BYTES))
    assert caught.value.details["limit"] == MAX_EVENT_BYTES
    await _settle()
    assert wire.messages == []


async def test_publish_many_raises_when_any_message_was_refused() -> None:
    wire = Wire()
    publisher = GroupCommitPublisher(wire.send)
    sending = asyncio.create_task(publisher.publish_many([_event(number) for number in range(600)]))
    await asyncio.sleep(0.01)
    wire.refuse(0)
    wire.confirm(1)
    with pytest.raises(Unavailable):
        await sending


async def test_closing_flushes_what_gathered_and_takes_nothing_more() -> None:
    wire = Wire()
    publisher = GroupCommitPublisher(wire.send, _PATIENT)
    callers = [asyncio.create_task(publisher.publish(_event(0)))]
    await _settle()
    callers.append(asyncio.create_task(publisher.publish(_event(1))))
    await _settle()
    closing = asyncio.create_task(publisher.close())
    await _settle()
    assert wire.messages == [[0], [1]]
    with pytest.raises(Unavailable):
        await publisher.publish(_event(2))
    wire.confirm(0)
    wire.confirm(1)
    await asyncio.gather(closing, *callers)
