"""HubSpot's OAuth as the contract has it: requests out, answers in."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest

from hub.connectors.hubspot.oauth import HubSpotOAuth
from hub.contracts.failures import CrmFailure, FailureKind
from hub.contracts.grants import Grant, GrantDead, OAuthApp

APP = OAuthApp("client-1", "s3cret", {"app": "https://app.hubspot.com", "api": "https://api.hubapi.com"})
FLOW = HubSpotOAuth()
CONFIG = {"crm_type": "hubspot", "auth_type": "oauth2", "scopes": ["crm.objects.contacts.read"]}
GRANT = Grant("old-access", "refresh-1", 100.0, tenant="62515", scopes=("crm.objects.contacts.read",))


def test_the_consent_page() -> None:
    url = FLOW.authorize_url(APP, CONFIG, "https://hub.example/cb?x=1", "st&te", None)
    parts, query = urlsplit(url), parse_qs(urlsplit(url).query)
    assert (parts.netloc, parts.path) == ("app.hubspot.com", "/oauth/authorize")
    assert query["client_id"] == ["client-1"]
    assert query["redirect_uri"] == ["https://hub.example/cb?x=1"]
    assert query["scope"] == ["crm.objects.contacts.read"]
    assert query["state"] == ["st&te"]
    assert "crm.schemas.contacts.write" in query["optional_scope"][0].split(" ")
    assert "+" not in parts.query
    portal = FLOW.authorize_url(APP, CONFIG | {"portal_id": "62515", "optional_scopes": []}, "https://h/cb", "s", None)
    assert urlsplit(portal).path == "/oauth/62515/authorize"
    assert "optional_scope" not in portal


def test_token_calls_carry_the_credentials_in_the_body() -> None:
    exchange = FLOW.exchange(APP, CONFIG, "code-1", "https://h/cb", None)
    assert (exchange.method, exchange.url) == ("POST", "https://api.hubapi.com/oauth/2026-03/token")
    assert exchange.form == {
        "grant_type": "authorization_code",
        "code": "code-1",
        "redirect_uri": "https://h/cb",
        "client_id": "client-1",
        "client_secret": "s3cret",
    }
    refresh = FLOW.refresh(APP, CONFIG | {"oauth_version": "v3"}, GRANT)
    assert refresh.url == "https://api.hubapi.com/oauth/v3/token"
    assert (refresh.form["grant_type"], refresh.form["refresh_token"]) == ("refresh_token", "refresh-1")
    assert "s3cret" not in repr(refresh)


def test_revoking() -> None:
    (call,) = FLOW.revoke(APP, CONFIG, GRANT)
    assert call.url == "https://api.hubapi.com/oauth/2026-03/token/revoke"
    assert (call.form["token"], call.form["token_type_hint"]) == ("refresh-1", "refresh_token")
    (call,) = FLOW.revoke(APP, CONFIG | {"oauth_version": "v1"}, GRANT)
    assert (call.method, call.url) == ("DELETE", "https://api.hubapi.com/oauth/v1/refresh-tokens/refresh-1")
    assert FLOW.revoke(APP, CONFIG, Grant("only-access")) == ()


def read(document: Any, status: int = 200, before: Grant | None = None, **config: Any) -> Grant:
    body = document if isinstance(document, bytes) else orjson.dumps(document)
    return FLOW.read(APP, CONFIG | config, status, body, before, 1000.0)


def test_tokens_of_both_generations() -> None:
    old = {"access_token": "a", "refresh_token": "r", "expires_in": 1800, "token_type": "bearer"}
    assert read(old) == Grant("a", "r", 2800.0)
    new = old | {"token_use": "access", "hub_id": 62515, "user_id": 9, "scopes": ["oauth", "crm.objects.contacts.read"]}
    grant = read(new)
    assert (grant.tenant, grant.scopes) == ("62515", ("oauth", "crm.objects.contacts.read"))
    assert "'a'" not in repr(grant)


def test_a_refresh_keeps_what_the_answer_does_not_repeat() -> None:
    grant = read({"access_token": "b", "expires_in": 1800}, before=GRANT)
    assert (grant.access_token, grant.refresh_token, grant.tenant, grant.scopes) == (
        "b",
        "refresh-1",
        "62515",
        GRANT.scopes,
    )


@pytest.mark.parametrize(
    "document",
    [
        {"status": "BAD_REFRESH_TOKEN", "message": "missing or invalid refresh token"},
        {"status": "BAD_AUTH_CODE", "message": "missing or unknown auth code"},
        {"error": "invalid_grant", "error_description": "refresh token is invalid", "status": "BAD_REFRESH_TOKEN"},
        {"error": "invalid_grant"},
    ],
)
def test_a_dead_grant_is_told_in_both_languages(document: dict[str, str]) -> None:
    with pytest.raises(GrantDead):
        read(document, 400, GRANT)


@pytest.mark.parametrize(
    ("document", "status", "kind", "code"),
    [
        ({"status": "BAD_CLIENT_ID", "message": "m"}, 400, FailureKind.AUTH, "BAD_CLIENT_ID"),
        ({"message": "slow down"}, 429, FailureKind.RATE_LIMIT, "HTTP_429"),
        ({}, 503, FailureKind.SERVER, "HTTP_503"),
        (b"<html>", 502, FailureKind.SERVER, "HTML_ANSWER"),
        (b"<html>", 200, FailureKind.SERVER, "HTML_ANSWER"),
        (b'{"access_to', 200, FailureKind.SERVER, "NOT_JSON"),
        ({"expires_in": 5}, 200, FailureKind.SERVER, "NO_TOKEN"),
        ([], 200, FailureKind.SERVER, "NO_TOKEN"),
    ],
)
def test_other_failures_have_names(document: Any, status: int, kind: FailureKind, code: str) -> None:
    with pytest.raises(CrmFailure) as caught:
        read(document, status)
    assert (caught.value.kind, caught.value.error.code) == (kind, code)


@pytest.mark.parametrize(("before", "config"), [(None, {"portal_id": "1"}), (GRANT, {})])
def test_another_customers_portal_is_refused(before: Grant | None, config: dict[str, Any]) -> None:
    with pytest.raises(CrmFailure) as caught:
        read({"access_token": "a", "expires_in": 1800, "hub_id": 99}, before=before, **config)
    assert caught.value.error.code == "WRONG_PORTAL"
