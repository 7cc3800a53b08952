"""Grants of the simulated Pipedrive at work, and its webhooks as they arrive."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from aiohttp import web

from hub.connectors.pipedrive.webhook import PipedriveWebhook
from hub.contracts.connector import PullRequest
from hub.contracts.failures import CrmFailure, FailureKind, RecordError
from hub.contracts.grants import Grant, GrantDead, OAuthApp, Token
from hub.contracts.pulling import PullMode
from hub.contracts.webhooks import WebhookRecord, WebhookRequest, WebhookTrust
from hub.egress import EgressPolicy
from hub.grants.exchange import OAuthServers
from hub.registry import CONNECTORS

Company = Any
Item = Any
CALLBACK = "http://127.0.0.1:8000/callback"
CONFIG = {"crm_type": "pipedrive"}
SECRET = b"canary-webhook-secret"


class Granted:
    """Tokens of one grant, renewed at the vendor when they are refused."""

    def __init__(self, grant: Grant, servers: OAuthServers, app: OAuthApp) -> None:
        self.grant, self.renewals = grant, 0
        self._servers, self._app, self._lock = servers, app, asyncio.Lock()

    async def current(self) -> Token:
        """The access token."""
        return Token(self.grant.access_token, self.grant.base_url)

    async def renewed(self, stale: Token) -> Token:
        """Renewed once, however many ask. Raises CrmFailure (AUTH) when the grant is dead."""
        async with self._lock:
            if self.grant.access_token == stale.value:
                self.renewals += 1
                try:
                    self.grant = await granted(self._servers, self._app, self.grant)
                except GrantDead as dead:
                    raise CrmFailure(FailureKind.AUTH, RecordError(dead.code, str(dead))) from None
        return await self.current()


async def granted(servers: OAuthServers, app: OAuthApp, before: Grant) -> Grant:
    flow = CONNECTORS["pipedrive"].oauth
    assert flow
    return await servers.granted(flow, app, CONFIG, flow.refresh(app, CONFIG, before), before)


@pytest.fixture
async def servers() -> AsyncIterator[OAuthServers]:
    """The hub's way to OAuth servers."""
    servers = OAuthServers(EgressPolicy.read("127.0.0.0/8"))
    yield servers
    await servers.close()


def app_of(crm: Company) -> OAuthApp:
    return OAuthApp("hub-client", "hub-secret", {"oauth": crm.url, "api": crm.url}, ("http://127.0.0.1",))


async def connected(crm: Company, servers: OAuthServers) -> Granted:
    """Through the consent page."""
    flow, app = CONNECTORS["pipedrive"].oauth, app_of(crm)
    assert flow
    url = flow.authorize_url(app, CONFIG, CALLBACK, "state-1", None)
    form = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()} | {"decision": "allow"}
    async with aiohttp.ClientSession() as browser:
        async with browser.get(url) as page:
            assert page.status == 200
        async with browser.post(url.partition("?")[0], data=form, allow_redirects=False) as answer:
            back = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert back["state"] == ["state-1"]
    call = flow.exchange(app, CONFIG, back["code"][0], CALLBACK, None)
    return Granted(await servers.granted(flow, app, CONFIG, call), servers, app)


async def test_connect_expire_renew_revoke(crm: Company, item: Item, servers: OAuthServers) -> None:
    tokens = await connected(crm, servers)
    assert (tokens.grant.base_url, tokens.renewals) == (crm.url, 0)
    assert "contacts:full" in tokens.grant.scopes
    client = crm.client(tokens=tokens)
    assert (await client.test()).tenant == "123"
    await crm.control("tokens", {"expire": "all"})
    results = await client.push([item(n, first_name=f"F{n}") for n in range(50)])
    assert all(result.ok for result in results)
    assert tokens.renewals == 1
    assert len(await crm.persons()) == 50
    flow = CONNECTORS["pipedrive"].oauth
    assert flow
    assert await servers.revoke(flow.revoke(app_of(crm), CONFIG, tokens.grant)) == []
    (result,) = await client.push([item(99, first_name="Late")])
    assert (result.ok, result.kind, result.error.code) == (False, FailureKind.AUTH, "invalid_grant")


async def test_a_token_goes_to_no_stranger(crm: Company, servers: OAuthServers) -> None:
    tokens = await connected(crm, servers)
    await crm.faults({"kind": "api_domain", "domain": "https://attacker.example.com"})
    with pytest.raises(CrmFailure) as refused:
        await granted(servers, app_of(crm), tokens.grant)
    assert (refused.value.kind, refused.value.error.code) == (FailureKind.AUTH, "FOREIGN_HOST")


async def test_a_wrong_api_token(crm: Company, item: Item) -> None:
    client = crm.client(key="canary-wrong-token")
    with pytest.raises(CrmFailure) as refused:
        await client.test()
    assert refused.value.kind is FailureKind.AUTH
    assert "canary" not in str(refused.value)
    (result,) = await client.push([item(1, first_name="Ana")])
    assert result.kind is FailureKind.AUTH


class Inbox:
    """A server that takes webhooks, and reads them as the gateway does."""

    def __init__(self) -> None:
        self.records: list[WebhookRecord] = []
        self._told = asyncio.Event()

    async def take(self, request: web.Request) -> web.Response:
        """Verify and parse."""
        parser, trust = PipedriveWebhook(), WebhookTrust("simple", SECRET, CONFIG, "123")
        seen = WebhookRequest("POST", str(request.url), request.headers, await request.read(), 0.0)
        parser.verify(trust, seen)
        self.records += parser.parse(trust, seen)
        self._told.set()
        return web.json_response({})

    async def wait(self, count: int) -> list[WebhookRecord]:
        """So many records."""
        async with asyncio.timeout(5):
            while len(self.records) < count:
                self._told.clear()
                await self._told.wait()
        return self.records


@pytest.fixture
async def inbox() -> AsyncIterator[tuple[Inbox, str]]:
    """It, and its address."""
    inbox = Inbox()
    application = web.Application()
    application.router.add_post("/hook", inbox.take)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield inbox, f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    await runner.cleanup()


@pytest.mark.parametrize("version", ["2.0", "1.0"])
async def test_webhooks_as_they_come(crm: Company, inbox: tuple[Inbox, str], version: str) -> None:
    box, url = inbox
    client = crm.client()
    await client._api.call("POST", "/api/v1/webhooks", {
        "subscription_url": url, "event_action": "*", "event_object": "*", "name": "hub", "version": version,
        "http_auth_user": "hub", "http_auth_password": SECRET.decode(),
    }, tokens=10)  # fmt: skip
    for name in ("Ana", "Bo"):
        await crm.control("create", {"object": "person", "fields": {"name": name}})
    await box.wait(2)
    edit = {"object": "person", "id": "1", "fields": {"emails": [{"value": "ana@x.org"}]}}
    await crm.control("edit", edit)
    await box.wait(3)
    await crm.control("create", {"object": "deal", "fields": {"title": "x", "person_id": 1}})
    await crm.control("merge", {"object": "person", "winner": "1", "losers": ["2"]})
    records = await box.wait(4)
    told = [(each.event, each.record_id) for each in records[:3]]
    assert sorted(told[:2]) == [("lead.changed", "1"), ("lead.changed", "2")]
    lost = next(each for each in records if each.record_id == "2" and each.event != "lead.changed")
    if version == "2.0":
        assert (records[2].event, records[2].fields) == ("lead.updated", {"email": "ana@x.org"})
        assert (lost.event, lost.merged_into) == ("lead.merged", "1")
    else:
        assert (told[2], lost.event) == (("lead.changed", "1"), "lead.deleted")
    fetched = await client.fetch(sorted({each.record_id for each in records}))
    assert {each.record_id: each.deleted for each in fetched} == {"1": False, "2": True}
    page = await client.pull(PullRequest(PullMode.FULL))
    assert page.records[0].fields["email"] == "ana@x.org"
