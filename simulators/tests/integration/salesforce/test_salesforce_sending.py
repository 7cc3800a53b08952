"""What the simulated Salesforce sends by itself: outbound messages and change events."""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

import aiohttp
import orjson
import pytest
from aiohttp import web

from simulators.kit.serving import Running
from simulators.salesforce.app import running

OUTBOUND = "{http://soap.sforce.com/2005/09/outbound}"
SF = "{urn:sobject.enterprise.soap.sforce.com}"
ACK = (
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body><notificationsResponse '
    'xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>{}</Ack></notificationsResponse></soapenv:Body>'
    "</soapenv:Envelope>"
)


@dataclass
class Receiver:
    """Hears what is sent; answers with ``replies`` in turn, then with an acknowledgement."""

    url: str
    heard: list[tuple[Any, bytes]] = field(default_factory=list)
    replies: list[tuple[int, str]] = field(default_factory=list)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def hear(self, request: web.Request) -> web.Response:
        """One delivery."""
        self.heard.append((request.headers.copy(), await request.read()))
        async with self.news:
            self.news.notify_all()
        status, text = self.replies.pop(0) if self.replies else (200, ACK.format("true"))
        return web.Response(status=status, text=text, content_type="text/xml")

    async def until(self, count: int) -> None:
        """Wait for so many deliveries."""
        async with asyncio.timeout(5), self.news:
            await self.news.wait_for(lambda: len(self.heard) >= count)

    def notifications(self, number: int) -> list[ElementTree.Element]:
        """The notifications of a delivery."""
        return list(ElementTree.fromstring(self.heard[number][1]).iter(f"{OUTBOUND}Notification"))  # noqa: S314


@pytest.fixture
async def crm() -> AsyncIterator[Running]:
    """An org that retries in milliseconds."""
    async with running(webhook_scale=0.001) as crm:
        yield crm


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Where messages go."""
    receiver = Receiver("")
    app = web.Application()
    app.router.add_post("/hook", receiver.hear)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield receiver
    await runner.cleanup()


@pytest.fixture
async def control(crm: Running) -> AsyncIterator[Callable[..., Any]]:
    """``await control(path, **wish)``."""
    async with aiohttp.ClientSession(crm.url) as session:

        async def post(path: str, **wish: Any) -> Any:
            async with session.post(f"/control/{path}", json=wish) as answer:
                assert answer.status < 300, await answer.text()
                return await answer.json()

        yield post


async def test_outbound_messages_until_acknowledged(receiver: Receiver, control: Callable[..., Any]) -> None:
    await control("outbound", object="Lead", url=receiver.url, fields=["LastName", "Email", "DoNotCall"])
    receiver.replies = [(200, ACK.format("false")), (500, ""), (200, "ok")]
    lead = await control("create", object="Lead", fields={"LastName": "<Li> & Søn", "Company": "Acme"})
    await receiver.until(4)
    headers, body = receiver.heard[0]
    assert (headers["Content-Type"], headers["SOAPAction"]) == ("text/xml; charset=UTF-8", '""')
    assert b'<SessionId xsi:nil="true"/>' in body
    ids = {each.findtext(f"{OUTBOUND}Id") for number in range(4) for each in receiver.notifications(number)}
    assert len(ids) == 1
    sobject = receiver.notifications(0)[0].find(f"{OUTBOUND}sObject")
    assert sobject is not None
    assert sobject.get("{http://www.w3.org/2001/XMLSchema-instance}type") == "sf:Lead"
    assert [(each.tag, each.text) for each in sobject] == [
        (f"{SF}Id", lead["Id"]), (f"{SF}LastName", "<Li> & Søn"), (f"{SF}DoNotCall", "false")
    ]  # fmt: skip
    await asyncio.sleep(0.1)
    assert len(receiver.heard) == 4


async def test_messages_hold_a_hundred_and_the_state_when_sent(
    crm: Running, receiver: Receiver, control: Callable[..., Any]
) -> None:
    await control("outbound", object="Lead", url=receiver.url, fields=["Title"], on=["update"])
    ids = crm.world.seed("Lead", 150, None, 1)
    edits = [{"id": each, "fields": {"Title": "Buyer"}} for each in ids]
    await control("edit", object="Lead", edits=edits)
    await receiver.until(2)
    assert [len(receiver.notifications(number)) for number in (0, 1)] == [100, 50]
    receiver.replies = [(503, "")]
    crm.world.deliveries.scale = 0.02
    await control("edit", object="Lead", id=ids[0], fields={"Title": "early"})
    await receiver.until(3)
    await control("edit", object="Lead", id=ids[0], fields={"Title": "late"})
    await receiver.until(5)
    titles = [ElementTree.tostring(receiver.notifications(number)[0]).decode() for number in (3, 4)]
    assert all("late" in each for each in titles)


async def test_api_writes_can_be_left_out(crm: Running, receiver: Receiver, control: Callable[..., Any]) -> None:
    await control("outbound", object="Lead", url=receiver.url, api=False)
    await control("cdc", url=receiver.url, api=False, mode="none")
    token = (await control("sessions"))["access_token"]
    async with aiohttp.ClientSession(crm.url, headers={"Authorization": f"Bearer {token}"}) as session:
        await session.post("/services/data/v60.0/sobjects/Lead", json={"LastName": "Li", "Company": "A"})
    await control("create", object="Lead", fields={"LastName": "Person", "Company": "A"})
    await receiver.until(2)
    await asyncio.sleep(0.05)
    assert len(receiver.heard) == 2


async def test_change_events(crm: Running, receiver: Receiver, control: Callable[..., Any]) -> None:
    await control("cdc", url=receiver.url, secret="s1", mode="timestamped")
    token = (await control("sessions"))["access_token"]
    headers = {"Authorization": f"Bearer {token}", "Sforce-Call-Options": "client=hub"}
    rows = [{"attributes": {"type": "Lead"}, "LastName": "Li", "Company": "A"}] * 3
    async with aiohttp.ClientSession(crm.url, headers=headers) as session:
        async with session.post("/services/data/v60.0/composite/sobjects", json={"records": rows}) as answer:
            ids = [each["id"] for each in await answer.json()]
        await session.patch(f"/services/data/v60.0/sobjects/Lead/{ids[0]}", json={"Email": "a@b.co", "Company": "B"})
        await session.patch(f"/services/data/v60.0/sobjects/Lead/{ids[0]}", json={"Email": None})
        await session.delete(f"/services/data/v60.0/sobjects/Lead/{ids[0]}")
    await receiver.until(4)
    for got, body in receiver.heard:
        message = got["X-Webhook-Timestamp"].encode() + b"." + body
        assert got["X-Webhook-Signature"] == "sha256=" + hmac.new(b"s1", message, hashlib.sha256).hexdigest()
    events = sorted((orjson.loads(body) for _, body in receiver.heard), key=lambda each: each["event"]["replayId"])
    created, changed, cleared, deleted = (each["payload"] for each in events)
    assert created["ChangeEventHeader"]["recordIds"] == ids
    assert (created["LastName"], created["ChangeEventHeader"]["changeType"]) == ("Li", "CREATE")
    header = changed["ChangeEventHeader"]
    assert header["changeOrigin"] == "com/salesforce/api/rest/60.0;client=hub"
    assert (header["changeType"], changed["Email"]) == ("UPDATE", "a@b.co")
    assert {"Email", "Company"} <= set(header["changedFields"])
    assert "LastName" not in changed
    assert cleared["ChangeEventHeader"]["nulledFields"] == ["Email"]
    assert (deleted["ChangeEventHeader"]["changeType"], set(deleted)) == ("DELETE", {"ChangeEventHeader"})


async def test_event_arrays_gaps_and_retention(crm: Running, receiver: Receiver, control: Callable[..., Any]) -> None:
    await control("cdc", url=receiver.url, secret="s1", mode="bearer", batch=10, compound=True, objects=["Lead"])
    await control("create", object="Account", fields={"Name": "nobody listens"})
    await control("create", object="Lead", fields={"FirstName": "Ana", "LastName": "Li", "Company": "A"})
    await control("faults", rules=[{"kind": "cdc_gap", "times": 1}])
    await control("create", object="Lead", fields={"LastName": "Gap", "Company": "A"})
    await receiver.until(2)
    by_id = sorted(((headers, orjson.loads(body)[0]) for headers, body in receiver.heard),
                   key=lambda each: int(each[1]["event"]["replayId"]))  # fmt: skip
    assert by_id[0][0]["Authorization"] == "Bearer s1"
    assert by_id[0][1]["payload"]["Name"] == {"FirstName": "Ana", "LastName": "Li"}
    gap = by_id[1][1]["payload"]
    assert (gap["ChangeEventHeader"]["changeType"], len(gap)) == ("GAP_CREATE", 1)
    assert [each["event"]["replayId"] for each in crm.world.org.events.since(1)] == [2, 3]
    await control("clock", advance=73 * 3600)
    assert crm.world.org.events.since(-2) == []


async def test_messages_get_lost_and_doubled(crm: Running, receiver: Receiver, control: Callable[..., Any]) -> None:
    await control("cdc", url=receiver.url, mode="none")
    await control("webhooks", lose=1)
    await control("create", object="Lead", fields={"LastName": "Lost", "Company": "A"})
    await control("webhooks", lose=0, repeat=1)
    await control("create", object="Lead", fields={"LastName": "Twice", "Company": "A"})
    await receiver.until(2)
    assert {orjson.loads(body)["payload"]["LastName"] for _, body in receiver.heard} == {"Twice"}
    counts = crm.world.deliveries.counts
    assert (counts["lost"], counts["repeated"]) == (1, 1)
