"""The simulated HubSpot over plain HTTP: OAuth with its page, tokens, scopes, limits, faults, the control API."""

import asyncio
import re
import signal
import sys
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
import orjson
import pytest

from simulators.hubspot.app import running
from simulators.kit.oauth import challenge_of
from simulators.kit.serving import Running

from .rest import CONTACTS, PRIVATE, Call

BACK = "http://localhost:8000/callback"
OWN = {"client_id": "hub-client", "client_secret": "hub-secret"}
SCOPES = "oauth crm.objects.contacts.read crm.objects.contacts.write"


@pytest.fixture
async def crm() -> AsyncIterator[Running]:
    """An account with the usual limits."""
    async with running() as crm:
        yield crm


@pytest.fixture
async def call(crm: Running) -> AsyncIterator[Call]:
    """``await call(method, path, json)`` → (status, body, headers)."""
    async with aiohttp.ClientSession() as session:

        async def send(method: str, path: str, json: Any = None, **options: Any) -> tuple[int, Any, Any]:
            options.setdefault("headers", PRIVATE)
            async with session.request(method, crm.url + path, json=json, allow_redirects=False, **options) as answer:
                content = await answer.read()
                is_json = answer.content_type == "application/json"
                return answer.status, orjson.loads(content) if content and is_json else content, answer.headers

        yield send


async def agreed(call: Call, decision: str = "allow", path: str = "/oauth/authorize", **more: str) -> dict[str, str]:
    """What a person's decision sends back to the app."""
    asked = {"client_id": "hub-client", "redirect_uri": BACK, "scope": SCOPES, "state": "s1", **more}
    status, page, _ = await call("GET", f"{path}?{urlencode(asked)}")
    assert status == 200
    text = page.decode()
    assert 'id="allow"' in text
    assert 'id="deny"' in text
    assert "crm.objects.contacts.write" in text
    hidden = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', text))
    status, _, headers = await call("POST", path, data={**hidden, "decision": decision})
    assert status == 302
    assert headers["Location"].startswith(BACK + "?")
    return {name: values[0] for name, values in parse_qs(urlsplit(headers["Location"]).query).items()}


async def token_call(call: Call, generation: str = "v1", **form: str) -> tuple[int, Any]:
    status, body, _ = await call("POST", f"/oauth/{generation}/token", data={**OWN, **form}, headers={})
    return status, body


async def connected(call: Call, **more: str) -> Any:
    back = await agreed(call, **more)
    assert back["state"] == "s1"
    return (await token_call(call, grant_type="authorization_code", code=back["code"], redirect_uri=BACK))[1]


def bearer(token: str) -> dict[str, Any]:
    return {"headers": {"Authorization": f"Bearer {token}"}}


async def test_consent_and_denial(call: Call) -> None:
    tokens = await connected(call, optional_scope="crm.objects.deals.read")
    assert tokens["expires_in"] == 1800
    assert set(tokens) == {"access_token", "refresh_token", "expires_in", "token_type"}
    assert len(tokens["access_token"]) <= 512
    back = await agreed(call, "deny", path="/oauth/12345678/authorize")
    assert (back["error"], back["state"], "code" in back) == ("access_denied", "s1", False)
    for wrong in ({"client_id": "x"}, {"redirect_uri": "https://evil.example.com/"}):
        query = urlencode({"client_id": "hub-client", "redirect_uri": BACK, "scope": SCOPES, **wrong})
        status, page, headers = await call("GET", f"/oauth/authorize?{query}")
        assert (status, b"cannot be connected" in page, "Location" in headers) == (400, True, False)


@pytest.mark.parametrize("generation", ["v3", "2026-03", "2026-09"])
async def test_newer_token_endpoints(call: Call, generation: str) -> None:
    back = await agreed(call)
    form = {"grant_type": "authorization_code", "code": back["code"], "redirect_uri": BACK}
    _, tokens = await token_call(call, generation, **form)
    assert (tokens["hub_id"], tokens["scopes"], tokens["token_use"]) == (12345678, SCOPES.split(), "access_token")
    status, error = await token_call(call, generation, **form)
    assert (status, error["error"], error["status"]) == (400, "invalid_grant", "BAD_AUTH_CODE")
    status, error = await token_call(call, generation, grant_type="refresh_token", refresh_token="wrong")
    assert (status, error["status"]) == (400, "BAD_REFRESH_TOKEN")
    assert error["error_description"] == "refresh token is invalid, expired or revoked"

    async def about(token: str) -> Any:
        return (await call("POST", f"/oauth/{generation}/token/introspect", data={**OWN, "token": token}))[1]

    assert (await about(tokens["access_token"]))["hub_id"] == 12345678
    assert (await about(tokens["refresh_token"]))["token_use"] == "refresh_token"
    assert await about("wrong") == {"active": False}
    await call("POST", f"/oauth/{generation}/token/revoke", data={**OWN, "token": tokens["refresh_token"]})
    status, _ = await token_call(call, generation, grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert status == 400
    assert (await call("GET", CONTACTS, **bearer(tokens["access_token"])))[0] == 200  # lives until it expires


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"client_secret": "wrong"}, "BAD_CLIENT_SECRET"),
        ({"client_id": "wrong"}, "BAD_CLIENT_ID"),
        ({"redirect_uri": "http://localhost/other"}, "BAD_REDIRECT_URI"),
        ({"grant_type": "password"}, "BAD_GRANT_TYPE"),
        ({"code_verifier": "wrong"}, "BAD_CODE_VERIFIER"),
        ({}, None),
    ],
)
async def test_token_refusals(call: Call, form: dict[str, str], status: str | None) -> None:
    back = await agreed(call, code_challenge=challenge_of("v" * 43), code_challenge_method="S256")
    right = {"grant_type": "authorization_code", "code": back["code"], "redirect_uri": BACK, "code_verifier": "v" * 43}
    code, body = await token_call(call, **{**right, **form})
    assert (code, body.get("status")) == (400 if status else 200, status)


async def test_codes_grow_old(call: Call) -> None:
    back = await agreed(call)
    await call("POST", "/control/clock", {"advance": 301})
    form = {"grant_type": "authorization_code", "code": back["code"], "redirect_uri": BACK}
    assert (await token_call(call, **form))[1]["status"] == "BAD_AUTH_CODE"


async def test_access_tokens_grow_old(call: Call) -> None:
    tokens = await connected(call)
    assert (await call("GET", CONTACTS, **bearer(tokens["access_token"])))[0] == 200
    await call("POST", "/control/clock", {"advance": 1875})
    status, error, _ = await call("GET", CONTACTS, **bearer(tokens["access_token"]))
    assert (status, error["category"]) == (401, "EXPIRED_AUTHENTICATION")
    assert error["message"] == "The OAuth token used to make this call expired 75 second(s) ago."
    assert error["context"]["expire time"][0].endswith("Z")
    _, again = await token_call(call, grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert again["refresh_token"] == tokens["refresh_token"]
    assert (await call("GET", CONTACTS, **bearer(again["access_token"])))[0] == 200
    await call("POST", "/control/tokens", {"revoke": "all"})
    status, error, _ = await call("GET", CONTACTS, **bearer(again["access_token"]))
    assert (status, error["category"]) == (401, "INVALID_AUTHENTICATION")
    status, error = await token_call(call, grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert (status, error["status"]) == (400, "BAD_REFRESH_TOKEN")
    assert error["message"] == "missing or invalid refresh token"


@pytest.mark.parametrize("header", ["bearer pat-na1-hub", "pat-na1-hub", "Bearer ", "Basic x", None])
async def test_bearer_is_spelled_so(call: Call, header: str | None) -> None:
    status, error, _ = await call("GET", CONTACTS, headers={"Authorization": header} if header else {})
    assert (status, error["category"]) == (401, "INVALID_AUTHENTICATION")
    assert error["message"].startswith("Authentication credentials not found.")


async def test_scopes(call: Call) -> None:
    tokens = await connected(call)
    status, error, _ = await call("GET", "/crm/v3/owners", **bearer(tokens["access_token"]))
    assert (status, error["category"]) == (403, "MISSING_SCOPES")
    assert error["errors"][0]["context"]["requiredGranularScopes"] == ["crm.objects.owners.read"]
    assert (await call("GET", "/crm/v3/properties/contacts", **bearer(tokens["access_token"])))[0] == 200
    await call("POST", "/control/options", {"enforce_scopes": False})
    assert (await call("GET", "/crm/v3/owners", **bearer(tokens["access_token"])))[0] == 200


async def test_the_ten_second_limit_of_an_app(call: Call) -> None:
    token = bearer((await connected(call))["access_token"])
    for left in range(109, -1, -1):
        status, _, headers = await call("GET", f"{CONTACTS}?limit=1", **token)
        assert (status, headers["X-HubSpot-RateLimit-Remaining"]) == (200, str(left))
    assert headers["X-HubSpot-RateLimit-Max"] == "110"
    assert headers["X-HubSpot-RateLimit-Interval-Milliseconds"] == "10000"
    assert not [name for name in headers if "Daily" in name]
    status, error, headers = await call("GET", CONTACTS, **token)
    assert (status, error["policyName"], error["errorType"]) == (429, "TEN_SECONDLY_ROLLING", "RATE_LIMIT")
    assert error["message"] == "You have reached your ten_secondly_rolling limit."
    assert "Retry-After" not in headers
    await call("POST", "/control/limits", {"retry_after": 3})
    assert (await call("GET", CONTACTS, **token))[2]["Retry-After"] == "3"
    assert (await call("GET", CONTACTS))[0] == 200  # a private app has its own
    _, calls, _ = await call("GET", "/control/calls")
    assert calls["refused"] == {"TEN_SECONDLY_ROLLING": 2}
    assert calls["windows"]["burst:oauth:hub-client"]["peak"] == 110
    await call("POST", "/control/clock", {"advance": 11})
    assert (await call("GET", CONTACTS, **token))[0] == 200


async def test_the_day_of_private_apps(call: Call) -> None:
    await call("POST", "/control/limits", {"daily": 3})
    for left in (2, 1, 0):
        _, _, headers = await call("GET", CONTACTS)
        assert headers["X-HubSpot-RateLimit-Daily-Remaining"] == str(left)
    status, error, _ = await call("GET", CONTACTS)
    assert (status, error["policyName"], error["message"]) == (429, "DAILY", "You have reached your daily limit.")
    await call("POST", "/control/clock", {"advance": 86_400})
    status, usage, _ = await call("GET", "/account-info/v3/api-usage/daily/private-apps")
    assert (status, usage["results"][0]["currentUsage"]) == (200, 1)


async def test_five_searches_a_second(call: Call) -> None:
    answers = [await call("POST", f"{CONTACTS}/search", {}) for _ in range(6)]
    assert [status for status, _, _ in answers] == [200] * 5 + [429]
    assert answers[5][1]["policyName"] == "SECONDLY"
    assert answers[5][1]["message"] == "You have reached your secondly limit."
    for _, _, headers in answers:
        assert not [name for name in headers if "RateLimit" in name]
    await call("POST", "/control/clock", {"advance": 1.1})
    assert (await call("POST", f"{CONTACTS}/search", {}))[0] == 200


async def test_faults_of_hubspot_s_own(call: Call) -> None:
    async def strike(kind: str, **more: Any) -> None:
        await call("POST", "/control/faults", {"rules": [{"kind": kind, "times": 1, **more}]})

    for kind, status, told in (("expired_token", 401, "EXPIRED_AUTHENTICATION"), ("locked", 423, "LOCKED"),
                               ("revoked_token", 401, "INVALID_AUTHENTICATION")):  # fmt: skip
        await strike(kind)
        got, error, _ = await call("GET", CONTACTS)
        assert (got, error["category"]) == (status, told)
        assert (await call("GET", CONTACTS))[0] == 200
    await strike("migrating", seconds=7)
    status, _, headers = await call("GET", CONTACTS)
    assert (status, headers["Retry-After"]) == (477, "7")
    await strike("rate_limit", policy="DAILY")
    assert (await call("GET", CONTACTS))[1]["policyName"] == "DAILY"

    rows = {
        "inputs": [{"properties": {"email": f"p{each}@x.com"}, "objectWriteTraceId": str(each)} for each in range(3)]
    }
    await strike("row_error", category="INTERNAL_ERROR", match={"path": "batch"})
    status, body, _ = await call("POST", f"{CONTACTS}/batch/create", rows)
    assert (status, len(body["results"]), body["errors"][0]["category"]) == (207, 2, "INTERNAL_ERROR")
    await strike("batch_refused")
    assert (await call("POST", f"{CONTACTS}/batch/create", {"inputs": []}))[0] == 400
    await strike("lost_answer")
    with pytest.raises(aiohttp.ClientError):
        await call("POST", CONTACTS, {"properties": {"email": "lost@x.com"}})
    assert (await call("GET", f"{CONTACTS}/lost@x.com?idProperty=email"))[0] == 200


async def test_people_at_work(call: Call) -> None:
    _, seeded, _ = await call("POST", "/control/seed", {"object": "contacts", "count": 3})
    one, two, three = (str(int(seeded["first"]) + each) for each in range(3))
    own = {"properties": {"firstname": "Old"}, "createdAt": "2020-01-01T00:00:00Z", "updatedAt": "2021-01-01T00:00:00Z"}
    _, old, _ = await call("POST", "/control/seed", {"object": "contacts", "records": [own]})
    _, read, _ = await call("GET", f"{CONTACTS}/{old['first']}")
    assert (read["createdAt"], read["updatedAt"]) == ("2020-01-01T00:00:00.000Z", "2021-01-01T00:00:00.000Z")
    await call("POST", "/control/edit", {"object": "contacts", "edits": [
        {"id": one, "fields": {"city": "Austin"}}, {"id": old["first"], "fields": {"city": "Boston"}}]})  # fmt: skip
    _, read, _ = await call("GET", f"{CONTACTS}/{old['first']}")
    assert read["updatedAt"] > "2026"
    await call("POST", "/control/delete", {"object": "contacts", "id": two})
    await call("POST", "/control/merge", {"object": "contacts", "winner": one, "losers": [three]})
    _, content, _ = await call("GET", "/control/records/contacts?deleted=true")
    records = {each["id"]: each for each in map(orjson.loads, content.splitlines())}
    assert set(records) == {one, two, three, old["first"]}
    assert (records[two]["archived"], records[three]["mergedInto"]) == (True, one)
    assert records[one]["properties"]["city"] == "Austin"
    assert len((await call("GET", "/control/records/contacts"))[1].splitlines()) == 2
    await call("POST", "/control/restore", {"object": "contacts", "id": two})
    await call("POST", "/control/purge", {"object": "contacts", "id": old["first"]})
    assert len((await call("GET", "/control/records/contacts?deleted=true"))[1].splitlines()) == 3
    for path, wish, expected in (("edit", {"object": "contacts", "id": "1"}, 404), ("seed", {"object": "x"}, 400),
                                 ("options", {"nope": 1}, 422), ("limits", {"nope": 1}, 422)):  # fmt: skip
        assert (await call("POST", f"/control/{path}", wish))[0] == expected
    await call("POST", "/control/reset")
    assert (await call("GET", "/control/records/contacts?deleted=true"))[1] == b""
    assert (await call("GET", CONTACTS))[1] == {"results": []}


async def test_as_a_process() -> None:
    command = [sys.executable, "-m", "simulators.hubspot", "--port", "0", "--seed", "12"]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout
    url = (await process.stdout.readline()).decode().split()[-1]
    async with aiohttp.ClientSession(headers=PRIVATE) as session, session.get(url + CONTACTS) as answer:
        assert len((await answer.json())["results"]) == 10
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0
