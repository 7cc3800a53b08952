"""OAuth, budgets and faults of the simulated Pipedrive."""

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from simulators.kit.serving import Running
from simulators.pipedrive.app import running
from simulators.pipedrive.options import Options

from .rest import TOKEN

BASIC = {"Authorization": "Basic " + base64.b64encode(b"hub-client:hub-secret").decode()}
CALLBACK = "http://127.0.0.1:8000/callback"


@pytest.fixture
async def crm() -> AsyncIterator[Running]:
    """A company of the smallest plan."""
    async with running(Options(plan="lite", seats=1)) as crm:
        yield crm


@pytest.fixture
async def session(crm: Running) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of it."""
    async with aiohttp.ClientSession(crm.url) as session:
        yield session


async def consent(session: aiohttp.ClientSession, decision: str = "allow", **more: str) -> dict[str, str]:
    """The parameters that come back from the consent page."""
    form = {"client_id": "hub-client", "redirect_uri": CALLBACK, "state": "s 1", "decision": decision, **more}
    async with session.post("/oauth/authorize", data=form, allow_redirects=False) as answer:
        assert answer.status == 302
        return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


async def token(session: aiohttp.ClientSession, headers: Any = BASIC, path: str = "/oauth/token", **form: str) -> Any:
    """(status, body) of a token call."""
    async with session.post(path, data=form, headers=headers) as answer:
        return answer.status, await answer.json()


async def tokens(session: aiohttp.ClientSession) -> dict[str, Any]:
    """What a consent and its exchange give."""
    code = (await consent(session))["code"]
    status, body = await token(session, grant_type="authorization_code", code=code, redirect_uri=CALLBACK)
    assert status == 200
    return dict(body)


async def status_of(session: aiohttp.ClientSession, path: str, headers: Any) -> int:
    """The status of a GET."""
    async with session.get(path, headers=headers) as answer:
        return answer.status


async def test_consent_and_denial(session: aiohttp.ClientSession) -> None:
    async with session.get("/oauth/authorize", params={"client_id": "hub-client", "redirect_uri": CALLBACK}) as page:
        text = await page.text()
    assert 'id="allow"' in text
    assert 'id="deny"' in text
    assert await consent(session, "deny") == {"error": "user_denied", "state": "s 1"}
    stranger = {"client_id": "hub-client", "redirect_uri": "https://elsewhere.example.com/"}
    async with session.get("/oauth/authorize", params=stranger) as page:
        assert page.status == 400


async def test_a_page_cannot_be_injected_into(session: aiohttp.ClientSession) -> None:
    asked = {"client_id": "hub-client", "redirect_uri": CALLBACK, "state": '"><script>'}
    async with session.get("/oauth/authorize", params=asked) as page:
        assert "<script>" not in await page.text()


async def test_codes_are_for_once_and_for_five_minutes(crm: Running, session: aiohttp.ClientSession) -> None:
    code = (await consent(session))["code"]
    form = {"grant_type": "authorization_code", "redirect_uri": CALLBACK}
    assert (await token(session, code=code, grant_type="authorization_code", redirect_uri="http://127.0.0.1/x"))[
        0
    ] == 400
    assert (await token(session, code=code, **form))[1]["error"] == "invalid_grant"
    late = (await consent(session))["code"]
    crm.world.clock.advance(301)
    status, body = await token(session, code=late, **form)
    assert (status, body["message"]) == (400, "Invalid grant: authorization_code has expired")
    assert (await token(session, headers={}, code=late, **form))[0] == 401


async def test_refresh_keeps_or_rotates(crm: Running, session: aiohttp.ClientSession) -> None:
    given = await tokens(session)
    assert given["api_domain"] == crm.url
    bearer = {"Authorization": f"Bearer {given['access_token']}"}
    assert await status_of(session, "/api/v1/users/me", bearer) == 200
    crm.world.clock.advance(3600)
    assert await status_of(session, "/api/v1/users/me", bearer) == 401
    refresh = {"grant_type": "refresh_token", "refresh_token": given["refresh_token"]}
    _, same = await token(session, path="/oauth/token/", **refresh)
    assert same["refresh_token"] == given["refresh_token"]
    crm.world.grants.rotate = True
    _, other = await token(session, **refresh)
    assert other["refresh_token"] != given["refresh_token"]
    assert (await token(session, **refresh))[1]["error"] == "invalid_grant"
    crm.world.clock.advance(61 * 86_400)
    assert (await token(session, grant_type="refresh_token", refresh_token=other["refresh_token"]))[0] == 400


async def test_revoking_an_access_token_leaves_the_grant(session: aiohttp.ClientSession) -> None:
    given = await tokens(session)
    bearer = {"Authorization": f"Bearer {given['access_token']}"}
    assert (await token(session, path="/oauth/revoke", token=given["access_token"]))[0] == 200
    assert await status_of(session, "/api/v1/users/me", bearer) == 401
    status, fresh = await token(session, grant_type="refresh_token", refresh_token=given["refresh_token"])
    assert status == 200
    bearer = {"Authorization": f"Bearer {fresh['access_token']}"}
    async with session.post("/control/uninstall") as answer:
        assert (await answer.json())["uninstalled"] == ["hub-client"]
    assert await status_of(session, "/api/v1/users/me", bearer) == 401


async def test_scopes_are_enforced() -> None:
    async with running(Options(scopes="base,contacts:read")) as crm, aiohttp.ClientSession(crm.url) as session:
        bearer = {"Authorization": f"Bearer {(await tokens(session))['access_token']}"}
        assert await status_of(session, "/api/v2/persons", bearer) == 200
        async with session.get("/api/v2/deals", headers=bearer) as answer:
            assert (answer.status, (await answer.json())["error"]) == (403, "Scope and URL mismatch")
        async with session.post("/api/v2/persons", json={"name": "x"}, headers=bearer) as answer:
            assert answer.status == 403


async def test_the_burst_is_per_token_and_rolls(crm: Running, session: aiohttp.ClientSession) -> None:
    statuses = [await status_of(session, "/api/v2/persons/1", TOKEN) for _ in range(21)]
    assert statuses == [404] * 20 + [429]
    async with session.get("/api/v2/persons/1", headers=TOKEN) as answer:
        body, headers = await answer.json(), answer.headers
    assert (body["error"], body["errorCode"]) == ("request over limit", 429)
    assert (headers["x-ratelimit-limit"], headers["x-ratelimit-remaining"]) == ("20", "0")
    assert headers["x-ratelimit-reset"] in ("1", "2")
    assert "Retry-After" not in headers
    bearer = {"Authorization": f"Bearer {(await tokens(session))['access_token']}"}
    async with session.get("/api/v2/persons", headers=bearer) as answer:
        assert (answer.status, answer.headers["x-ratelimit-remaining"]) == (200, "79")
        assert "x-daily-requests-left" not in answer.headers
    crm.world.clock.advance(2.1)
    assert await status_of(session, "/api/v2/persons/1", TOKEN) == 404


async def test_a_day_costs_tokens_until_midnight(crm: Running, session: aiohttp.ClientSession) -> None:
    async with session.post("/control/clock", json={"now": "2026-03-01T12:00:00Z"}):
        pass
    await session.post("/control/limits", json={"daily_left": 30})
    costs = [("/api/v2/persons", 20), ("/api/v2/persons/1", 19), ("/api/v1/leads/x", 17)]
    for path, left in costs:
        async with session.get(path, headers=TOKEN) as answer:
            assert answer.headers["x-daily-requests-left"] == str(left)
    assert await status_of(session, "/api/v2/persons/search?term=abc", TOKEN) == 429
    crm.world.clock.advance(12 * 3600)
    assert await status_of(session, "/api/v2/persons/search?term=abc", TOKEN) == 200
    async with session.get("/control/calls") as answer:
        calls = await answer.json()
    assert (calls["total"], calls["refused"]) == (5, {"daily": 1})
    assert calls["windows"]["daily"]["peak"] == 20
    assert calls["api"]["GET /api/v2/persons/{id}"] == 1


async def test_searches_have_their_own_budget_and_stubbornness_is_banned(
    crm: Running, session: aiohttp.ClientSession
) -> None:
    await session.post("/control/limits", json={"burst": 100, "ban_after": 5})
    path = "/api/v2/persons/search?term=abc"
    statuses = [await status_of(session, path, TOKEN) for _ in range(16)]
    assert statuses == [200] * 10 + [429] * 5 + [403]
    async with session.get("/api/v2/persons", headers=TOKEN) as answer:
        assert (answer.status, answer.content_type) == (403, "text/html")
    crm.world.clock.advance(61)
    assert await status_of(session, path, TOKEN) == 200


async def test_faults_as_ordered(crm: Running, session: aiohttp.ClientSession) -> None:
    async def rules(*rules: dict[str, Any]) -> None:
        async with session.post("/control/faults", json={"rules": rules}) as answer:
            assert answer.status == 200

    person, match = {"name": "Ann"}, {"method": "POST", "path": "/persons$"}
    await rules({"match": match, "kind": "status", "status": 503, "body": {"success": False}, "times": 1})
    async with session.post("/api/v2/persons", json=person, headers=TOKEN) as answer:
        assert (answer.status, await answer.json()) == (503, {"success": False})
    for kind in ("lost_answer", "truncate"):  # both take effect
        await rules({"match": match, "kind": kind, "times": 1})
        with pytest.raises(aiohttp.ClientError):
            async with session.post("/api/v2/persons", json=person, headers=TOKEN) as answer:
                await answer.read()
    await rules({"match": match, "kind": "html", "times": 1}, {"match": match, "kind": "reset", "times": 1})
    with pytest.raises(aiohttp.ClientError):
        await session.post("/api/v2/persons", json=person, headers=TOKEN)
    async with session.post("/api/v2/persons", json=person, headers=TOKEN) as answer:
        assert (answer.status, answer.content_type) == (200, "text/html")
    assert [row["id"] for row in crm.world.records("persons", deleted=False)] == [1, 2]

    await rules({"kind": "expired_token", "times": 1}, {"kind": "ok_with_error", "times": 1, "skip": 0},
                {"match": {"path": "token$"}, "kind": "api_domain", "domain": "https://evil.example.com"})  # fmt: skip
    assert await status_of(session, "/api/v2/persons", TOKEN) == 401
    async with session.get("/api/v2/persons", headers=TOKEN) as answer:
        assert (answer.status, (await answer.json())["success"]) == (200, False)
    assert (await tokens(session))["api_domain"] == "https://evil.example.com"
    async with session.delete("/control/faults") as answer:
        assert (await answer.json())["rules"] == []
    async with session.post("/control/faults", json={"rules": [{"kind": "nonsense"}]}) as answer:
        assert answer.status == 422


async def test_records_can_be_read_whole_and_are_many(crm: Running, session: aiohttp.ClientSession) -> None:
    async with session.post("/control/seed", json={"object": "person", "count": 5000}) as answer:
        assert (await answer.json())["created"] == 5000
    await session.post("/control/delete", json={"object": "person", "ids": [1, 2]})
    async with session.post("/control/merge", json={"object": "person", "winner": 3, "losers": [4]}) as answer:
        assert len((await answer.json())["emails"]) == 2
    for query, count in (("", 4997), ("?deleted=true", 5000)):
        async with session.get(f"/control/records/persons{query}") as answer:
            assert len((await answer.text()).splitlines()) == count
    await session.post("/control/limits", json={"off": True})
    seen = 0
    cursor: str | None = ""
    started = asyncio.get_running_loop().time()
    while cursor is not None:
        path = f"/api/v2/persons?limit=500&sort_by=update_time&cursor={cursor}"
        async with session.get(path, headers=TOKEN) as answer:
            page = await answer.json()
        seen, cursor = seen + len(page["data"]), page["additional_data"]["next_cursor"]
    assert seen == 4997
    assert asyncio.get_running_loop().time() - started < 5
