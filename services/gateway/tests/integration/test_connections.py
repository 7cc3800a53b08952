"""Connections with an API key: what is stored, what is refused, and what may be done with them."""

import json
from typing import Any

import pytest

from gateway.web import models_connections_out as told
from hub.contracts.events import CONNECTION_CONNECTED
from hub.contracts.scopes import ROLES
from hub.testing.vendor import Vendor
from hub.vault import Vault

ADDRESS = "/api/v1/external/connections"
CUSTOM = {
    "crm_type": "custom",
    "auth_type": "api_key",
    "base_url": "https://api.customcrm.com/v2",
    "endpoints": {"get_leads": "/leads", "create_lead": "/leads", "update_lead": "/leads/{id}"},
}
KEY = "canary-api-key"
BODY = {"name": "Main", "crm_type": "custom", "config": CUSTOM, "credentials": KEY, "test": False}


async def added(hub: Any, **change: Any) -> told.Connected:
    async with hub.client.post(ADDRESS, json=BODY | change) as answer:
        assert answer.status == 201, await answer.text()
        return told.Connected.model_validate(await answer.json())


async def vendor_key(hub: Any, vendor: Vendor, **change: Any) -> told.Connected:
    """A connection to the vendor with an API key that it accepts."""
    key = vendor.grant()["access_token"]
    body = {
        "name": "Key",
        "crm_type": "salesforce",
        "config": {"base_url": vendor.url},
        "credentials": key,
        "test": True,
    }
    return await added(hub, **body | change)


async def row(hub: Any, connection_id: int) -> Any:
    return await hub.pool.fetchrow("SELECT * FROM control.connection WHERE id = $1", connection_id)


async def test_a_connection_is_sealed_announced_and_shown_without_its_secrets(hub: Any) -> None:
    done = await added(hub)
    connection = done.connection
    assert (connection.status, connection.name, connection.config) == ("connected", "Main", CUSTOM)
    assert connection.webhook_url == f"{hub.url}/api/v1/webhooks/crm/custom/{connection.id}"
    stored, vault = await row(hub, connection.id), Vault(hub.pool, hub.keyring)
    place = f"connection:{connection.id}"
    assert await vault.open(hub.account_id, f"{place}:credentials", stored["credentials"]) == KEY.encode()
    secret = await vault.open(hub.account_id, f"{place}:webhook_secret", stored["webhook_secret"])
    assert secret.decode() == done.webhook_secret
    (event,) = await hub.received(1, CONNECTION_CONNECTED)
    assert (event.data["connection_id"], event.data["crm_type"]) == (connection.id, "custom")
    for address in (ADDRESS, f"{ADDRESS}/{connection.id}", "/api/v1/crm/connections"):
        async with hub.client.get(address) as answer:
            text = await answer.text()
        assert KEY not in text
        assert secret.decode() not in text
    async with hub.client.get(f"{ADDRESS}/{connection.id}") as answer:
        detail = told.CrmConnectionDetail.model_validate(await answer.json())
    assert (detail.linked, detail.budgets, detail.drift) == (0, [], [])


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"config": CUSTOM | {"endpoints": {"update_lead": "/leads"}}}, 422, "config.endpoints.update_lead"),
        ({"config": CUSTOM | {"base_url": "ftp://x"}}, 422, "config.base_url"),
        ({"config": {}}, 422, "config.base_url"),
        ({"config": CUSTOM | {"crm_type": "hubspot"}}, 422, "config.crm_type"),
        ({"config": CUSTOM | {"auth_type": "oauth2"}}, 422, "config.auth_type"),
        ({"config": CUSTOM | {"schedule": "61 * * * *"}}, 422, "config.schedule"),
        ({"config": CUSTOM | {"x": "a\u0000b"}}, 422, "config"),
        ({"crm_type": "nonesuch"}, 422, "crm_type"),
        ({"credentials": ""}, 422, "credentials"),
        ({"webhook_secret": "short"}, 422, "webhook_secret"),
        ({"webhook_mode": "none"}, 422, "webhook_mode"),
        ({"surprise": 1}, 422, "surprise"),
    ],
)
async def test_a_bad_configuration_names_its_line(hub: Any, change: Any, status: int, field: str) -> None:
    async with hub.client.post(ADDRESS, json=BODY | change) as answer:
        error = (await answer.json())["error"]
    assert (answer.status, error["details"]["field"]) == (status, field)
    assert await hub.pool.fetchval("SELECT count(*) FROM control.connection") == 1


async def test_the_line_of_the_body_is_told(hub: Any) -> None:
    text = json.dumps(BODY | {"config": CUSTOM | {"endpoints": {"update_lead": "/leads"}}}, indent=1)
    async with hub.client.post(ADDRESS, data=text, headers={"Content-Type": "application/json"}) as answer:
        error = (await answer.json())["error"]
    assert "update_lead" in text.split("\n")[error["details"]["line"] - 1]


async def test_a_name_is_taken_once(hub: Any) -> None:
    await added(hub)
    async with hub.client.post(ADDRESS, json=BODY) as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (409, "NAME_TAKEN")
    unnamed = [(await added(hub, name=None)).connection.name for _ in range(3)]
    assert len(set(unnamed)) == 3


async def test_what_the_crm_refuses_is_not_stored(vendor_hub: Any, vendor: Vendor) -> None:
    config = {"base_url": vendor.url}
    body = BODY | {"crm_type": "salesforce", "config": config, "test": True}
    for mode, code in (
        ("good", "HTTP_401"),
        ("html", "HTML_ANSWER"),
        ("hang", "TIMEOUT"),
        ("redirect", "REDIRECT_REFUSED"),
    ):
        vendor.me_mode = mode
        async with vendor_hub.client.post(ADDRESS, json=body) as answer:
            text = await answer.text()
            error = (await answer.json())["error"]
        assert (answer.status, error["code"], error["details"]["crm_error"]) == (422, "CONNECTION_TEST_FAILED", code)
        assert KEY not in text
    async with vendor_hub.client.post(
        ADDRESS, json=body | {"config": {"base_url": "http://169.254.169.254"}}
    ) as answer:
        assert (await answer.json())["error"]["details"]["crm_error"] == "ADDRESS_REFUSED"
    assert await vendor_hub.pool.fetchval("SELECT count(*) FROM control.connection") == 1
    vendor.me_mode = "good"
    done = await vendor_key(vendor_hub, vendor)
    assert (done.connection.tenant, done.test and done.test.account) == ("org-1", "Acme")


async def test_pause_resume_and_credentials_that_died(vendor_hub: Any, vendor: Vendor) -> None:
    connection = (await vendor_key(vendor_hub, vendor)).connection
    address = f"{ADDRESS}/{connection.id}"
    async with vendor_hub.client.post(f"{address}/pause") as answer:
        assert told.CrmConnection.model_validate(await answer.json()).status == "paused"
    async with vendor_hub.client.post(f"{address}/resume") as answer:
        assert told.Resumed.model_validate(await answer.json()).connection.status == "connected"
    await vendor_hub.received(2, CONNECTION_CONNECTED)
    vendor.access.clear()
    async with vendor_hub.client.post(f"{address}/pause"):
        pass
    async with vendor_hub.client.post(f"{address}/resume") as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (422, "CONNECTION_TEST_FAILED")
    stored = await row(vendor_hub, connection.id)
    assert stored["status"] == "needs_reauth"
    assert "HTTP_401" in stored["status_reason"]
    async with vendor_hub.client.post(f"{address}/reconnect", json={"credentials": "wrong"}) as answer:
        assert answer.status == 422
    vendor_other = vendor.grant("org-9")["access_token"]
    async with vendor_hub.client.post(f"{address}/reconnect", json={"credentials": vendor_other}) as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (409, "OTHER_TENANT")
    good = vendor.grant()["access_token"]
    async with vendor_hub.client.post(f"{address}/reconnect", json={"credentials": good}) as answer:
        again = told.Reconnecting.model_validate(await answer.json())
    assert again.connection
    assert (again.connection.status, again.webhook_secret) == ("connected", None)
    await vendor_hub.received(3, CONNECTION_CONNECTED)


async def test_a_crm_that_is_away_does_not_stop_a_resume(vendor_hub: Any, vendor: Vendor) -> None:
    connection = (await vendor_key(vendor_hub, vendor)).connection
    vendor.me_mode = "status"
    async with vendor_hub.client.post(f"{ADDRESS}/{connection.id}/pause"):
        pass
    async with vendor_hub.client.post(f"{ADDRESS}/{connection.id}/resume") as answer:
        resumed = told.Resumed.model_validate(await answer.json())
    assert resumed.connection.status == "connected"
    assert resumed.test
    assert (resumed.test.ok, resumed.test.kind) == (False, "server")


async def test_changing_one_thing_leaves_the_rest(vendor_hub: Any, vendor: Vendor) -> None:
    connection = (await vendor_key(vendor_hub, vendor)).connection
    address = f"{ADDRESS}/{connection.id}"
    assert connection.next_run_at, "it is read soon, even if nobody hears of it"
    async with vendor_hub.client.patch(address, json={"schedule": "30 6 * * *"}) as answer:
        changed = told.CrmConnection.model_validate(await answer.json())
    assert (changed.schedule, changed.config["base_url"]) == ("30 6 * * *", vendor.url)
    assert changed.next_run_at
    assert changed.next_run_at[10:17] == "T06:30:"
    async with vendor_hub.client.patch(
        address, json={"config": {"base_url": vendor.url, "x": 1}, "name": "N"}
    ) as answer:
        changed = told.CrmConnection.model_validate(await answer.json())
    assert (changed.name, changed.schedule, changed.config["x"]) == ("N", "30 6 * * *", 1)
    async with vendor_hub.client.patch(address, json={"schedule": "manual"}) as answer:
        assert told.CrmConnection.model_validate(await answer.json()).next_run_at is None
    for body, field in (({"schedule": "often"}, "schedule"), ({"config": {"wrong": 1}}, "config.wrong")):
        async with vendor_hub.client.patch(address, json=body) as answer:
            assert (await answer.json())["error"]["details"]["field"] == field
    before = (await row(vendor_hub, connection.id))["grant_version"]
    new_key = vendor.grant()["access_token"]
    async with vendor_hub.client.patch(address, json={"credentials": new_key}) as answer:
        assert told.CrmConnection.model_validate(await answer.json()).status == "connected"
    assert (await row(vendor_hub, connection.id))["grant_version"] == before + 1


async def test_a_disconnected_connection_comes_back_as_itself(vendor_hub: Any, vendor: Vendor) -> None:
    connection = (await vendor_key(vendor_hub, vendor)).connection
    address = f"{ADDRESS}/{connection.id}"
    async with vendor_hub.client.delete(address) as answer:
        assert told.Disconnected.model_validate(await answer.json()).revoked is None
    async with vendor_hub.client.get(ADDRESS) as answer:
        assert connection.id not in [each["id"] for each in (await answer.json())["connections"]]
    async with vendor_hub.client.get(ADDRESS, params={"disconnected": "true"}) as answer:
        assert connection.id in [each["id"] for each in (await answer.json())["connections"]]
    for call in ("pause", "resume", "test"):
        async with vendor_hub.client.post(f"{address}/{call}") as answer:
            assert (answer.status, (await answer.json())["error"]["code"]) == (409, "DISCONNECTED")
    key = vendor.grant()["access_token"]
    async with vendor_hub.client.post(f"{address}/reconnect", json={"credentials": key}) as answer:
        again = told.Reconnecting.model_validate(await answer.json())
    assert again.connection
    assert again.connection.status == "connected"
    assert again.webhook_secret


async def test_a_new_webhook_secret_is_used_at_once(hub: Any) -> None:
    from_answer = await added(hub)
    address = f"{ADDRESS}/{from_answer.connection.id}/webhook-secret"
    async with hub.client.post(address, json={}) as answer:
        new = told.NewWebhookSecret.model_validate(await answer.json())
    assert new.webhook_secret != from_answer.webhook_secret
    async with hub.client.post(address, json={"secret": "one of my own choice"}) as answer:
        assert told.NewWebhookSecret.model_validate(await answer.json()).webhook_secret == "one of my own choice"


async def test_other_accounts_see_and_touch_nothing(hub: Any) -> None:
    connection = (await added(hub)).connection
    stranger = await hub.pool.fetchval("INSERT INTO control.account (name) VALUES ('other') RETURNING id")
    headers = {"Authorization": f"Bearer {await hub.add_key(ROLES['admin'], stranger)}"}
    async with hub.client.get(ADDRESS, headers=headers) as answer:
        assert await answer.json() == {"connections": []}
    address = f"{ADDRESS}/{connection.id}"
    calls = [
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("POST", "/sync"),
        ("GET", "/runs"),
        ("POST", "/webhook-secret"),
    ]
    calls += [("POST", f"/{name}") for name in ("pause", "resume", "test", "reconnect")]
    for method, place in calls:
        async with hub.client.request(method, address + place, headers=headers, json={}) as answer:
            assert answer.status == 404, (method, place)
    assert (await row(hub, connection.id))["status"] == "connected"


async def test_what_was_left_pending_is_announced_by_the_sweep(hub: Any) -> None:
    connection = (await added(hub)).connection
    await hub.received(1, CONNECTION_CONNECTED)
    await hub.pool.execute(
        "UPDATE control.connection SET status = 'pending', updated_at = now() - interval '1 hour' WHERE id = $1",
        connection.id,
    )
    events = await hub.until(lambda: _two(hub), seconds=15)
    assert events[1].data["actor"]["user"] == "system"
    assert (await row(hub, connection.id))["status"] == "connected"


async def _two(hub: Any) -> Any:
    found = [event for event in hub.events if event.type == CONNECTION_CONNECTED]
    return found if len(found) > 1 else None
