"""Who is let in, and what all refusals look like."""

import asyncio
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any

import aiohttp
import pytest

from gateway.routes import ROUTES
from gateway.web.models_out import ErrorAnswer

LEADS = "/api/v1/external/leads"
PLACES = {
    "run_id": "0193b3a0-0000-7000-8000-000000000000",
    "lead_id": "1",
    "import_id": "01a20bae-76bd-7497-b717-98f231600000",
    "event_id": "01a20bae-76bd-7497-b717-98f231600000",
    "subscription_id": "1",
    "crm_type": "custom",
    "connection_id": "1",
}


async def ask(hub: Any, key: str | None, address: str = LEADS, method: str = "GET") -> tuple[int, str]:
    """Status and error code, asked with that Authorization header."""
    headers = {} if key is None else {"Authorization": key}
    async with aiohttp.ClientSession(hub.url) as client, client.request(method, address, headers=headers) as answer:
        body = await answer.json()
        if answer.status < 400:
            return answer.status, ""
        return answer.status, ErrorAnswer.model_validate(body).error.code


@pytest.mark.parametrize("route", [route for route in ROUTES if route.scope], ids=lambda route: str(route.name))
async def test_every_route_wants_a_key_with_its_permission(hub: Any, route: Any) -> None:
    address = route.path.format_map(PLACES)
    for key in (
        None,
        "",
        "Bearer",
        "Basic abc",
        f"Bearer {hub.key[:-1]}x",
        "Bearer mpp_a_b",
        f"Bearer mpp_{'a' * 12}_{'b' * 43}",
    ):
        assert await ask(hub, key, address, route.method) == (401, "UNAUTHENTICATED"), key
    weak = await hub.add_key(["none:at-all"])
    assert await ask(hub, f"Bearer {weak}", address, route.method) == (403, "FORBIDDEN")


async def test_revoked_expired_and_far_away_keys(hub: Any) -> None:
    good = await hub.add_key(["leads:read"], expires_at=datetime.now(UTC) + timedelta(hours=1))
    assert await ask(hub, f"Bearer {good}") == (200, "")
    await hub.pool.execute("UPDATE control.api_key SET revoked_at = now() WHERE id = $1", good[4:16])
    await asyncio.sleep(0.3)
    assert await ask(hub, f"Bearer {good}") == (401, "UNAUTHENTICATED")
    expired = await hub.add_key(["leads:read"], expires_at=datetime.now(UTC))
    assert await ask(hub, f"Bearer {expired}") == (401, "UNAUTHENTICATED")
    elsewhere = await hub.add_key(["leads:read"], allowed_ips=[ip_network("192.0.2.0/24")])
    assert await ask(hub, f"Bearer {elsewhere}") == (403, "ADDRESS_NOT_ALLOWED")
    here = await hub.add_key(["leads:read"], allowed_ips=[ip_network("127.0.0.0/8")])
    assert await ask(hub, f"Bearer {here}") == (200, "")


async def test_a_rate_per_minute(hub: Any) -> None:
    key = await hub.add_key(["leads:read"], rate_per_minute=8)
    headers = {"Authorization": f"Bearer {key}"}
    statuses = []
    for _ in range(4):
        async with hub.client.get(LEADS, headers=headers) as answer:
            statuses.append(answer.status)
            told = answer.headers.get("Retry-After"), await answer.json()
    assert statuses == [200, 200, 429, 429]
    assert int(told[0] or 0) > 0
    assert told[1]["error"]["code"] == "RATE_LIMITED"
    assert told[1]["error"]["retry_after"]


async def test_addresses_and_methods_that_do_not_exist(hub: Any) -> None:
    assert await ask(hub, None, "/api/v2/nothing") == (404, "NOT_FOUND")
    assert await ask(hub, None, LEADS, "DELETE") == (405, "METHOD_NOT_ALLOWED")
    async with hub.client.put(LEADS) as answer:
        assert answer.headers["Allow"] == "GET"
    for path in ("/static/../settings.py", "/static/%2e%2e/settings.py", "/docs/..%2f..%2fcore.py"):
        async with hub.client.get(path) as answer:
            assert answer.status == 404


async def test_a_browsers_session_reads_and_never_writes(hub: Any) -> None:
    async with aiohttp.ClientSession(hub.url, cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
        async with browser.post("/session", json={"api_key": hub.key[:-1] + "_"}) as answer:
            assert answer.status == 401
        async with browser.post("/session", json={"api_key": hub.key}) as answer:
            assert answer.status == 200
            cookie = answer.cookies["hub_session"]
            assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Strict", "/")
            assert hub.key[17:] not in cookie.value
        async with browser.get("/api/v1/dashboard") as answer:
            assert answer.status == 200
        async with browser.post("/api/v1/leads", json={"email": "a@example.com"}) as answer:
            assert answer.status == 401
        await hub.pool.execute("UPDATE control.api_key SET revoked_at = now() WHERE id = $1", hub.key[4:16])
        await asyncio.sleep(0.3)
        async with browser.get("/api/v1/dashboard") as answer:
            assert answer.status == 401
        async with browser.delete("/session") as answer:
            assert answer.status == 204
        assert not list(browser.cookie_jar)


async def test_pages_come_with_a_strict_policy(hub: Any) -> None:
    for path, kind in (
        ("/", "text/html"),
        ("/docs", "text/html"),
        ("/docs/swagger-ui-bundle.js", "text/javascript"),
        ("/openapi.json", "application/json"),
    ):
        async with aiohttp.ClientSession(hub.url) as anybody, anybody.get(path) as answer:
            assert (answer.status, answer.content_type) == (200, kind)
            policy = answer.headers["Content-Security-Policy"]
            assert "script-src 'self';" in policy
            assert "default-src 'none'" in policy
            assert b"https://cdn" not in await answer.read()
