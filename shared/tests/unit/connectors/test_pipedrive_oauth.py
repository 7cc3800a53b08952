"""Pipedrive's OAuth as the contract has it: requests out, answers in."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest

from hub.connectors.pipedrive.oauth import PipedriveOAuth
from hub.contracts.failures import CrmFailure, FailureKind
from hub.contracts.grants import Grant, GrantDead, OAuthApp

APP = OAuthApp("client-1", "s3cret", {"oauth": "https://oauth.pipedrive.com"}, (".pipedrive.com",))
FLOW = PipedriveOAuth()
CONFIG = {"crm_type": "pipedrive"}
GRANT = Grant("old-access", "refresh-1", 100.0, "https://acme.pipedrive.com", "123", ("base",))
ANSWER = {
    "access_token": "access-2", "token_type": "Bearer", "expires_in": 3599, "refresh_token": "refresh-2",
    "scope": "deals:full,contacts:full base", "api_domain": "https://acme.pipedrive.com",
}  # fmt: skip


def read(document: Any, status: int = 200, before: Grant | None = None) -> Grant:
    body = document if isinstance(document, bytes) else orjson.dumps(document)
    return FLOW.read(APP, CONFIG, status, body, before, 1000.0)


def test_the_consent_page() -> None:
    url = FLOW.authorize_url(APP, CONFIG, "https://hub.example/cb?x=1", "st&te", None)
    assert url.startswith("https://oauth.pipedrive.com/oauth/authorize?")
    assert parse_qs(urlsplit(url).query) == {
        "client_id": ["client-1"], "redirect_uri": ["https://hub.example/cb?x=1"], "state": ["st&te"],
    }  # fmt: skip
    assert not FLOW.pkce


def test_token_calls_prove_the_client_by_basic() -> None:
    exchange = FLOW.exchange(APP, CONFIG, "code-1", "https://h/cb", None)
    assert (exchange.url, exchange.basic) == ("https://oauth.pipedrive.com/oauth/token", ("client-1", "s3cret"))
    assert exchange.form == {"grant_type": "authorization_code", "code": "code-1", "redirect_uri": "https://h/cb"}
    assert FLOW.refresh(APP, CONFIG, GRANT).form == {"grant_type": "refresh_token", "refresh_token": "refresh-1"}
    (revoke,) = FLOW.revoke(APP, CONFIG, GRANT)
    assert revoke.form == {"token": "refresh-1", "token_type_hint": "refresh_token"}
    (revoke,) = FLOW.revoke(APP, CONFIG, Grant("only-access"))
    assert revoke.form["token_type_hint"] == "access_token"
    assert "s3cret" not in repr(exchange)
    with pytest.raises(GrantDead):
        FLOW.refresh(APP, CONFIG, Grant("only-access"))


def test_the_grant() -> None:
    grant = read(ANSWER)
    assert (grant.access_token, grant.refresh_token, grant.expires_at) == ("access-2", "refresh-2", 4599.0)
    assert (grant.base_url, grant.scopes) == ("https://acme.pipedrive.com", ("deals:full", "contacts:full", "base"))
    later = read({"access_token": "access-3", "expires_in": 10}, before=GRANT)
    assert (later.refresh_token, later.base_url, later.tenant) == ("refresh-1", GRANT.base_url, "123")
    assert later.scopes == ("base",)


@pytest.mark.parametrize(
    "address",
    ["https://evil.example", "http://acme.pipedrive.com", "https://acme.pipedrive.com.evil.example", "https://pipedrive.com@evil",
     "https://evilpipedrive.com", None, 5],
)  # fmt: skip
def test_a_foreign_host_gets_nothing(address: Any) -> None:
    with pytest.raises(CrmFailure) as refused:
        read(ANSWER | {"api_domain": address})
    assert (refused.value.kind, refused.value.error.code) == (FailureKind.AUTH, "FOREIGN_HOST")


@pytest.mark.parametrize(
    "document",
    [
        {"error": "invalid_grant", "error_description": "gone"},
        {"success": False, "error": "invalid_grant", "message": "gone"},
    ],
)
def test_a_dead_grant(document: Any) -> None:
    with pytest.raises(GrantDead):
        read(document, 400, GRANT)
    with pytest.raises(CrmFailure) as refused:
        read(document, 400)  # a wrong code kills nothing
    assert (refused.value.kind, refused.value.error.code) == (FailureKind.AUTH, "invalid_grant")


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (401, {"success": False, "error": "invalid_client"}, FailureKind.AUTH, "invalid_client"),
        (429, {"error": "slow down"}, FailureKind.RATE_LIMIT, "slow down"),
        (503, {"success": False}, FailureKind.SERVER, "HTTP_503"),
        (200, b"<html>", FailureKind.SERVER, "HTML_ANSWER"),
        (403, b"<html>", FailureKind.RATE_LIMIT, "HTML_ANSWER"),
        (200, b"[]", FailureKind.SERVER, "NOT_JSON"),
        (200, {"token_type": "Bearer"}, FailureKind.SERVER, "UNEXPECTED_ANSWER"),
        (200, {"success": False, "error": "invalid_request"}, FailureKind.AUTH, "invalid_request"),
    ],
)
def test_other_answers(status: int, body: Any, kind: FailureKind, code: str) -> None:
    with pytest.raises(CrmFailure) as refused:
        read(body, status, GRANT)
    assert (refused.value.kind, refused.value.error.code) == (kind, code)
