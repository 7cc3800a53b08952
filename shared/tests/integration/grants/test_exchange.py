"""Calls to an OAuth server that behaves, and to one that does not; nothing secret comes out in what is said of them."""

from collections.abc import AsyncIterator

import pytest

from hub.contracts.failures import CrmFailure, FailureKind
from hub.contracts.grants import Grant, GrantDead, OAuthApp, TokenCall
from hub.egress import EgressPolicy
from hub.grants import OAuthServers
from hub.testing.vendor import CLIENT_ID, CLIENT_SECRET, Vendor, VendorFlow, running_vendor

FLOW = VendorFlow()


@pytest.fixture
async def vendor() -> AsyncIterator[Vendor]:
    async with running_vendor() as vendor:
        yield vendor


@pytest.fixture
async def servers() -> AsyncIterator[OAuthServers]:
    servers = OAuthServers(EgressPolicy.read("127.0.0.0/8"), timeout=1.0, clock=lambda: 1000.0)
    yield servers
    await servers.close()


@pytest.fixture
def app(vendor: Vendor) -> OAuthApp:
    return OAuthApp(CLIENT_ID, CLIENT_SECRET, {"login": vendor.url}, ("127.0.0.1",))


async def test_code_for_tokens_and_tokens_anew(servers: OAuthServers, vendor: Vendor, app: OAuthApp) -> None:
    url = FLOW.authorize_url(app, {}, "https://x.test/back", "state", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
    code = vendor.consent(url)["code"]
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    grant = await servers.granted(FLOW, app, {}, FLOW.exchange(app, {}, code, "https://x.test/back", verifier))
    assert (grant.expires_at, grant.tenant, grant.base_url) == (4600.0, "org-1", vendor.url)
    again = await servers.granted(FLOW, app, {}, FLOW.refresh(app, {}, grant), grant)
    assert again.access_token != grant.access_token
    with pytest.raises(GrantDead) as dead:
        await servers.granted(FLOW, app, {}, FLOW.refresh(app, {}, grant), grant)
    assert str(grant.refresh_token) not in str(dead.value)


@pytest.mark.parametrize(
    ("mode", "code", "kind"),
    [
        ("html", "HTML_ANSWER", FailureKind.SERVER),
        ("truncated", "CONNECTION_LOST", FailureKind.NETWORK),
        ("redirect", "REDIRECT_REFUSED", FailureKind.SERVER),
        ("huge", "ANSWER_TOO_LARGE", FailureKind.SERVER),
        ("list", "NOT_JSON", FailureKind.SERVER),
        ("hang", "TIMEOUT", FailureKind.NETWORK),
        ("status", "HTTP_503", FailureKind.SERVER),
        ("error", "weird", FailureKind.AUTH),
    ],
)
async def test_what_went_wrong_has_a_name_and_no_secret(
    servers: OAuthServers, vendor: Vendor, app: OAuthApp, mode: str, code: str, kind: FailureKind
) -> None:
    vendor.oauth_mode = mode
    before = Grant("canary-access", "canary-refresh")
    with pytest.raises(CrmFailure) as failure:
        await servers.granted(FLOW, app, {}, FLOW.refresh(app, {}, before), before)
    assert (failure.value.error.code, failure.value.kind) == (code, kind)
    assert "canary" not in f"{failure.value!r} {failure.value.error}"


async def test_an_address_that_is_not_public_is_never_called(vendor: Vendor, app: OAuthApp) -> None:
    servers = OAuthServers(EgressPolicy(), timeout=1.0)
    before = Grant("a", "r")
    with pytest.raises(CrmFailure) as failure:
        await servers.granted(FLOW, app, {}, FLOW.refresh(app, {}, before), before)
    assert failure.value.error.code == "ADDRESS_REFUSED"
    assert vendor.calls == []
    await servers.close()


@pytest.mark.parametrize(("status", "failures"), [(200, 0), (204, 0), (400, 0), (404, 0), (401, 1), (429, 1), (503, 1)])
async def test_revoking_tells_what_did_not_work(
    servers: OAuthServers, vendor: Vendor, app: OAuthApp, status: int, failures: int
) -> None:
    vendor.revoke_status = status
    calls = FLOW.revoke(app, {}, Grant("canary-access", "canary-refresh"))
    told = await servers.revoke(calls)
    assert len(told) == failures
    assert "canary" not in str(told)
    unreachable = [TokenCall("http://127.0.0.1:9/revoke", {"token": "canary"}, (CLIENT_ID, CLIENT_SECRET))]
    (failure,) = await servers.revoke(unreachable)
    assert failure.error.code == "UNREACHABLE"
