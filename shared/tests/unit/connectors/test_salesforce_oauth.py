"""Salesforce's OAuth: what is asked, and what the answers make of a grant."""

import base64
import hmac
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest

from hub.connectors.salesforce.oauth import SalesforceOAuth
from hub.contracts.failures import CrmFailure, FailureKind
from hub.contracts.grants import Grant, GrantDead, OAuthApp

APP = OAuthApp(
    "hub-client", "canary-secret", {"login": "https://login.salesforce.com"}, (".salesforce.com", ".force.com")
)
CONFIG = {"crm_type": "salesforce", "instance_url": "https://mycompany.salesforce.com"}
IDENTITY = "https://login.salesforce.com/id/00Dx0000000BV7zEAG/005x00000012Q9PAAU"
FLOW = SalesforceOAuth()
BEFORE = Grant("old", "refresh-1", None, "https://x.my.salesforce.com", "00Dx0000000BV7zEAG", ("api",))


def answer(**change: Any) -> bytes:
    document = {
        "access_token": "00Dx0000000BV7z!AR8AQ",
        "refresh_token": "5Aep8614iLM",
        "scope": "refresh_token api id",
        "instance_url": "https://x.my.salesforce.com",
        "id": IDENTITY,
        "token_type": "Bearer",
        "issued_at": "1278448384422",
    }
    document["signature"] = base64.b64encode(
        hmac.digest(b"canary-secret", f"{IDENTITY}1278448384422".encode(), "sha256")
    ).decode()
    return orjson.dumps({name: value for name, value in (document | change).items() if value is not None})


def read(body: bytes, status: int = 200, before: Grant | None = None) -> Grant:
    return FLOW.read(APP, CONFIG, status, body, before, 0.0)


def test_the_customer_is_sent_to_salesforce() -> None:
    url = urlsplit(FLOW.authorize_url(APP, CONFIG, "https://mpp.example/cb?x=1", "st&te", "challenge"))
    assert f"{url.scheme}://{url.netloc}{url.path}" == "https://login.salesforce.com/services/oauth2/authorize"
    assert {name: value for name, (value,) in parse_qs(url.query).items()} == {
        "response_type": "code",
        "client_id": "hub-client",
        "redirect_uri": "https://mpp.example/cb?x=1",
        "scope": "api refresh_token",
        "state": "st&te",
        "code_challenge": "challenge",
        "code_challenge_method": "S256",
    }


@pytest.mark.parametrize(
    ("config", "host"),
    [
        ({"login_url": "https://test.salesforce.com/"}, "https://test.salesforce.com"),
        ({"instance_url": "https://acme.my.salesforce.com"}, "https://acme.my.salesforce.com"),
        ({"instance_url": "https://na1.salesforce.com"}, "https://login.salesforce.com"),
        ({"instance_url": "http://acme.my.salesforce.com"}, "https://login.salesforce.com"),
        ({"instance_url": "https://acme.my.salesforce.com.evil.example"}, "https://login.salesforce.com"),
    ],
)
def test_an_org_may_have_its_own_login_page(config: dict[str, str], host: str) -> None:
    assert FLOW.authorize_url(APP, CONFIG | config, "https://r", "s", None).startswith(f"{host}/services/")
    assert FLOW.exchange(APP, CONFIG | config, "c", "https://r", None).url == f"{host}/services/oauth2/token"


def test_the_client_secret_goes_to_no_stranger() -> None:
    for stranger in ("https://evil.example", "https://evilsalesforce.com", "http://login.salesforce.com"):
        with pytest.raises(CrmFailure, match="FOREIGN_HOST"):
            FLOW.exchange(APP, CONFIG | {"login_url": stranger}, "c", "https://r", None)


def test_calls() -> None:
    call = FLOW.exchange(APP, CONFIG, "aPrx", "https://r", "verifier")
    assert (call.method, call.url, call.basic) == ("POST", "https://login.salesforce.com/services/oauth2/token", None)
    client = {"client_id": "hub-client", "client_secret": "canary-secret"}
    code = {"grant_type": "authorization_code", "code": "aPrx", "redirect_uri": "https://r"}
    assert call.form == code | client | {"code_verifier": "verifier"}
    assert FLOW.refresh(APP, CONFIG, BEFORE).form == client | {
        "grant_type": "refresh_token",
        "refresh_token": "refresh-1",
    }
    (revocation,) = FLOW.revoke(APP, CONFIG, BEFORE)
    assert (revocation.url, revocation.form) == (
        "https://login.salesforce.com/services/oauth2/revoke",
        {"token": "refresh-1"},
    )
    with pytest.raises(GrantDead):
        FLOW.refresh(APP, CONFIG, Grant("only"))


def test_a_grant() -> None:
    grant = read(answer())
    assert (grant.access_token, grant.refresh_token, grant.expires_at) == ("00Dx0000000BV7z!AR8AQ", "5Aep8614iLM", None)
    assert (grant.base_url, grant.tenant) == ("https://x.my.salesforce.com", "00Dx0000000BV7zEAG")
    assert grant.scopes == ("refresh_token", "api", "id")


def test_a_refresh_keeps_what_the_answer_leaves_out_and_takes_a_rotated_token() -> None:
    kept = read(answer(refresh_token=None, scope=None, instance_url=None), before=BEFORE)
    assert (kept.refresh_token, kept.base_url, kept.scopes) == ("refresh-1", "https://x.my.salesforce.com", ("api",))
    assert read(answer(refresh_token="rotated"), before=BEFORE).refresh_token == "rotated"


@pytest.mark.parametrize(
    "address",
    ["https://evil.example", "https://x.salesforce.com.evil.example", "http://x.my.salesforce.com", "", 5, None],
)
def test_an_instance_outside_salesforce_is_refused(address: Any) -> None:
    with pytest.raises(CrmFailure, match="FOREIGN_HOST") as caught:
        read(answer(instance_url=address))
    assert caught.value.kind is FailureKind.AUTH


@pytest.mark.parametrize("signature", ["AAAA", 5, "\u00e9"])
def test_a_forged_identity_is_refused(signature: Any) -> None:
    with pytest.raises(CrmFailure, match="BAD_SIGNATURE"):
        read(answer(signature=signature))
    assert read(answer(signature=None)).tenant == "00Dx0000000BV7zEAG"


@pytest.mark.parametrize("code", ["invalid_grant", "inactive_user", "inactive_org"])
def test_a_dead_grant_is_dead(code: str) -> None:
    body = orjson.dumps({"error": code, "error_description": "expired access/refresh token"})
    with pytest.raises(GrantDead, match="expired"):
        read(body, 400, BEFORE)
    with pytest.raises(CrmFailure) as caught:  # of a code: there is no grant yet
        read(body, 400)
    assert caught.value.kind is FailureKind.AUTH


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (400, b'{"error":"invalid_client"}', FailureKind.AUTH, "invalid_client"),
        (400, b'{"error":"invalid_grant","error_description":"token request is already being processed"}',
         FailureKind.SERVER, "invalid_grant"),
        (400, b'{"error":"rate_limit_exceeded"}', FailureKind.RATE_LIMIT, "rate_limit_exceeded"),
        (503, b'{"error":"x"}', FailureKind.SERVER, "x"),
        (503, b"<html>", FailureKind.SERVER, "HTML_ANSWER"),
        (200, b"<html>", FailureKind.SERVER, "HTML_ANSWER"),
        (200, b'{"access_token":"x', FailureKind.SERVER, "NOT_JSON"),
        (200, b"[]", FailureKind.SERVER, "NOT_JSON"),
        (200, b"{}", FailureKind.SERVER, "UNEXPECTED_ANSWER"),
    ],
)  # fmt: skip
def test_other_refusals_leave_the_grant_alive(status: int, body: bytes, kind: FailureKind, code: str) -> None:
    with pytest.raises(CrmFailure) as caught:
        read(body, status, BEFORE)
    assert (caught.value.kind, caught.value.error.code) == (kind, code)
