"""Connecting by OAuth: what is asked, what is stored, and every way in which a callback may be wrong."""

import asyncio
import logging
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from gateway.web import models_connections_out as told
from hub.contracts.events import CONNECTION_CONNECTED
from hub.contracts.grants import Grant
from hub.contracts.scopes import ROLES
from hub.grants import digest
from hub.testing.vendor import CLIENT_SECRET, Vendor
from hub.vault import Vault

AUTHORIZE, CALLBACK = "/api/v1/crm/oauth/authorize", "/api/v1/crm/oauth/callback"
DESIGN = {"crm_type": "salesforce", "redirect_uri": "https://mypremierplans.com/crm/callback"}
PAGE = {"Accept": "text/html,application/xhtml+xml", "Authorization": ""}
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}


async def authorize(hub: Any, headers: Any = None, **body: Any) -> told.Authorization:
    async with hub.client.post(AUTHORIZE, json=DESIGN | body, headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        return told.Authorization.model_validate(await answer.json())


async def bring_back(hub: Any, given: dict[str, str], **more: Any) -> tuple[int, str, Any]:
    """What a browser without an API key gets at the callback."""
    async with (
        aiohttp.ClientSession(hub.url, cookies=more.pop("cookies", None)) as browser,
        browser.get(CALLBACK, params=given, allow_redirects=False, **more) as answer,
    ):
        return answer.status, await answer.text(), answer.headers


async def connections(hub: Any) -> list[Any]:
    rows: list[Any] = await hub.pool.fetch("SELECT * FROM control.connection WHERE crm_type = 'salesforce' ORDER BY id")
    return rows


async def test_through_the_consent_page_to_a_connected_crm(vendor_hub: Any, vendor: Vendor) -> None:
    begun = await authorize(vendor_hub)
    asked = parse_qs(urlsplit(begun.authorization_url).query)
    assert asked["redirect_uri"] == [DESIGN["redirect_uri"]]
    assert asked["state"] == [begun.state]
    row = await vendor_hub.pool.fetchrow("SELECT * FROM control.oauth_attempt")
    assert row["state_hash"] == digest(begun.state)
    assert begun.state not in str(dict(row))

    status, page, headers = await bring_back(vendor_hub, vendor.consent(begun.authorization_url), headers=PAGE)
    assert (status, headers["Cache-Control"], headers["Referrer-Policy"]) == (200, "no-store", "no-referrer")
    assert "Vendor is connected" in page
    assert "Acme" in page
    (stored,) = await connections(vendor_hub)
    assert (stored["status"], stored["tenant"], stored["auth_type"]) == ("connected", "org-1", "oauth2")
    opened = await Vault(vendor_hub.pool, vendor_hub.keyring).open(
        vendor_hub.account_id, f"connection:{stored['id']}:credentials", stored["credentials"]
    )
    grant = Grant.decoded(opened)
    assert grant.access_token in vendor.access
    assert grant.base_url == vendor.url
    (event,) = await vendor_hub.received(1, CONNECTION_CONNECTED)
    assert event.data["connection_id"] == stored["id"]
    assert event.data["actor"]["user"].startswith("key ")
    assert await vendor_hub.pool.fetchval("SELECT count(*) FROM control.oauth_attempt") == 0


async def test_the_customers_own_server_hands_the_code_on(vendor_hub: Any, vendor: Vendor) -> None:
    given = vendor.consent((await authorize(vendor_hub, name="Ours", config={"schedule": "daily"})).authorization_url)
    stranger = await vendor_hub.pool.fetchval("INSERT INTO control.account (name) VALUES ('other') RETURNING id")
    foreign = {"Authorization": f"Bearer {await vendor_hub.add_key(ROLES['admin'], stranger)}"}
    async with vendor_hub.client.post(CALLBACK, json=given, headers=foreign) as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (400, "INVALID_STATE")
    async with vendor_hub.client.post(CALLBACK, json=given) as answer:
        assert answer.status == 201
        done = told.Connected.model_validate(await answer.json())
    assert (done.connection.name, done.connection.status, done.connection.schedule) == ("Ours", "connected", "daily")
    assert done.webhook_secret
    async with vendor_hub.client.post(CALLBACK, json=given) as answer:
        assert answer.status == 400
    assert len(await connections(vendor_hub)) == 1


async def test_states_that_are_refused_and_leave_nothing(vendor_hub: Any, vendor: Vendor) -> None:
    good = vendor.consent((await authorize(vendor_hub)).authorization_url)
    for state in ("", "x", good["state"][:-1], good["state"] + "A", "\udcff", "a" * 300, good["state"].swapcase()):
        status, text, _ = await bring_back(vendor_hub, {"code": good["code"], "state": state})
        assert status in (400, 422), state
        assert good["code"] not in text
    await vendor_hub.pool.execute("UPDATE control.oauth_attempt SET expires_at = now() - interval '1 second'")
    assert (await bring_back(vendor_hub, good))[0] == 400
    assert await connections(vendor_hub) == []
    assert [path for path, _ in vendor.calls] == []


async def test_a_state_works_once_however_many_bring_it(vendor_hub: Any, vendor: Vendor) -> None:
    given = vendor.consent((await authorize(vendor_hub)).authorization_url)
    answers = await asyncio.gather(*(bring_back(vendor_hub, given) for _ in range(8)))
    assert sorted(status for status, _, _ in answers) == [200] + [400] * 7
    assert [path for path, _ in vendor.calls].count("token") == 1
    assert len(await connections(vendor_hub)) == 1


async def test_another_browser_than_the_one_that_asked_is_refused(vendor_hub: Any, vendor: Vendor) -> None:
    async def begin() -> tuple[str, Any]:
        async with vendor_hub.client.post(AUTHORIZE, json=DESIGN, headers=SAME_ORIGIN) as answer:
            cookie = answer.cookies["hub_oauth"]
            assert (cookie["samesite"], cookie["httponly"], cookie["path"]) == ("Lax", True, "/api/v1/crm/oauth")
            return (await answer.json())["authorization_url"], cookie.value

    vendor_hub.client.cookie_jar.clear()
    url, _ = await begin()
    for cookies in (None, {"hub_oauth": "A" * 43}):
        given = vendor.consent(url)
        assert (await bring_back(vendor_hub, given, cookies=cookies))[0] == 400
        url, _ = await begin()
    url, cookie = await begin()
    assert (await bring_back(vendor_hub, vendor.consent(url), cookies={"hub_oauth": cookie}))[0] == 200
    assert len(await connections(vendor_hub)) == 1


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"redirect_uri": "https://mypremierplans.com/crm/callback/"}, "REDIRECT_NOT_ALLOWED", "redirect_uri"),
        ({"redirect_uri": "https://mypremierplans.com/crm/callback?x=1"}, "REDIRECT_NOT_ALLOWED", "redirect_uri"),
        (
            {"redirect_uri": "https://mypremierplans.com.evil.example/crm/callback"},
            "REDIRECT_NOT_ALLOWED",
            "redirect_uri",
        ),
        ({"redirect_uri": "http://mypremierplans.com/crm/callback"}, "REDIRECT_NOT_ALLOWED", "redirect_uri"),
        ({"redirect_uri": None}, "REDIRECT_NOT_ALLOWED", "redirect_uri"),
        ({"return_to": "https://evil.example/"}, "RETURN_NOT_ALLOWED", "return_to"),
        ({"return_to": "https://mypremierplans.com@evil.example/"}, "RETURN_NOT_ALLOWED", "return_to"),
        ({"return_to": "https://mypremierplans.com\\@evil.example/"}, "RETURN_NOT_ALLOWED", "return_to"),
        ({"return_to": "//mypremierplans.com/"}, "RETURN_NOT_ALLOWED", "return_to"),
        ({"return_to": "https://mypremierplans.com:8443/"}, "RETURN_NOT_ALLOWED", "return_to"),
        ({"return_to": "javascript:alert(1)"}, "RETURN_NOT_ALLOWED", "return_to"),
        ({"crm_type": "custom"}, "VALIDATION_FAILED", "crm_type"),
        ({"crm_type": "nonesuch"}, "VALIDATION_FAILED", "crm_type"),
        ({"config": {"wrong": 1}}, "VALIDATION_FAILED", "config.wrong"),
        ({"config": {"crm_type": "custom"}}, "VALIDATION_FAILED", "config.crm_type"),
        ({"config": {"schedule": "never"}}, "VALIDATION_FAILED", "config.schedule"),
        ({"config": {"allowed_ips": ["x"]}}, "VALIDATION_FAILED", "config.allowed_ips"),
    ],
)
async def test_what_may_not_be_asked_for(vendor_hub: Any, change: Any, code: str, field: str) -> None:
    async with vendor_hub.client.post(AUTHORIZE, json=DESIGN | change) as answer:
        error = (await answer.json())["error"]
    assert (answer.status, error["code"], error["details"]["field"]) == (422, code, field)
    assert await vendor_hub.pool.fetchval("SELECT count(*) FROM control.oauth_attempt") == 0


async def test_a_denial_is_told_and_uses_the_state_up(vendor_hub: Any, vendor: Vendor) -> None:
    begun = await authorize(vendor_hub)
    denied = {"error": "access_denied", "error_description": "<b>no</b>", "state": begun.state}
    status, page, _ = await bring_back(vendor_hub, denied, headers=PAGE)
    assert (status, "access_denied" in page, "<b>" in page) == (400, True, False)
    assert (await bring_back(vendor_hub, vendor.consent(begun.authorization_url)))[0] == 400
    back = await authorize(vendor_hub, return_to="https://mypremierplans.com/settings?tab=crm")
    status, _, headers = await bring_back(vendor_hub, denied | {"state": back.state}, headers=PAGE)
    assert (status, headers["Location"]) == (
        303,
        "https://mypremierplans.com/settings?tab=crm&status=denied&code=ACCESS_DENIED",
    )
    assert await connections(vendor_hub) == []


async def test_back_to_where_the_customer_came_from(vendor_hub: Any, vendor: Vendor) -> None:
    begun = await authorize(vendor_hub, return_to="https://mypremierplans.com/settings")
    status, _, headers = await bring_back(vendor_hub, vendor.consent(begun.authorization_url), headers=PAGE)
    (stored,) = await connections(vendor_hub)
    place = f"https://mypremierplans.com/settings?status=connected&connection_id={stored['id']}"
    assert (status, headers["Location"]) == (303, place)


@pytest.mark.parametrize("mode", ["html", "truncated", "redirect", "huge", "error", "list", "hang", "status"])
async def test_a_vendor_that_gives_no_token_is_named_and_nothing_is_stored(
    vendor_hub: Any, vendor: Vendor, mode: str
) -> None:
    vendor.oauth_mode = mode
    given = vendor.consent((await authorize(vendor_hub)).authorization_url)
    status, text, _ = await bring_back(vendor_hub, given)
    assert (status, "EXCHANGE_FAILED" in text) == (400, True)
    expected = {
        "html": "HTML_ANSWER", "truncated": "CONNECTION_LOST", "redirect": "REDIRECT_REFUSED", "error": "weird",
        "huge": "ANSWER_TOO_LARGE", "list": "NOT_JSON", "hang": "TIMEOUT", "status": "HTTP_503",
    }  # fmt: skip
    assert expected[mode] in text
    assert given["code"] not in text
    assert CLIENT_SECRET not in text
    assert await connections(vendor_hub) == []


async def test_a_token_never_goes_to_a_host_that_is_not_the_vendors(vendor_hub: Any, vendor: Vendor) -> None:
    vendor.base_url = "http://localhost:1"
    _, text, _ = await bring_back(vendor_hub, vendor.consent((await authorize(vendor_hub)).authorization_url))
    assert "FOREIGN_HOST" in text
    assert [path for path, _ in vendor.calls] == ["token"]
    assert await connections(vendor_hub) == []


@pytest.mark.parametrize(("mode", "status"), [("html", "paused"), ("truncated", "paused"), ("hang", "paused")])
async def test_a_grant_is_kept_when_only_the_look_at_the_crm_fails(
    vendor_hub: Any, vendor: Vendor, mode: str, status: str
) -> None:
    vendor.me_mode = mode
    code, page, _ = await bring_back(
        vendor_hub, vendor.consent((await authorize(vendor_hub)).authorization_url), headers=PAGE
    )
    assert (code, "needs attention" in page) == (200, True)
    (stored,) = await connections(vendor_hub)
    assert stored["status"] == status
    assert stored["status_reason"]
    vendor.me_mode = "good"
    async with vendor_hub.client.post(f"/api/v1/external/connections/{stored['id']}/resume") as answer:
        assert told.Resumed.model_validate(await answer.json()).connection.status == "connected"
    await vendor_hub.received(1, CONNECTION_CONNECTED)


async def test_the_same_company_is_the_same_connection_and_another_is_not(vendor_hub: Any, vendor: Vendor) -> None:
    for _ in range(2):
        await bring_back(vendor_hub, vendor.consent((await authorize(vendor_hub)).authorization_url))
    (stored,) = await connections(vendor_hub)
    assert stored["grant_version"] == 2
    vendor.tenant = "org-2"
    given = vendor.consent((await authorize(vendor_hub, connection_id=stored["id"])).authorization_url)
    status, text, _ = await bring_back(vendor_hub, given)
    assert (status, "OTHER_TENANT" in text) == (409, True)
    assert vendor.calls[-1][0] == "revoke"
    await bring_back(vendor_hub, vendor.consent((await authorize(vendor_hub)).authorization_url))
    assert [(row["tenant"], row["name"]) for row in await connections(vendor_hub)] == [
        ("org-1", "Vendor"),
        ("org-2", "Vendor 2"),
    ]


async def test_reconnecting_a_connection_that_lost_its_grant(vendor_hub: Any, vendor: Vendor) -> None:
    await bring_back(vendor_hub, vendor.consent((await authorize(vendor_hub)).authorization_url))
    (stored,) = await connections(vendor_hub)
    vendor.access.clear()
    vendor.refresh.clear()
    address = f"/api/v1/external/connections/{stored['id']}"
    async with vendor_hub.client.post(f"{address}/test") as answer:
        tested = told.Tested.model_validate(await answer.json())
    assert (tested.status, tested.test.kind) == ("needs_reauth", "auth")
    async with vendor_hub.client.get("/api/v1/dashboard") as answer:
        assert "needs_reauth" in [each["status"] for each in (await answer.json())["connections"]]
    async with vendor_hub.client.post(f"{address}/reconnect", json={"redirect_uri": DESIGN["redirect_uri"]}) as answer:
        again = told.Reconnecting.model_validate(await answer.json()).authorization
    assert again
    assert (await bring_back(vendor_hub, vendor.consent(again.authorization_url)))[0] == 200
    (stored,) = await connections(vendor_hub)
    assert (stored["status"], stored["status_reason"]) == ("connected", None)


async def test_a_token_that_is_over_is_refreshed_once_however_many_ask(vendor_hub: Any, vendor: Vendor) -> None:
    await bring_back(vendor_hub, vendor.consent((await authorize(vendor_hub)).authorization_url))
    (stored,) = await connections(vendor_hub)
    vendor.access.clear()

    async def test() -> told.Tested:
        async with vendor_hub.client.post(f"/api/v1/external/connections/{stored['id']}/test") as answer:
            return told.Tested.model_validate(await answer.json())

    assert {each.test.ok for each in await asyncio.gather(*(test() for _ in range(5)))} == {True}
    grants = [form["grant_type"] for path, form in vendor.calls if path == "token"]
    assert grants == ["authorization_code", "refresh_token"]
    (renewed,) = await connections(vendor_hub)
    assert (renewed["grant_version"], renewed["updated_at"]) == (stored["grant_version"] + 1, stored["updated_at"])


async def test_disconnecting_revokes_and_erases(vendor_hub: Any, vendor: Vendor) -> None:
    await bring_back(vendor_hub, vendor.consent((await authorize(vendor_hub)).authorization_url))
    (stored,) = await connections(vendor_hub)
    address = f"/api/v1/external/connections/{stored['id']}"
    async with vendor_hub.client.delete(address) as answer:
        ended = told.Disconnected.model_validate(await answer.json())
    assert (ended.revoked, vendor.access, vendor.refresh) == (True, {}, {})
    (stored,) = await connections(vendor_hub)
    assert (stored["status"], stored["credentials"], stored["webhook_secret"]) == ("disconnected", None, None)
    await bring_back(vendor_hub, vendor.consent((await authorize(vendor_hub)).authorization_url))
    vendor.revoke_status = 500
    async with vendor_hub.client.delete(address) as answer:
        ended = told.Disconnected.model_validate(await answer.json())
    assert (ended.revoked, len(ended.problems)) == (False, 1)
    (stored,) = await connections(vendor_hub)
    assert (stored["status"], stored["credentials"]) == ("disconnected", None)


async def test_no_secret_gets_into_an_answer_a_page_an_event_or_the_log(
    vendor_hub: Any, vendor: Vendor, capfd: Any, caplog: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    said: list[str] = []
    for mode in ("good", "error", "html"):
        vendor.oauth_mode = vendor.me_mode = mode
        begun = await authorize(vendor_hub)
        said.append(begun.authorization_url)
        for headers in (PAGE, None):
            begun = await authorize(vendor_hub)
            said.append((await bring_back(vendor_hub, vendor.consent(begun.authorization_url), headers=headers))[1])
    vendor.oauth_mode, vendor.me_mode = "good", "error"
    await bring_back(vendor_hub, vendor.consent((await authorize(vendor_hub)).authorization_url))
    for address in ("/api/v1/external/connections", "/api/v1/crm/connections", "/api/v1/audit", "/api/v1/dashboard"):
        async with vendor_hub.client.get(address) as answer:
            said.append(await answer.text())
    stored = (await connections(vendor_hub))[0]
    for place in ("", "/test", "/resume"):
        call = vendor_hub.client.post if place else vendor_hub.client.get
        async with call(f"/api/v1/external/connections/{stored['id']}{place}") as answer:
            said.append(await answer.text())
    await vendor_hub.received(1, CONNECTION_CONNECTED)
    said += [str(event) for event in vendor_hub.events]
    said += [str([dict(row) for row in await connections(vendor_hub)]), caplog.text, *capfd.readouterr()]
    assert len(vendor.issued) > 8
    leaks = [secret for secret in [*vendor.issued, CLIENT_SECRET] for text in said if secret in text]
    assert leaks == []
