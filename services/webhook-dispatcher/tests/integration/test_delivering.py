"""Events from the bus reach subscribers over real HTTP; what goes wrong is tried again, and written down."""

import asyncio
from datetime import timedelta

import orjson
import pytest
from aiohttp import web
from standardwebhooks.webhooks import Webhook

from hub.local.postgres import LocalPostgres
from hub.store.admin import LIST_FAILED_DELIVERIES, Admin
from hub.store.pool import open_pool
from hub.testing.receiver import Received, Receiver
from webhook_dispatcher.adapters.deliveries import PostgresDeliveries
from webhook_dispatcher.testing import World, until


async def test_a_signed_webhook_arrives_and_is_logged(world: World, receiver: Receiver) -> None:
    subscription = await world.subscribe(f"{receiver.base}/hook")
    await world.start()
    event = world.created(7)
    await world.bus.publish(event)
    (row,) = await world.settled(1)
    (request,) = receiver.requests
    assert orjson.loads(request.body)["data"]["external_id"] == "MPP-7"
    assert request.headers["X-Webhook-Id"] == event.id
    assert Webhook(b"webhook_secret_key").verify(request.body, request.headers)["id"] == event.id
    assert (row["state"], row["attempts"], row["last_status"], row["claim"]) == ("delivered", 1, 200, None)
    (attempt,) = await world.attempts()
    assert (attempt["subscription_id"], attempt["number"], attempt["status"]) == (subscription, 1, 200)
    assert attempt["duration_ms"] > 0


async def test_only_subscribers_of_the_event_and_account_hear_of_it(world: World, receiver: Receiver) -> None:
    await world.subscribe(f"{receiver.base}/created", ["lead.created"])
    await world.subscribe(f"{receiver.base}/updated", ["lead.updated"])
    paused = await world.subscribe(f"{receiver.base}/paused")
    await world.pool.execute("UPDATE webhooks.subscription SET status = 'paused' WHERE id = $1", paused)
    await world.start()
    await world.bus.publish_many([world.created(1), world.created(2, account=999)])
    await world.settled(1)
    assert [request.path for request in receiver.requests] == ["/created"]
    assert await world.pool.fetchval("SELECT count(*) FROM webhooks.payload") == 1


async def test_an_event_repeated_by_the_bus_is_delivered_once(world: World, receiver: Receiver) -> None:
    await world.subscribe(f"{receiver.base}/hook")
    await world.start()
    event = world.created(1)
    await world.bus.publish_many([event, event])
    await world.settled(1)
    await world.bus.publish_many([event, world.created(2)])
    await world.settled(2)
    assert len(receiver.requests) == 2


async def test_failures_are_tried_again_with_the_same_bytes_until_it_works(world: World, receiver: Receiver) -> None:
    receiver.answer("/hook", 500, 302, 200)
    await world.subscribe(f"{receiver.base}/hook")
    await world.start()
    await world.bus.publish(world.created(1))
    (row,) = await world.settled(1)
    assert (row["state"], row["attempts"]) == ("delivered", 3)
    assert [(a["number"], a["status"], a["error"]) for a in await world.attempts()] == [
        (1, 500, "HTTP 500"),
        (2, 302, "HTTP 302: redirects are not followed"),
        (3, 200, None),
    ]
    first, second, third = receiver.requests
    assert first.body == second.body == third.body
    assert second.at - first.at >= 0.17
    assert third.at - second.at >= 0.35


async def test_when_the_schedule_is_used_up_the_delivery_has_failed(world: World, receiver: Receiver) -> None:
    receiver.answer("/hook", 503)
    await world.subscribe(f"{receiver.base}/hook")
    await world.start()
    await world.bus.publish(world.created(1))
    (row,) = await world.settled(1)
    assert (row["state"], row["attempts"], row["last_error"]) == ("failed", 3, "HTTP 503")


async def test_failed_deliveries_can_be_redriven(world: World, receiver: Receiver) -> None:
    receiver.answer("/hook", 500, 500, 500, 500, 200)
    await world.subscribe(f"{receiver.base}/hook")
    await world.start()
    await world.bus.publish(world.created(1))
    await world.settled(1)
    async with await open_pool(world.database_url, "hub_admin") as pool:
        assert [row["last_error"] for row in await Admin(pool).list(LIST_FAILED_DELIVERIES, None, 10)] == ["HTTP 500"]
        assert await Admin(pool).redrive_deliveries(999) == 0
        assert await Admin(pool).redrive_deliveries(None) == 1
    (row,) = await world.settled(1)
    assert (row["state"], row["attempts"]) == ("delivered", 5)
    assert [attempt["number"] for attempt in await world.attempts()] == [1, 2, 3, 4, 5]


async def test_a_resumed_subscription_gets_what_became_due_while_it_was_paused(
    world: World, receiver: Receiver
) -> None:
    receiver.answer("/hook", 500, 200)
    subscription = await world.subscribe(f"{receiver.base}/hook")
    await world.start()
    await world.bus.publish(world.created(1))
    await until(lambda: _answered(receiver, 1))
    async with await open_pool(world.database_url, "hub_admin") as pool:
        await Admin(pool).set_subscription_status(subscription, "paused")
        await asyncio.sleep(0.6)
        assert len(receiver.requests) == 1
        await Admin(pool).set_subscription_status(subscription, "active")
    (row,) = await world.settled(1)
    assert row["state"] == "delivered"


async def _answered(receiver: Receiver, count: int) -> bool:
    return len(receiver.requests) >= count


async def test_retry_after_is_honoured(world: World, receiver: Receiver) -> None:
    receiver.answer("/hook", 429, 200, headers={"Retry-After": "1"})
    await world.subscribe(f"{receiver.base}/hook")
    await world.start()
    await world.bus.publish(world.created(1))
    await world.settled(1)
    first, second = receiver.requests
    assert second.at - first.at >= 0.95


async def test_410_pauses_the_subscription(world: World, receiver: Receiver) -> None:
    receiver.answer("/hook", 410)
    subscription = await world.subscribe(f"{receiver.base}/hook")
    await world.start()
    await world.bus.publish(world.created(1))
    await world.settled(1)
    (paused,) = await world.pool.fetch("SELECT id, status, paused_reason FROM webhooks.subscription")
    assert (paused["id"], paused["status"]) == (subscription, "paused")
    assert "410" in paused["paused_reason"]
    await world.bus.publish(world.created(2))
    await asyncio.sleep(0.4)
    assert len(receiver.requests) == 1
    assert len(await world.deliveries()) == 1


async def test_redirects_are_not_followed(world: World, receiver: Receiver) -> None:
    receiver.answer("/hook", 307, headers={"Location": f"{receiver.base}/elsewhere"})
    await world.subscribe(f"{receiver.base}/hook")
    await world.start()
    await world.bus.publish(world.created(1))
    (row,) = await world.settled(1)
    assert row["state"] == "failed"
    assert receiver.at("/elsewhere") == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_private_addresses_are_refused(world: World, receiver: Receiver, host: str) -> None:
    await world.subscribe(receiver.base.replace("127.0.0.1", host) + "/hook")
    await world.start(egress_allow="", webhook_schedule=())
    await world.bus.publish(world.created(1))
    (row,) = await world.settled(1)
    assert (row["state"], row["last_error"]) == ("failed", "refused: not a public address")
    assert receiver.requests == []


async def test_what_cannot_be_reached_or_says_nothing_is_told_apart(world: World, receiver: Receiver) -> None:
    async def hang(_received: Received) -> web.StreamResponse:
        await asyncio.sleep(5)
        return web.Response()

    async def huge(_received: Received) -> web.StreamResponse:
        return web.Response(body=b"x" * 5_000_000)

    receiver.answers |= {"/hang": hang, "/huge": huge}
    unreachable = ("http://127.0.0.1:1/x", "http://no-such-host.invalid/")
    for url in (*unreachable, f"{receiver.base}/hang", f"{receiver.base}/huge"):
        await world.subscribe(url)
    await world.start(webhook_schedule=())
    await world.bus.publish(world.created(1))
    rows = await world.settled(4)
    errors = [row["last_error"] for row in rows]
    assert errors[0].startswith("no connection")
    assert errors[1:] == ["the host name was not found", "no answer within 1 s", None]


async def test_a_connection_that_was_closed_while_idle_costs_no_attempt(world: World) -> None:
    served = 0

    async def serve_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        await _read_request(reader)
        served += 1
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")  # and promises to stay open
        await reader.read(1)
        writer.close()

    server = await asyncio.start_server(serve_once, "127.0.0.1", 0)
    async with server:
        await world.subscribe(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        await world.start()
        for lead in range(3):
            await world.bus.publish(world.created(lead))
            await world.settled(lead + 1)
        assert [attempt["status"] for attempt in await world.attempts()] == [200, 200, 200]
        assert served == 3
        await world.services.pop().close()


async def _read_request(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
    await reader.readexactly(int(length.partition(b":")[2]))


async def test_a_slow_endpoint_does_not_hold_up_the_others(world: World, receiver: Receiver) -> None:
    async def slow(_received: Received) -> web.StreamResponse:
        await asyncio.sleep(0.9)
        return web.Response()

    receiver.answers["/slow"] = slow
    await world.subscribe(f"{receiver.base}/slow")
    quick = await world.subscribe(f"{receiver.base}/quick")
    await world.start(webhook_concurrency=12)
    await world.bus.publish_many([world.created(lead) for lead in range(100)])

    async def quick_ones_done() -> bool:
        done = "SELECT count(*) = 100 FROM webhooks.delivery WHERE subscription_id = $1 AND state = 'delivered'"
        return bool(await world.pool.fetchval(done, quick))

    await until(quick_ones_done, within=5.0)
    assert len(receiver.at("/slow")) < 60


async def test_old_rows_are_purged_and_young_ones_kept(world: World, receiver: Receiver) -> None:
    await world.subscribe(f"{receiver.base}/hook")
    service = await world.start()
    await world.bus.publish_many([world.created(1), world.created(2)])
    old, _young = await world.settled(2)
    await service.close()
    for table, age in (("delivery", "created_at"), ("payload", "created_at"), ("attempt", "at")):
        await world.pool.execute(
            f"UPDATE webhooks.{table} SET {age} = now() - interval '31 days' WHERE event_id = $1",  # noqa: S608
            old["event_id"],
        )
    assert await PostgresDeliveries(world.pool, 3.0).purge(timedelta(days=30)) == 3
    for table in ("delivery", "payload", "attempt"):
        assert await world.pool.fetchval(f"SELECT count(*) FROM webhooks.{table}") == 1  # noqa: S608


async def test_a_database_that_dies_after_the_post_does_not_make_it_go_out_again(
    postgres: LocalPostgres, world: World, receiver: Receiver
) -> None:
    async def lose_the_database(_received: Received) -> web.StreamResponse:
        del receiver.answers["/hook"]
        await asyncio.to_thread(postgres.kill)
        asyncio.get_running_loop().call_later(0.2, back.set)
        return web.Response()

    back = asyncio.Event()
    receiver.answers["/hook"] = lose_the_database
    await world.subscribe(f"{receiver.base}/hook")
    await world.start(webhook_lease=60.0)
    await world.bus.publish(world.created(1))
    try:
        async with asyncio.timeout(15):
            await back.wait()
    finally:
        if postgres.pid is None:  # the server is every test's
            await asyncio.to_thread(postgres.start)
    (row,) = await world.settled(1)
    assert (row["state"], row["attempts"]) == ("delivered", 1)
    assert len(receiver.requests) == 1
