"""The way through consent: what is asked, what is stored, and every way in which a callback may be wrong."""

import asyncio
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from gateway.web import models_connections_out as told
from hub.contracts.events import CONNECTION_CONNECTED
from hub.contracts.grants import Grant
from hub.contracts.scopes import ROLES
from hub.grants import digest
from hub.testing.vendor import CLIENT_SECRET, Vendor
from hub.vault import Vault

from .browser import AUTHORIZE, CALLBACK, DESIGN, PAGE, authorize, bring_back, connections

SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}


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
