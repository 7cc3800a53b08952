"""Who may call a HubSpot, and how often: the grant, its renewal, scopes, quota, the portal; and webhooks' way in."""

import asyncio
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from aiohttp import web

from hub.contracts.failures import CrmFailure, FailureKind
from hub.contracts.grants import FixedToken, Grant, GrantDead, Token, TokenCall
from hub.contracts.pulling import PullMode
from hub.contracts.webhooks import WebhookRecord, WebhookRequest, WebhookTrust
from hub.registry import CONNECTORS

from .portal import Everything, HubSpot, Item, Noting, Open

HUBSPOT = CONNECTORS["hubspot"]
CONFIG = {"crm_type": "hubspot", "auth_type": "oauth2"}
assert HUBSPOT.oauth
FLOW = HUBSPOT.oauth


async def granted(hubspot: HubSpot, **config: Any) -> Grant:
    """Through the consent page, as a person would."""
    document = CONFIG | config
    url = FLOW.authorize_url(hubspot.app, document, "http://localhost:1/cb", "s1", None)
    async with aiohttp.ClientSession() as session:
        form = {**{name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}, "decision": "allow"}
        async with session.get(url) as page:
            assert 'id="allow"' in await page.text()
        async with session.post(url, data=form, allow_redirects=False) as response:
            back = parse_qs(urlsplit(response.headers["Location"]).query)
    assert back["state"] == ["s1"]
    call = FLOW.exchange(hubspot.app, document, back["code"][0], "http://localhost:1/cb", None)
    status, body = await made(call)
    return FLOW.read(hubspot.app, document, status, body, None, time.time())


async def made(call: TokenCall) -> tuple[int, bytes]:
    async with (
        aiohttp.ClientSession() as session,
        session.request(call.method, call.url, data=dict(call.form)) as response,
    ):
        return response.status, await response.read()


class Renewing:
    """The smallest Tokens that renews."""

    def __init__(self, hubspot: HubSpot, grant: Grant) -> None:
        self.hubspot, self.grant, self.renewals = hubspot, grant, 0
        self._one = asyncio.Lock()

    async def current(self) -> Token:
        """As it is."""
        return Token(self.grant.access_token)

    async def renewed(self, stale: Token) -> Token:
        """One refresh for all who ask."""
        async with self._one:
            if stale.value == self.grant.access_token:
                self.renewals += 1
                status, body = await made(FLOW.refresh(self.hubspot.app, CONFIG, self.grant))
                self.grant = FLOW.read(self.hubspot.app, CONFIG, status, body, self.grant, time.time())
        return Token(self.grant.access_token)


async def test_connecting_through_the_consent_page(hubspot: HubSpot, client: Open) -> None:
    grant = await granted(hubspot, portal_id="12345678")
    assert (grant.tenant, "crm.objects.contacts.write" in grant.scopes) == ("12345678", True)
    identity = await client(tokens=FixedToken(grant.access_token)).test()
    assert (identity.tenant, identity.account) == ("12345678", "app.hubspot.com")
    for kind in ("contacts", "deals"):
        made_property = hubspot.world.portal.objects[kind].schema.get("mpp_id")
        assert (made_property.unique, made_property.label) == (True, "MPP ID")
    hubspot.calls()
    await client(tokens=FixedToken(grant.access_token)).test()
    assert not [route for route in hubspot.calls() if route.startswith("POST")]  # nothing is made twice


async def test_an_expired_token_is_renewed_once_for_all_calls(hubspot: HubSpot, client: Open, item: Item) -> None:
    tokens = Renewing(hubspot, await granted(hubspot))
    api = client(tokens=tokens)
    await api.test()
    hubspot.world.grants.expire("all")
    results = await api.push([item(n, email=f"p{n}@example.com") for n in range(1, 501)])
    assert all(result.ok for result in results)
    assert tokens.renewals == 1
    assert len(hubspot.contacts()) == 500


async def test_a_revoked_grant_is_dead(hubspot: HubSpot, client: Open) -> None:
    grant = await granted(hubspot)
    (call,) = FLOW.revoke(hubspot.app, CONFIG, grant)
    status, _ = await made(call)
    assert status in (200, 204)
    tokens = Renewing(hubspot, grant)
    await client(tokens=tokens).test()  # HubSpot lets the access token live out its half hour
    hubspot.world.grants.expire("all")
    with pytest.raises(GrantDead):
        await client(tokens=tokens).test()


@pytest.mark.parametrize("version", ["v1", "v3", "2026-09"])
async def test_every_generation_of_token_endpoints(hubspot: HubSpot, version: str) -> None:
    grant = await granted(hubspot, oauth_version=version)
    document = CONFIG | {"oauth_version": version}
    status, body = await made(FLOW.refresh(hubspot.app, document, grant))
    fresh = FLOW.read(hubspot.app, document, status, body, grant, time.time())
    assert fresh.access_token != grant.access_token
    assert fresh.refresh_token == grant.refresh_token
    (call,) = FLOW.revoke(hubspot.app, document, fresh)
    assert (await made(call))[0] in (200, 204)
    status, body = await made(FLOW.refresh(hubspot.app, document, fresh))
    with pytest.raises(GrantDead):
        FLOW.read(hubspot.app, document, status, body, fresh, time.time())


async def test_the_documents_scopes_alone_are_enough_for_contacts(
    hubspot: HubSpot, client: Open, item: Item, everything: Everything
) -> None:
    grant = await granted(hubspot, optional_scopes=[])
    api = client(tokens=FixedToken(grant.access_token))
    await api.test()
    registers = {"email": "a@example.com", "status": "enrolled", "lead_source": "Radio", "agent_id": "x@example.com"}
    for _ in range(2):
        (result,) = await api.push([item(1, custom_tier="Gold", **registers)])
        assert result.error is None
        assert set(result.left_out) == {"tier", "hs_lead_status", "hubspot_owner_id", "deal"}
    (contact,) = hubspot.contacts().values()
    assert (contact["email"], contact["lifecyclestage"]) == ("a@example.com", "customer")
    records, _ = await everything(api, PullMode.FULL)
    assert [each.fields["email"] for each in records] == ["a@example.com"]
    assert await api.owners() == []
    assert {spec.name for spec in await api.describe()} >= {"email", "lifecyclestage"}


async def test_a_grant_without_contacts_is_refused_by_name(hubspot: HubSpot, client: Open, item: Item) -> None:
    grant = await granted(hubspot, scopes=["crm.objects.owners.read"], optional_scopes=[])
    api = client(tokens=FixedToken(grant.access_token))
    with pytest.raises(CrmFailure) as caught:
        await api.test()
    assert (caught.value.kind, caught.value.error.code) == (FailureKind.AUTH, "MISSING_SCOPES")
    (result,) = await api.push([item(1, email="a@example.com")])
    assert result.kind is FailureKind.AUTH


async def test_another_portals_token_is_refused(hubspot: HubSpot, client: Open) -> None:
    with pytest.raises(CrmFailure) as caught:
        await client(portal_id=999).test()
    assert (caught.value.kind, caught.value.error.code) == (FailureKind.AUTH, "WRONG_PORTAL")


async def test_quota_is_learnt_and_refusals_close_their_window(
    hubspot: HubSpot, client: Open, item: Item, noting: Noting, everything: Everything
) -> None:
    hubspot.world.limits({"private_burst": 190, "daily": 625_000, "search": 5})
    api = client(meter=noting)
    await api.push([item(1, email="a@example.com")])
    told = {each.window: (each.limit, each.remaining) for each in noting.readings}
    assert told["burst"][0] == 190
    assert told["daily"][0] == 625_000
    assert told["daily"][1] == 625_000 - len(noting.taken)
    noting.taken.clear()
    await everything(api)
    assert ("search",) in noting.taken
    hubspot.world.limits({"search": 0})
    with pytest.raises(CrmFailure) as caught:
        await everything(api)
    assert (caught.value.kind, caught.value.retry_after) == (FailureKind.RATE_LIMIT, 1)
    hubspot.world.limits({"search": 5, "private_burst": 1, "retry_after": 7})
    (result,) = await api.push([item(1, email="a@example.com")])
    assert (result.kind, result.retry_after) == (FailureKind.RATE_LIMIT, 7)
    hubspot.world.limits({"daily": 1, "private_burst": 190, "retry_after": None})
    (result,) = await api.push([item(1, email="a@example.com")])
    assert result.retry_after == 3600
    assert noting.closed == [("search", 1.0), ("burst", 7.0), ("daily", 3600.0)]


def test_budgets_as_known_before() -> None:
    windows = {each.name: each for each in HUBSPOT.limits(CONFIG)}
    assert (windows["burst"].limit, windows["burst"].seconds, windows["burst"].reserved) == (110, 10.0, False)
    assert (windows["search"].limit, windows["search"].always, windows["search"].reserved) == (5, False, True)
    assert "daily" not in windows
    private = {each.name: each for each in HUBSPOT.limits({"crm_type": "hubspot", "auth_type": "api_key"})}
    assert (private["burst"].limit, private["daily"].limit, private["daily"].kind) == (100, 250_000, "fixed")


async def test_live_webhooks_are_verified_and_read(hubspot: HubSpot, client: Open, item: Item) -> None:
    heard: list[WebhookRecord] = []
    trust = WebhookTrust("timestamped", b"hub-secret", CONFIG)
    address = ""

    async def receive(request: web.Request) -> web.Response:
        got = WebhookRequest(request.method, address, request.headers, await request.read(), time.time())
        HUBSPOT.webhook.verify(trust, got)
        heard.extend(HUBSPOT.webhook.parse(trust, got))
        return web.Response()

    app = web.Application()
    app.router.add_post("/api/v1/webhooks/crm/hubspot", receive)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    address = f"http://127.0.0.1:{runner.addresses[0][1]}/api/v1/webhooks/crm/hubspot"
    events = ["contact.creation", "contact.deletion", "contact.merge", "contact.propertyChange:firstname"]
    async with aiohttp.ClientSession() as session:
        wish = {"targetUrl": address, "events": events}
        async with session.post(f"{hubspot.url}/control/subscribe", json=wish) as response:
            assert response.status == 201
    hubspot.world.options.signatures = ("v1", "v3")
    one = hubspot.world.create("contacts", {"email": "a@example.com", "firstname": "A"})["id"]
    two = hubspot.world.create("contacts", {"email": "b@example.com"})["id"]
    three = hubspot.world.create("contacts", {"email": "c@example.com"})["id"]
    hubspot.world.merge("contacts", one, [two])
    hubspot.world.delete("contacts", three)
    grant = await granted(hubspot)
    await client(tokens=FixedToken(grant.access_token)).push([item(9, email="ours@example.com", first_name="Ours")])
    for _ in range(100):
        if {"lead.merged", "lead.deleted"} <= {each.event for each in heard}:
            break
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.2)  # our own write's echo would have come by now
    await runner.cleanup()
    assert {each.tenant for each in heard} == {"12345678"}
    assert {each.record_id for each in heard if each.event == "lead.changed"} == {one, two, three}
    assert {(each.record_id, each.merged_into) for each in heard if each.event == "lead.merged"} == {(two, one)}
    assert {each.record_id for each in heard if each.event == "lead.deleted"} == {three}
