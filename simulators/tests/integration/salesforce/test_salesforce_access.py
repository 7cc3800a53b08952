"""OAuth, sessions, limits and faults of the simulated Salesforce."""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from simulators.kit.oauth import challenge_of
from simulators.kit.serving import Running

CALLBACK = "http://127.0.0.1:8000/callback"
CLIENT = {"client_id": "hub-client", "client_secret": "hub-secret"}
LEADS = "/services/data/v60.0/query?q=SELECT+Id+FROM+Lead"


@pytest.fixture
async def http(crm: Running) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of it."""
    async with aiohttp.ClientSession(crm.url) as session:
        yield session


async def consent(http: aiohttp.ClientSession, decision: str = "allow", **more: str) -> dict[str, str]:
    """The parameters that come back from the consent page."""
    form = {"client_id": "hub-client", "redirect_uri": CALLBACK, "response_type": "code", "state": "s 1",
            "scope": "api refresh_token", "decision": decision, **more}  # fmt: skip
    async with http.post("/services/oauth2/authorize", data=form, allow_redirects=False) as answer:
        assert answer.status == 302
        return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


async def token(http: aiohttp.ClientSession, **form: str) -> tuple[int, Any]:
    """(status, body) of a token call."""
    async with http.post("/services/oauth2/token", data=CLIENT | form) as answer:
        return answer.status, await answer.json()


async def tokens(http: aiohttp.ClientSession, **more: str) -> dict[str, Any]:
    """What a consent and its exchange give."""
    code = (await consent(http, **more))["code"]
    status, body = await token(http, grant_type="authorization_code", code=code, redirect_uri=CALLBACK)
    assert status == 200
    return dict(body)


async def asked(http: aiohttp.ClientSession, access: str, path: str = LEADS) -> tuple[int, Any]:
    """(status, body) of a GET."""
    async with http.get(path, headers={"Authorization": f"Bearer {access}"}) as answer:
        return answer.status, await answer.json()


async def control(http: aiohttp.ClientSession, path: str, **wish: Any) -> Any:
    """What the control API answers."""
    async with http.post(f"/control/{path}", json=wish) as answer:
        assert answer.status < 300, await answer.text()
        return await answer.json()


async def test_the_consent_page(http: aiohttp.ClientSession) -> None:
    asking = {"client_id": "hub-client", "redirect_uri": CALLBACK, "response_type": "code", "scope": "api id"}
    async with http.get("/services/oauth2/authorize", params=asking) as answer:
        page = await answer.text()
        assert answer.status == 200
    assert 'id="allow"' in page
    assert 'id="deny"' in page
    async with http.get("/services/oauth2/authorize", params={**asking, "redirect_uri": "https://evil.example"}) as no:
        assert no.status == 400
    assert await consent(http, "deny") == {
        "error": "access_denied", "error_description": "end-user denied authorization", "state": "s 1"
    }  # fmt: skip


async def test_the_token_answer_is_salesforce_s(crm: Running, http: aiohttp.ClientSession) -> None:
    got = await tokens(http)
    assert "expires_in" not in got
    assert isinstance(got["issued_at"], str)
    assert got["issued_at"].isdigit()
    assert (got["instance_url"], got["token_type"]) == (crm.url, "Bearer")
    digest = hmac.new(b"hub-secret", (got["id"] + got["issued_at"]).encode(), hashlib.sha256).digest()
    assert got["signature"] == base64.b64encode(digest).decode()
    org, user = got["id"].split("/")[-2:]
    assert (len(org), org[:3], len(user), user[:3]) == (18, "00D", 18, "005")
    assert (await asked(http, got["access_token"]))[0] == 200
    async with http.get(urlsplit(got["id"]).path, headers={"Authorization": f"Bearer {got['access_token']}"}) as who:
        assert (await who.json())["organization_id"] == org
    status, fresh = await token(http, grant_type="refresh_token", refresh_token=got["refresh_token"])
    assert (status, "refresh_token" in fresh) == (200, False)
    assert (await asked(http, fresh["access_token"]))[0] == 200
    assert "refresh_token" not in await tokens(http, scope="api")


async def test_codes_serve_once_and_pkce_holds(http: aiohttp.ClientSession) -> None:
    verifier = "v" * 64
    redeem = {"grant_type": "authorization_code", "redirect_uri": CALLBACK}
    for method in ({}, {"code_challenge_method": "S256"}):
        code = (await consent(http, code_challenge=challenge_of(verifier), **method))["code"]
        assert (await token(http, **redeem, code=code, code_verifier=verifier))[0] == 200
        again = await token(http, **redeem, code=code, code_verifier=verifier)
        assert (again[0], again[1]["error"]) == (400, "invalid_grant")
    for wrong, error in (({"code_verifier": "w" * 64}, "invalid_request"), ({}, "invalid_grant")):
        code = (await consent(http, code_challenge=challenge_of(verifier)))["code"]
        assert (await token(http, **redeem, code=code, **wrong))[1]["error"] == error
    code = (await consent(http))["code"]
    assert (await token(http, **{**redeem, "redirect_uri": CALLBACK + "2"}, code=code))[1]["error"] == (
        "redirect_uri_mismatch"
    )  # fmt: skip
    code = (await consent(http))["code"]
    await control(http, "clock", advance=3600)
    assert await token(http, **redeem, code=code) == (
        400, {"error": "invalid_grant", "error_description": "expired authorization code"}
    )  # fmt: skip


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "magic"}, "unsupported_grant_type"),
        ({"grant_type": "refresh_token", "refresh_token": "x"}, "invalid_grant"),
        ({"grant_type": "refresh_token", "client_id": "nobody"}, "invalid_client_id"),
        ({"grant_type": "refresh_token", "client_secret": "wrong"}, "invalid_client"),
    ],
)
async def test_token_refusals(http: aiohttp.ClientSession, form: dict[str, str], error: str) -> None:
    status, body = await token(http, **form)
    assert (status, body["error"]) == (400, error)
    assert set(body) == {"error", "error_description"}


async def test_client_by_basic_and_chunked_forms(http: aiohttp.ClientSession) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"grant_type=client_"
        yield b"credentials"

    basic = "Basic " + base64.b64encode(b"hub-client:hub-secret").decode()
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Authorization": basic}
    async with http.post("/services/oauth2/token", data=chunks(), headers=headers) as answer:
        assert answer.status == 200
        assert "refresh_token" not in await answer.json()
    async with http.post("/services/oauth2/token?", data={**CLIENT, "grant_type": "client_credentials",
                                                          "format": "urlencoded"}) as answer:  # fmt: skip
        assert "access_token" in parse_qs(await answer.text())


async def test_rotation_and_revocation(http: aiohttp.ClientSession) -> None:
    await control(http, "oauth", rotate=True)
    got = await tokens(http)
    _, fresh = await token(http, grant_type="refresh_token", refresh_token=got["refresh_token"])
    assert fresh["refresh_token"] != got["refresh_token"]
    assert (await token(http, grant_type="refresh_token", refresh_token=got["refresh_token"]))[0] == 400
    async with http.post("/services/oauth2/revoke", data={"token": fresh["refresh_token"]}) as answer:
        assert (answer.status, await answer.read()) == (200, b"")
    assert await asked(http, fresh["access_token"]) == (
        401, [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]
    )  # fmt: skip
    async with http.post("/services/oauth2/revoke", data={"token": "nothing"}) as answer:
        assert (answer.status, (await answer.json())["error"]) == (400, "invalid_token")


async def test_sessions_slide_and_end(http: aiohttp.ClientSession) -> None:
    access = (await tokens(http))["access_token"]
    for _ in range(3):
        await control(http, "clock", advance=7000)
        assert (await asked(http, access))[0] == 200
    await control(http, "clock", advance=7300)
    assert (await asked(http, access))[0] == 401
    async with http.get(LEADS) as answer:
        assert answer.status == 401


async def test_limits(crm: Running, http: aiohttp.ClientSession) -> None:
    access = (await tokens(http))["access_token"]
    headers = {"Authorization": f"Bearer {access}"}
    await control(http, "limits", daily=3)
    for used in (1, 2, 3):
        async with http.get(LEADS, headers=headers) as answer:
            assert answer.headers["Sforce-Limit-Info"] == f"api-usage={used}/3"
    async with http.get(LEADS, headers=headers) as answer:
        assert (answer.status, (await answer.json())[0]) == (
            403, {"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}
        )  # fmt: skip
        assert "Retry-After" not in answer.headers
    async with http.get("/services/data/") as answer:
        assert answer.status == 200
        assert "Sforce-Limit-Info" not in answer.headers
        assert {"label": "Spring '26", "url": "/services/data/v66.0", "version": "66.0"} in await answer.json()
    async with http.get("/control/calls") as answer:
        calls = await answer.json()
    assert (calls["refused"], calls["windows"]["daily"]["peak"]) == ({"daily": 1}, 3)
    await control(http, "clock", advance=86_400)
    access = (await tokens(http))["access_token"]
    assert (await asked(http, access))[0] == 200


async def test_long_calls_at_once(http: aiohttp.ClientSession) -> None:
    access = (await tokens(http))["access_token"]
    await control(http, "limits", concurrent=2, long_seconds=0.05)
    await control(http, "faults", rules=[{"match": {"path": "/query"}, "kind": "slow", "seconds": 0.4, "times": 2}])
    async with asyncio.TaskGroup() as group:
        slow = [group.create_task(asked(http, access)) for _ in range(2)]
        await asyncio.sleep(0.15)
        status, body = await asked(http, access)
    assert (status, body[0]["errorCode"], [each.result()[0] for each in slow]) == (
        403, "REQUEST_LIMIT_EXCEEDED", [200, 200]
    )  # fmt: skip


async def test_faults(crm: Running, http: aiohttp.ClientSession) -> None:
    access = (await tokens(http))["access_token"]
    headers = {"Authorization": f"Bearer {access}"}
    for kind, status, code in (
        ("expired_session", 401, "INVALID_SESSION_ID"), ("request_limit", 403, "REQUEST_LIMIT_EXCEEDED"),
        ("server_unavailable", 503, "SERVER_UNAVAILABLE"),
    ):  # fmt: skip
        await control(http, "faults", rules=[{"kind": kind, "times": 1}])
        got, body = await asked(http, access)
        assert (got, body[0]["errorCode"]) == (status, code)
        assert (await asked(http, access))[0] == 200
    await control(http, "faults", rules=[{"match": {"method": "POST"}, "kind": "lost_answer", "times": 1}])
    with pytest.raises(aiohttp.ClientError):
        await http.post("/services/data/v60.0/sobjects/Lead", json={"LastName": "A", "Company": "B"}, headers=headers)
    assert (await asked(http, access))[1]["totalSize"] == 1
    await control(http, "faults", rules=[{"kind": "wrong_instance_url", "times": 1}, {"kind": "html", "times": 1,
                                          "match": {"path": "/query"}}])  # fmt: skip
    assert (await tokens(http))["instance_url"].startswith("https://login.salesforce.example")
    async with http.get(LEADS, headers=headers) as answer:
        assert answer.content_type == "text/html"
    await control(http, "faults", rules=[{"kind": "revoked_grant", "times": 1}])
    assert (await token(http, grant_type="refresh_token", refresh_token="x"))[1]["error"] == "invalid_grant"
    async with http.post("/control/faults", json={"rules": [{"kind": "weird"}]}) as answer:
        assert answer.status == 422
