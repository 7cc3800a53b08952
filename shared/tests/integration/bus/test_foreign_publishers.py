"""Internal systems publish CloudEvents straight to the exchange, with whatever AMQP client they have."""

from collections.abc import AsyncIterator

import aio_pika
import orjson
import pytest
from aio_pika.abc import AbstractChannel
from backports import zstd

from hub.bus.protocol import ConsumerOptions
from hub.contracts.cloudevents import Event
from hub.contracts.topology import EXCHANGE, Queue
from hub.local.rabbitmq import LocalRabbitMQ
from hub.testing.buses import Lab, Recorder, depth_becomes


@pytest.fixture
async def rabbit_lab(private_rabbitmq: LocalRabbitMQ) -> AsyncIterator[Lab]:
    """Buses on RabbitMQ."""
    lab = Lab(private_rabbitmq)
    yield lab
    await lab.close()


@pytest.fixture
async def foreign(private_rabbitmq: LocalRabbitMQ) -> AsyncIterator[AbstractChannel]:
    """A channel of a client that knows nothing of the hub but its AsyncAPI page."""
    async with await aio_pika.connect(private_rabbitmq.url) as connection:
        yield await connection.channel()


def _event(queue: Queue, event_id: str) -> dict[str, object]:
    return {
        "specversion": "1.0",
        "type": queue.binds[0],
        "source": "billing",
        "id": event_id,
        "accountid": 7,
        "partitionkey": "an extension that the hub does not know",
        "data": {"n": 1},
    }


async def test_a_single_structured_event_and_a_batch_are_taken(rabbit_lab: Lab, foreign: AbstractChannel) -> None:
    queue, recorder = rabbit_lab.queue(), Recorder()
    bus = await rabbit_lab.open(queue)
    await bus.consume(queue, recorder, ConsumerOptions())
    exchange = await foreign.get_exchange(EXCHANGE)
    single = aio_pika.Message(orjson.dumps(_event(queue, "one")), content_type="application/cloudevents+json")
    batch = aio_pika.Message(orjson.dumps([_event(queue, "two"), _event(queue, "three")]))
    await exchange.publish(single, queue.binds[0])
    await exchange.publish(batch, queue.binds[0])
    await recorder.finishes(3)
    assert recorder.done == ["one", "two", "three"]
    event = recorder.batches[0][0]
    assert (event.type, event.source, event.account_id, event.data) == (queue.binds[0], "billing", 7, {"n": 1})


async def test_headers_that_are_not_ours_do_no_harm(rabbit_lab: Lab, foreign: AbstractChannel) -> None:
    queue, recorder = rabbit_lab.queue(), Recorder()
    bus = await rabbit_lab.open(queue)
    await bus.consume(queue, recorder, ConsumerOptions())
    exchange = await foreign.get_exchange(EXCHANGE)
    headers: aio_pika.abc.HeadersType = {"x-hub-attempt": "many", "x-delivery-count": "x", "cloudEvents:id": "?"}
    await exchange.publish(aio_pika.Message(orjson.dumps(_event(queue, "one")), headers=headers), queue.binds[0])
    await recorder.finishes(1)


async def test_what_cannot_be_read_is_kept_and_harms_nobody(rabbit_lab: Lab, foreign: AbstractChannel) -> None:
    queue, recorder = rabbit_lab.queue(), Recorder()
    bus = await rabbit_lab.open(queue)
    await bus.consume(queue, recorder, ConsumerOptions())
    exchange = await foreign.get_exchange(EXCHANGE)
    bodies = [b"", b"null", b"[[]]", b"\xff\xfe", b'{"specversion": "1.0"}']
    for body in bodies:
        await exchange.publish(aio_pika.Message(body), queue.binds[0])
    await exchange.publish(aio_pika.Message(orjson.dumps(_event(queue, "good"))), queue.binds[0])
    await recorder.finishes(1)
    await depth_becomes(bus, queue.dead, len(bodies))
    letters = await bus.dead_letters(queue)
    assert sorted(letter.body for letter in letters) == sorted(bodies)
    assert len({letter.id for letter in letters}) == len(bodies)


async def test_compressed_bodies_say_so_and_are_taken_from_others_too(
    rabbit_lab: Lab, foreign: AbstractChannel
) -> None:
    queue, recorder = rabbit_lab.queue(), Recorder()
    bus = await rabbit_lab.open(queue)
    exchange = await foreign.get_exchange(EXCHANGE)
    listening = await foreign.declare_queue(exclusive=True)
    await listening.bind(exchange, queue.binds[0])
    await bus.publish_many([Event(queue.binds[0], 7, "s", {"n": n}, "t", id=f"ours-{n}") for n in range(20)])
    heard = await listening.get(timeout=5)
    assert heard is not None
    assert heard.content_encoding == "zstd"
    assert len(orjson.loads(zstd.decompress(heard.body))) == 20
    theirs = zstd.compress(orjson.dumps([_event(queue, f"theirs-{n}") for n in range(20)]), 19)
    await exchange.publish(aio_pika.Message(theirs, content_encoding="zstd"), queue.binds[0])
    await bus.consume(queue, recorder, ConsumerOptions())
    await recorder.finishes(40)
    assert sorted(recorder.done) == sorted([f"{whose}-{n}" for whose in ("ours", "theirs") for n in range(20)])
