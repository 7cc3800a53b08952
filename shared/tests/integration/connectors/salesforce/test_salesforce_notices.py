"""What a simulated org sends when its records change, through the connector's parser."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from hub.contracts.errors import HubError
from hub.contracts.webhooks import WebhookRecord, WebhookRequest, WebhookTrust
from hub.registry import CONNECTORS

PARSER = CONNECTORS["salesforce"].webhook
SECRET = "canary-webhook-secret"


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not happened():  # noqa: ASYNC110 - the simulator has no event to wait for
            await asyncio.sleep(0.01)


@dataclass
class Hub:
    """Takes notices as the gateway does."""

    trust: WebhookTrust
    url: str = ""
    heard: list[WebhookRecord] = field(default_factory=list)
    refused: list[HubError] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        seen = WebhookRequest(request.method, str(request.url), request.headers, body, time.time())
        try:
            PARSER.verify(self.trust, seen)
            self.heard += PARSER.parse(self.trust, seen)
        except HubError as error:
            self.refused.append(error)
            return web.Response(status=error.status)
        assert PARSER.accepted
        return web.Response(body=PARSER.accepted.body, headers={"Content-Type": PARSER.accepted.content_type})

    async def hears(self, count: int) -> list[WebhookRecord]:
        await until(lambda: len(self.heard) >= count)
        return self.heard


@asynccontextmanager
async def listening(**trust: Any) -> AsyncIterator[Hub]:
    config = {"crm_type": "salesforce"}
    hub = Hub(WebhookTrust(**{"mode": "simple", "secret": SECRET.encode(), "config": config, **trust}))
    app = web.Application()
    app.router.add_post("/notices", hub.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hub.url = f"http://127.0.0.1:{runner.addresses[0][1]}/notices"
    try:
        yield hub
    finally:
        await runner.cleanup()


async def settled(org: Any) -> dict[str, Any]:
    """The deliveries, when none is under way."""
    await until(lambda: not org.crm.world.deliveries.pending)
    return dict(org.crm.world.deliveries.report(100))


async def test_outbound_messages_are_understood_and_acknowledged(org: Any) -> None:
    world = org.crm.world
    async with listening(tenant=world.org.org_id) as hub:
        wanted = ["FirstName", "LastName", "Status", "MPP_Id__c", "SystemModstamp", "OwnerId"]
        world.org.outbound.add({"object": "Lead", "url": f"{hub.url}?token={SECRET}", "fields": wanted})
        fields = {"FirstName": "Zoë", "LastName": "O'Hara & <Söhne>", "Company": "C", "Status": "Working - Contacted"}
        lead = world.create("Lead", fields | {"MPP_Id__c": "MPP-42"})
        (record,) = await hub.hears(1)
        assert (record.event, record.record_id) == ("lead.updated", lead["Id"])
        read = CONNECTORS["salesforce"].mapping({}).inbound(record.fields)
        registers = {"first_name": "Zoë", "last_name": "O'Hara & <Söhne>", "status": "contacted"}
        assert (read.registers, read.lead_id) == (registers, 42)
        assert record.observed_at
        report = await settled(org)
    assert [each["outcome"] for each in report["deliveries"]] == ["delivered"]


async def test_a_message_without_the_secret_is_refused(org: Any) -> None:
    async with listening() as hub:
        org.crm.world.org.outbound.add({"object": "Lead", "url": f"{hub.url}?token=guess"})
        org.crm.world.create("Lead", {"LastName": "A", "Company": "C"})
        await until(lambda: bool(hub.refused))
    assert [error.status for error in hub.refused] == [401]
    assert not hub.heard


@pytest.mark.parametrize("mode", ["simple", "timestamped", "bearer"])
@pytest.mark.parametrize("compound", [False, True])
async def test_change_events(org: Any, mode: str, compound: bool) -> None:
    world = org.crm.world
    async with listening(mode="timestamped" if mode == "timestamped" else "simple") as hub:
        world.org.events.point({"url": hub.url, "secret": SECRET, "mode": mode, "batch": 10, "compound": compound})
        lead = world.create("Lead", {"FirstName": "A", "LastName": "B", "Company": "C", "City": "Austin"})["Id"]
        await hub.hears(1)
        world.edit("Lead", lead, {"FirstName": None, "City": None, "Email": "a@example.com"})
        await hub.hears(2)
        world.create("Contact", {"LastName": "not the hub's business"})
        world.delete("Lead", lead)
        created, changed, deleted = await hub.hears(3)
    assert not hub.refused
    assert [each.event for each in (created, changed, deleted)] == ["lead.created", "lead.updated", "lead.changed"]
    assert {each.record_id for each in hub.heard} == {lead}
    mapping = CONNECTORS["salesforce"].mapping({})
    assert mapping.inbound(created.fields).registers["city"] == "Austin"
    assert mapping.inbound(changed.fields).registers == {"first_name": None, "city": None, "email": "a@example.com"}


Opened = Callable[..., Any]


async def test_what_a_notice_leaves_open_is_fetched(org: Any, client: Opened) -> None:
    world = org.crm.world
    ids = world.seed("Lead", 3, None, 5)
    async with listening() as hub:
        world.org.events.point({"url": hub.url, "secret": SECRET, "batch": 10})
        world.merge("Lead", ids[0], [ids[1]])
        org.fault("cdc_gap", times=1)
        world.edit("Lead", ids[2], {"City": "Austin"})
        await until(lambda: {ids[1], ids[2]} <= {each.record_id for each in hub.heard if each.event == "lead.changed"})
    found = {each.record_id: each for each in await client().fetch([ids[1], ids[2]])}
    assert found[ids[1]].merged_into == ids[0]
    assert found[ids[2]].fields["City"] == "Austin"
