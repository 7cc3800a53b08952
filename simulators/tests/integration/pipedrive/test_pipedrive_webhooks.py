"""Webhooks of the simulated Pipedrive, as their receiver sees them."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web

from simulators.kit.serving import Running

from .rest import TOKEN


class Receiver:
    """Keeps what it is sent; answers the next statuses, then 200."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[Any] = []
        self.methods: list[str] = []
        self.statuses: list[int] = []
        self.url = ""

    def has(self, count: int) -> Callable[[], bool]:
        """Whether so many came, to be asked later."""
        return lambda: len(self.bodies) == count

    async def hear(self, request: web.Request) -> web.Response:
        """One webhook."""
        self.bodies.append(orjson.loads(await request.read()))
        self.headers.append(request.headers.copy())
        self.methods.append(request.method)
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A server for webhooks."""
    receiver, app = Receiver(), web.Application()
    app.router.add_route("*", "/hook", receiver.hear)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield receiver
    await runner.cleanup()


@pytest.fixture
async def session(crm: Running) -> AsyncIterator[aiohttp.ClientSession]:
    """A client with the API token."""
    async with aiohttp.ClientSession(crm.url, headers=TOKEN) as session:
        yield session


async def subscribe(session: aiohttp.ClientSession, receiver: Receiver, **more: Any) -> int:
    """A webhook for everything; its id."""
    wish = {"subscription_url": receiver.url, "event_action": "*", "event_object": "*", "name": "hub", **more}
    async with session.post("/api/v1/webhooks", json=wish) as answer:
        assert answer.status == 201
        return int((await answer.json())["data"]["id"])


async def until(condition: Callable[[], Any]) -> None:
    """Wait for a condition, 10 seconds at most."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def test_the_payload(crm: Running, session: aiohttp.ClientSession, receiver: Receiver) -> None:
    await subscribe(session, receiver, http_auth_user="hub", http_auth_password="pw")
    source = crm.world.crm.fields["person"].key_of("Lead Source")
    await session.post("/api/v2/persons", json={"name": "An", "custom_fields": {source: 1}})
    await session.post("/control/edit", json={"object": "person", "id": 1, "fields": {"name": "Ann", "Lead Source": 2}})
    await session.delete("/api/v2/persons/1")
    await until(lambda: len(receiver.bodies) == 3)
    by_action = {body["meta"]["action"]: body for body in receiver.bodies}
    create, change, delete = (by_action[action] for action in ("create", "change", "delete"))
    assert (create["previous"], create["data"]["custom_fields"][source]) == (None, {"type": "enum", "id": 1})
    assert change["previous"] == {
        "name": "An", "first_name": "An", "custom_fields": {source: {"type": "enum", "id": 1}}
    }  # fmt: skip
    assert change["data"]["name"] == "Ann"
    assert (delete["data"], delete["previous"]["name"]) == (None, "Ann")
    assert [body["meta"]["change_source"] for body in (create, change, delete)] == ["api", "app", "api"]
    meta = change["meta"]
    assert (meta["entity"], meta["entity_id"], meta["attempt"], meta["version"]) == ("person", "1", 1, "2.0")
    assert (meta["company_id"], meta["webhook_id"], meta["host"]) == ("123", "1", "company.pipedrive.com")
    assert {headers["Authorization"] for headers in receiver.headers} == {"Basic aHViOnB3"}


async def test_only_what_was_asked_for(session: aiohttp.ClientSession, receiver: Receiver) -> None:
    await subscribe(session, receiver, event_action="create", event_object="lead")
    await session.post("/api/v2/persons", json={"name": "An"})
    await session.post("/api/v1/leads", json={"title": "L", "person_id": 1})
    await until(lambda: receiver.bodies)
    await asyncio.sleep(0.1)
    assert [body["meta"]["entity"] for body in receiver.bodies] == ["lead"]


async def test_a_merge_is_a_deletion_and_a_change(session: aiohttp.ClientSession, receiver: Receiver) -> None:
    await session.post("/control/seed", json={"object": "person", "count": 2})
    await subscribe(session, receiver)
    await session.post("/control/merge", json={"object": "person", "winner": 2, "loser": 1})
    await until(lambda: len(receiver.bodies) == 2)
    metas = {body["meta"]["action"]: body["meta"] for body in receiver.bodies}
    assert metas["delete"]["merged_to_id"] == "2"
    assert metas["change"]["merged_from_id"] == "1"


async def test_four_attempts_at_3_30_and_150_seconds(
    crm: Running, session: aiohttp.ClientSession, receiver: Receiver
) -> None:
    await subscribe(session, receiver)
    receiver.statuses = [500, 404, 302, 500]
    await session.post("/api/v2/persons", json={"name": "An"})
    for number, pause in enumerate((3, 30, 150), 1):
        await until(receiver.has(number))
        await asyncio.sleep(0.05)
        crm.world.clock.advance(pause - 0.5)
        await asyncio.sleep(0.05)
        assert len(receiver.bodies) == number
        crm.world.clock.advance(0.5)
    await until(lambda: crm.world.deliveries.counts["given_up"] == 1)
    assert [body["meta"]["attempt"] for body in receiver.bodies] == [1, 2, 3, 4]
    assert len({body["meta"]["id"] for body in receiver.bodies}) == 1
    async with session.get("/control/webhooks") as answer:
        log = await answer.json()
    assert [each["status"] for each in log["deliveries"][0]["attempts"]] == [500, 404, 302, 500]


async def test_ten_failures_ban_for_half_an_hour(
    crm: Running, session: aiohttp.ClientSession, receiver: Receiver
) -> None:
    await subscribe(session, receiver)
    receiver.statuses = [500] * 10
    for number in range(10):
        await session.post("/api/v2/persons", json={"name": f"P {number}"})
    await until(lambda: len(receiver.bodies) >= 10)
    await asyncio.sleep(0.05)
    await session.post("/api/v2/persons", json={"name": "lost"})
    assert crm.world.deliveries.counts["banned"] == 1
    crm.world.clock.advance(1801)
    await session.post("/api/v2/persons", json={"name": "told"})
    await until(lambda: any((body["data"] or {})["name"] == "told" for body in receiver.bodies))
    assert "lost" not in {body["data"]["name"] for body in receiver.bodies}


async def test_three_silent_days_end_a_webhook(
    crm: Running, session: aiohttp.ClientSession, receiver: Receiver
) -> None:
    await subscribe(session, receiver)
    receiver.statuses = [500] * 100
    await session.post("/api/v2/persons", json={"name": "one"})
    await until(lambda: receiver.bodies)
    await asyncio.sleep(0.05)
    crm.world.clock.advance(3 * 86_400 + 1)
    await until(lambda: not crm.world.webhooks.subscriptions)
    async with session.get("/control/subscriptions") as answer:
        assert (await answer.json())["removed"][0]["remove_reason"] == "no successful delivery for 3 days"


async def test_lost_and_repeated(crm: Running, session: aiohttp.ClientSession, receiver: Receiver) -> None:
    await subscribe(session, receiver)
    await session.post("/control/webhooks", json={"lose": 1})
    await session.post("/api/v2/persons", json={"name": "lost"})
    await session.post("/control/webhooks", json={"lose": 0, "repeat": 1})
    await session.post("/api/v2/persons", json={"name": "twice"})
    await until(lambda: len(receiver.bodies) == 2)
    assert receiver.bodies[0]["meta"]["id"] == receiver.bodies[1]["meta"]["id"]
    assert [body["meta"]["attempt"] for body in receiver.bodies] == [1, 1]
    assert crm.world.deliveries.counts["lost"] == 1


async def test_an_uninstalled_app_is_told_and_loses_its_webhooks(
    crm: Running, session: aiohttp.ClientSession, receiver: Receiver
) -> None:
    form = {"client_id": "hub-client", "redirect_uri": receiver.url, "decision": "allow"}
    async with session.post("/oauth/authorize", data=form, allow_redirects=False) as answer:
        code = answer.headers["Location"].partition("code=")[2]
    pair = aiohttp.encode_basic_auth("hub-client", "hub-secret")
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": receiver.url}
    async with session.post("/oauth/token", data=form, headers={"Authorization": pair}) as answer:
        token = (await answer.json())["access_token"]
    wish = {"subscription_url": receiver.url, "event_action": "*", "event_object": "*", "name": "app"}
    async with aiohttp.ClientSession(crm.url, headers={"Authorization": f"Bearer {token}"}) as app:
        async with app.post("/api/v1/webhooks", json=wish) as answer:
            assert (await answer.json())["data"]["type"] == "application"
        await session.post("/control/uninstall")
        async with app.get("/api/v1/webhooks") as answer:
            assert answer.status == 401
    assert crm.world.webhooks.subscriptions == {}
    await until(receiver.has(1))
    assert (receiver.methods, receiver.headers[0]["Authorization"]) == (["DELETE"], pair)
    assert receiver.bodies[0]["company_id"] == 123


async def test_the_old_payload(session: aiohttp.ClientSession, receiver: Receiver) -> None:
    await subscribe(session, receiver, version="1.0")
    await session.post("/api/v2/persons", json={"name": "An"})
    await until(lambda: receiver.bodies)
    body = receiver.bodies[0]
    assert (body["event"], body["retry"], body["current"]["name"]) == ("added.person", 0, "An")


async def test_subscriptions_are_checked_counted_and_ended(session: aiohttp.ClientSession, receiver: Receiver) -> None:
    for url in ("http://hub.example.com/", "ftp://127.0.0.1/", "https://", 5, "https://[bad/"):
        wish = {"subscription_url": url, "event_action": "*", "event_object": "*", "name": "n"}
        async with session.post("/api/v1/webhooks", json=wish) as answer:
            assert answer.status == 400
            assert (await answer.json())["errors"] == {"subscription_url": ["invalid or non-reachable URL"]}
    ids = [await subscribe(session, receiver) for _ in range(40)]
    wish = {"subscription_url": receiver.url, "event_action": "*", "event_object": "*", "name": "n"}
    async with session.post("/api/v1/webhooks", json=wish) as answer:
        assert answer.status == 422
    async with session.delete(f"/api/v1/webhooks/{ids[0]}") as answer:
        assert answer.status == 200
    async with session.delete(f"/api/v1/webhooks/{ids[0]}") as answer:
        assert answer.status == 404
    async with session.get("/api/v1/webhooks") as answer:
        assert len((await answer.json())["data"]) == 39
