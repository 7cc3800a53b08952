"""What becomes of a grant: kept, renewed, given again, revoked; and told to nobody."""

import asyncio
import logging
from typing import Any

import pytest

from gateway.web import models_connections_out as told
from hub.contracts.events import CONNECTION_CONNECTED
from hub.testing.vendor import CLIENT_SECRET, Vendor

from .browser import DESIGN, PAGE, authorize, bring_back, connections


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
