"""Salesforce, HubSpot and Pipedrive, simulated: connected through their own consent pages, with their own words."""

import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

import aiohttp
import pytest

from gateway.web import models_connections_out as told
from hub.contracts.events import CONNECTION_CONNECTED
from hub.grants import OAuthApps
from simulators.hubspot.app import running as hubspot
from simulators.kit.serving import Running
from simulators.pipedrive.app import running as pipedrive
from simulators.salesforce.app import running as salesforce

CRMS: dict[str, Any] = {"salesforce": salesforce, "hubspot": hubspot, "pipedrive": pipedrive}
REDIRECT = "http://localhost:9999/crm/callback"
ADDRESS = "/api/v1/external/connections"


@pytest.fixture(params=list(CRMS))
async def crm(request: Any) -> AsyncIterator[tuple[str, Running]]:
    """One vendor, simulated."""
    simulator: AbstractAsyncContextManager[Running] = CRMS[request.param]()
    async with simulator as running:
        yield request.param, running


@pytest.fixture
async def crm_hub(database_url: str, make_hub: Any, listened: Any, crm: tuple[str, Running]) -> AsyncIterator[Any]:
    """A gateway whose apps are registered with the simulators."""
    url = crm[1].url
    apps: dict[str, Any] = {}
    for name in CRMS:
        apps |= {f"oauth_{name}_client_id": "hub-client", f"oauth_{name}_client_secret": "hub-secret"}
    hosts = ("salesforce_login_url", "hubspot_app_url", "hubspot_api_url", "pipedrive_oauth_url", "pipedrive_api_url")
    apps |= dict.fromkeys(hosts, url) | dict.fromkeys(("salesforce_domains", "pipedrive_domains"), "http://127.0.0.1")
    settings = {
        "oauth_apps": OAuthApps(**apps),
        "oauth_redirect_uris": REDIRECT,
        "egress_allow": "127.0.0.0/8",
    }
    async with make_hub(database_url, **settings) as made, listened(made) as hub:
        yield hub


async def consent(authorization_url: str, decision: str) -> dict[str, str]:
    """What a person's browser does: read the page, press the button; what the CRM adds to the redirect URI."""
    async with aiohttp.ClientSession() as browser:
        async with browser.get(authorization_url) as answer:
            page = await answer.text()
            assert answer.status == 200, page
        form = {name: unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', page)}
        action = re.search(r'action="([^"]*)"', page)
        assert action, page
        address = urljoin(authorization_url, unescape(action[1]))
        form["decision"] = decision
        async with browser.post(address, data=form, allow_redirects=False) as answer:
            location = answer.headers["Location"]
    assert location.startswith(REDIRECT)
    return dict(parse_qsl(urlsplit(location).query))


async def authorize(hub: Any, crm_type: str) -> str:
    async with hub.client.post(
        "/api/v1/crm/oauth/authorize", json={"crm_type": crm_type, "redirect_uri": REDIRECT}
    ) as answer:
        assert answer.status == 200, await answer.text()
        return str((await answer.json())["authorization_url"])


async def test_connect_try_and_disconnect(crm_hub: Any, crm: tuple[str, Running]) -> None:
    crm_type, simulator = crm
    given = await consent(await authorize(crm_hub, crm_type), "allow")
    async with crm_hub.client.post("/api/v1/crm/oauth/callback", json=given) as answer:
        assert answer.status == 201, await answer.text()
        done = told.Connected.model_validate(await answer.json())
    assert done.test
    assert done.test.ok, done.test
    assert (done.connection.status, bool(done.connection.tenant)) == ("connected", True)
    (event,) = await crm_hub.received(1, CONNECTION_CONNECTED)
    report = simulator.world.ledger.report()
    spent = {"daily" if crm_type == "salesforce" else "burst": report["total"]}
    spent |= {"daily": report["windows"]["daily"]["used"]} if crm_type == "pipedrive" else {}
    assert event.data["spent"] == spent  # it is for sync-worker to count
    address = f"{ADDRESS}/{done.connection.id}"

    async with (
        aiohttp.ClientSession() as control,
        control.post(f"{simulator.url}/control/tokens", json={"expire": "all"}) as answer,
    ):
        assert answer.status == 200
    async with crm_hub.client.post(f"{address}/test") as answer:
        tested = told.Tested.model_validate(await answer.json())
    assert (tested.status, tested.test.ok) == ("connected", True), tested

    async with crm_hub.client.delete(address) as answer:
        ended = told.Disconnected.model_validate(await answer.json())
    assert (ended.revoked, ended.problems) == (True, [])
    grants = simulator.world.org.grants if crm_type == "salesforce" else simulator.world.grants
    assert list(grants.tokens()) == []


async def test_a_denial(crm_hub: Any, crm: tuple[str, Running]) -> None:
    given = await consent(await authorize(crm_hub, crm[0]), "deny")
    async with crm_hub.client.post("/api/v1/crm/oauth/callback", json=given) as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (400, "ACCESS_DENIED")
    assert await crm_hub.pool.fetchval("SELECT count(*) FROM control.connection WHERE auth_type = 'oauth2'") == 0


async def test_a_revoked_grant_is_seen_at_the_next_look(crm_hub: Any, crm: tuple[str, Running]) -> None:
    given = await consent(await authorize(crm_hub, crm[0]), "allow")
    async with crm_hub.client.post("/api/v1/crm/oauth/callback", json=given) as answer:
        connection = told.Connected.model_validate(await answer.json()).connection
    async with (
        aiohttp.ClientSession() as control,
        control.post(f"{crm[1].url}/control/tokens", json={"revoke": "all"}) as answer,
    ):
        assert answer.status == 200
    async with crm_hub.client.post(f"{ADDRESS}/{connection.id}/test") as answer:
        tested = told.Tested.model_validate(await answer.json())
    assert (tested.status, tested.test.kind) == ("needs_reauth", "auth")
