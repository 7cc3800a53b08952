"""Webhooks of the simulated HubSpot: what is told, how it is signed, and what happens when nobody listens."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson
import pytest
from aiohttp import web
from hubspot.utils.signature import Signature

from simulators.hubspot import signatures
from simulators.hubspot.app import running
from simulators.hubspot.settings import Settings
from simulators.kit.serving import Running

from .rest import CONTACTS, Call


class Hub:
    """A listener that writes down what it hears. ``statuses``: its next answers, then 200."""

    def __init__(self) -> None:
        self.heard: list[tuple[Any, bytes]] = []
        self.statuses: list[int] = []
        self.slow = 0.0
        self.url = ""

    async def hear(self, request: web.Request) -> web.Response:
        self.heard.append((request.headers.copy(), await request.read()))
        await asyncio.sleep(self.slow)
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200)

    def events(self) -> list[dict[str, Any]]:
        return [each for _, body in self.heard for each in orjson.loads(body)]

    async def until(self, condition: Callable[[], Any]) -> None:
        deadline = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < deadline, self.heard
            await asyncio.sleep(0.01)


@pytest.fixture
async def crm() -> AsyncIterator[Running]:
    """An account that retries soon and waits for answers only briefly."""
    async with running(Settings(retry_scale=0.0005, webhook_deadline=0.3)) as crm:
        crm.world.limits({"off": True})
        yield crm


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    hub, app = Hub(), web.Application()
    app.router.add_post("/hook", hub.hear)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hub.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook?a=%3Ab"
    yield hub
    await runner.cleanup()


async def subscribed(call: Call, hub: Hub, *events: str) -> None:
    status, _ = await call("POST", "/control/subscribe", {"targetUrl": hub.url, "events": events})
    assert status == 201


async def test_a_contact_s_life_is_told(call: Call, hub: Hub) -> None:
    await subscribed(call, hub, "contact.creation", "contact.propertyChange:city", "contact.deletion", "contact.merge",
                     "contact.restore", "contact.privacyDeletion")  # fmt: skip
    _, made = await call("POST", CONTACTS, {"properties": {"email": "a@b.com", "city": "Austin"}})
    await call("POST", "/control/edit", {"object": "contacts", "id": made["id"], "fields": {"city": "Boston"}})
    await call("PATCH", f"{CONTACTS}/{made['id']}", {"properties": {"city": "Boston", "zip": "1"}})  # no news
    await hub.until(lambda: len(hub.events()) == 3)
    first, second, third = hub.events()
    assert len(hub.heard) <= 2  # gathered
    number = int(made["id"])
    assert {name: first[name] for name in ("subscriptionType", "objectId", "changeFlag", "changeSource", "portalId",
                                           "appId", "attemptNumber")} == {
        "subscriptionType": "contact.creation", "objectId": number, "changeFlag": "NEW", "changeSource": "API",
        "portalId": 12345678, "appId": 54321, "attemptNumber": 0}  # fmt: skip
    assert (second["propertyName"], second["propertyValue"], "changeFlag" in second) == ("city", "Austin", False)
    assert (third["propertyValue"], third["changeSource"], third["sourceId"]) == ("Boston", "CRM_UI", "userId:9586504")

    hub.heard.clear()
    _, other = await call("POST", "/control/create", {"object": "contacts", "fields": {"email": "b@b.com"}})
    await call("POST", "/control/merge", {"object": "contacts", "winner": made["id"], "loser": other["id"]})
    await call("DELETE", f"{CONTACTS}/{made['id']}")
    await call("POST", "/control/restore", {"object": "contacts", "id": made["id"]})
    await call("POST", f"{CONTACTS}/gdpr-delete", {"objectId": made["id"]})
    await hub.until(lambda: len(hub.events()) == 6)
    merge = next(each for each in hub.events() if each["subscriptionType"] == "contact.merge")
    assert (merge["primaryObjectId"], merge["mergedObjectIds"]) == (number, [int(other["id"])])
    assert (merge["newObjectId"], merge["numberOfPropertiesMoved"]) == (number, 0)
    assert sorted(each["subscriptionType"].partition(".")[2] for each in hub.events()) == [
        "creation", "deletion", "deletion", "merge", "privacyDeletion", "restore"]  # fmt: skip


async def test_an_app_knows_its_own_echo(crm: Running, call: Call, hub: Hub) -> None:
    await subscribed(call, hub, "contact.creation")
    token = crm.world.grants.grant("hub-client", "crm.objects.contacts.write").access_token
    await call("POST", CONTACTS, {"properties": {}}, headers={"Authorization": f"Bearer {token}"})
    await hub.until(lambda: hub.events())
    assert (hub.events()[0]["changeSource"], hub.events()[0]["sourceId"]) == ("INTEGRATION", "54321")


async def test_a_hundred_events_in_one_delivery(call: Call, hub: Hub) -> None:
    await subscribed(call, hub, "contact.creation")
    for half in "ab":
        rows = [{"properties": {"email": f"{half}{each}@x.com"}} for each in range(75)]
        await call("POST", f"{CONTACTS}/batch/create", {"inputs": rows})
    await hub.until(lambda: len(hub.events()) == 150)
    assert max(len(orjson.loads(body)) for _, body in hub.heard) <= 100
    assert len({each["eventId"] for each in hub.events()}) == 150


@pytest.mark.parametrize("versions", [["v1", "v3"], ["v2"]])
async def test_signatures_satisfy_hubspot_s_own_checker(call: Call, hub: Hub, versions: list[str]) -> None:
    await call("POST", "/control/options", {"signatures": versions})
    await subscribed(call, hub, "contact.creation")
    await call("POST", CONTACTS, {"properties": {}})
    await hub.until(lambda: hub.heard)
    headers, raw = hub.heard[0]
    body = raw.decode()
    plain = {"request_body": body, "client_secret": "hub-secret", "http_method": "POST"}
    old = headers["X-HubSpot-Signature-Version"]
    assert old == versions[0]
    assert Signature.is_valid(headers["X-HubSpot-Signature"], http_uri=hub.url, signature_version=old, **plain)
    if "v3" in versions:
        stamp = headers["X-HubSpot-Request-Timestamp"]
        checked = {**plain, "http_uri": hub.url.replace("%3A", ":"), "signature_version": "v3", "timestamp": stamp}
        assert Signature.is_valid(headers["X-HubSpot-Signature-v3"], **checked)
        assert not Signature.is_valid(headers["X-HubSpot-Signature-v3"], **{**checked, "request_body": body + " "})


def test_published_vectors() -> None:
    secret, uri = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy", "https://www.example.com/webhook_uri"
    assert signatures.v2(secret, "GET", uri, b"") == "eee2dddcc73c94d699f5e395f4b9d454a069a6855fbfa152e91e88823087200e"
    body = b'{"example_field":"example_value"}'
    expected = "9569219f8ba981ffa6f6f16aa0f48637d35d728c7e4d93d0d52efaa512af7900"
    assert signatures.v2(secret, "POST", uri, body) == expected
    odd = b"{'example_field':'example_value'}"
    assert signatures.v3(secret, "POST", uri, odd, "1693657560000") == "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y="
    assert signatures.v3(secret, "POST", uri, odd, "1700000300000") == "RnbPH7+UMKVkbV32P8bz450N4M56aPmcru1+D3kSDtw="
    event = (
        b'[{"eventId":1,"subscriptionId":12345,"portalId":62515,"occurredAt":1564113600000,"subscriptionType":'
        b'"contact.creation","attemptNumber":0,"objectId":123,"changeSource":"CRM","changeFlag":"NEW","appId":54321}]'
    )
    assert signatures.v1(secret, event) == "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de"


async def test_every_failure_is_tried_again(call: Call, hub: Hub) -> None:
    hub.statuses = [404, 500, 302]
    await subscribed(call, hub, "contact.creation")
    await call("POST", CONTACTS, {"properties": {}})
    await hub.until(lambda: len(hub.heard) == 4)
    attempts = hub.events()
    assert [each["attemptNumber"] for each in attempts] == [0, 1, 2, 3]
    assert len({(each["eventId"], each["occurredAt"]) for each in attempts}) == 1
    _, log = await call("GET", "/control/webhooks")
    assert log["deliveries"][0]["outcome"] == "delivered"
    assert [each["status"] for each in log["deliveries"][0]["attempts"]] == [404, 500, 302, 200]


async def test_who_is_slow_hears_it_again_and_at_last_no_more(call: Call, hub: Hub) -> None:
    await call("POST", "/control/webhooks", {"scale": 0.000001})
    hub.slow = 1.0
    await subscribed(call, hub, "contact.creation")
    await call("POST", CONTACTS, {"properties": {}})
    await hub.until(lambda: len(hub.heard) >= 2)
    hub.slow, hub.statuses = 0.0, [500] * 20
    await hub.until(lambda: len(hub.heard) == 11)
    for _ in range(100):
        _, log = await call("GET", "/control/webhooks")
        if log["pending"] == 0:
            break
        await asyncio.sleep(0.01)
    assert log["counts"] == {"sent": 1, "attempts": 11, "given_up": 1}


async def test_webhooks_get_lost_and_repeated(call: Call, hub: Hub) -> None:
    await subscribed(call, hub, "contact.creation")
    await call("POST", "/control/webhooks", {"lose": 1})
    await call("POST", CONTACTS, {"properties": {}})
    await asyncio.sleep(0.1)
    await call("POST", "/control/webhooks", {"lose": 0, "repeat": 1})
    await call("POST", CONTACTS, {"properties": {}})
    await hub.until(lambda: len(hub.heard) == 2)
    assert hub.heard[0][1] == hub.heard[1][1]
    assert (await call("GET", "/control/webhooks"))[1]["counts"]["lost"] == 1


async def test_subscriptions(call: Call, hub: Hub) -> None:
    base = "/webhooks/2026-03/54321"
    key = {"hapikey": "hub-developer-key"}
    assert (await call("GET", f"{base}/settings", params={"hapikey": "wrong"}))[0] == 401
    assert (await call("GET", f"{base}/settings", params=key))[0] == 404
    for url in ("http://example.com/", "ftp://x", "https://", 5):
        assert (await call("PUT", f"{base}/settings", {"targetUrl": url}, params=key))[0] == 400
    status, settings = await call("PUT", f"{base}/settings", {"targetUrl": hub.url}, params=key)
    assert (status, settings["throttling"]) == (200, {"maxConcurrentRequests": 10})
    for wish, status in (({"eventType": "contact.birthday"}, 400), ({"eventType": "contact.propertyChange"}, 400),
                         ({"eventType": "contact.propertyChange", "propertyName": "hs_lastmodifieddate"}, 400),
                         ({"eventType": "object.creation"}, 400),
                         ({"eventType": "contact.creation", "active": False}, 201),
                         ({"eventType": "contact.creation"}, 409)):  # fmt: skip
        assert (await call("POST", f"{base}/subscriptions", wish, params=key))[0] == status
    lead = {"eventType": "object.creation", "objectTypeId": "0-1", "active": True}
    await call("POST", "/app-webhooks/2026-09/54321/subscriptions", lead, params=key)
    await call("POST", CONTACTS, {"properties": {}})
    await hub.until(lambda: hub.events())
    await asyncio.sleep(0.1)
    assert [(each["subscriptionType"], each["objectTypeId"]) for each in hub.events()] == [("object.creation", "0-1")]
    assert len((await call("GET", "/webhooks/v3/54321/subscriptions", params=key))[1]["results"]) == 2
