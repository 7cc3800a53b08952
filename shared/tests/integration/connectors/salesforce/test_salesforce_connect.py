"""Connecting an org: consent, tokens, what is told of the org."""

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from hub.contracts.connector import CrmClient, PullRequest
from hub.contracts.failures import CrmFailure, FailureKind
from hub.contracts.grants import Grant, GrantDead, OAuthApp, TokenCall
from hub.contracts.pulling import PullMode
from hub.contracts.pushing import PushItem
from hub.registry import CONNECTORS

FLOW = CONNECTORS["salesforce"].oauth
CALLBACK = "http://127.0.0.1:1/callback"
CONFIG = {"crm_type": "salesforce"}
VERIFIER, CHALLENGE = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
Open = Callable[..., CrmClient]


async def allowed(app: OAuthApp, decision: str = "allow") -> dict[str, str]:
    """What the browser brings back after a click."""
    assert FLOW
    page = urlsplit(FLOW.authorize_url(app, CONFIG, CALLBACK, "the-state", CHALLENGE))
    form = {name: value for name, (value,) in parse_qs(page.query).items()} | {"decision": decision}
    address = f"{page.scheme}://{page.netloc}{page.path}"
    async with (
        aiohttp.ClientSession() as browser,
        browser.post(address, data=form, allow_redirects=False) as answer,
    ):
        found = parse_qs(urlsplit(answer.headers["Location"]).query)
    return {name: value for name, (value,) in found.items()}


async def sent(call: TokenCall) -> tuple[int, bytes]:
    async with aiohttp.ClientSession() as http, http.request(call.method, call.url, data=dict(call.form)) as answer:
        return answer.status, await answer.read()


async def granted(app: OAuthApp) -> Grant:
    assert FLOW
    back = await allowed(app)
    assert back["state"] == "the-state"
    status, body = await sent(FLOW.exchange(app, CONFIG, back["code"], CALLBACK, VERIFIER))
    return FLOW.read(app, CONFIG, status, body, None, 0.0)


async def test_from_consent_to_a_tested_connection(org: Any, client: Open) -> None:
    org.grant = await granted(org.app)
    assert org.grant.scopes == ("api", "refresh_token")
    identity = await client().test()
    assert (identity.tenant, identity.account) == (org.grant.tenant, "Hub Test Org")
    assert (identity.user, identity.remarks) == ("integration@hub.example.com", ())


async def test_denial_and_a_wrong_verifier(org: Any) -> None:
    assert FLOW
    assert (await allowed(org.app, "deny"))["error"] == "access_denied"
    code = (await allowed(org.app))["code"]
    status, body = await sent(FLOW.exchange(org.app, CONFIG, code, CALLBACK, "another"))
    with pytest.raises(CrmFailure) as caught:
        FLOW.read(org.app, CONFIG, status, body, None, 0.0)
    assert caught.value.kind is FailureKind.AUTH


async def test_a_revoked_grant_is_dead(org: Any) -> None:
    assert FLOW
    grant = await granted(org.app)
    (revocation,) = FLOW.revoke(org.app, CONFIG, grant)
    assert (await sent(revocation))[0] == 200
    status, body = await sent(FLOW.refresh(org.app, CONFIG, grant))
    with pytest.raises(GrantDead):
        FLOW.read(org.app, CONFIG, status, body, grant, 0.0)


async def test_a_rotated_refresh_token_is_kept(org: Any, client: Open) -> None:
    org.crm.world.grants.rotate = True
    first = org.grant.refresh_token
    api = client()
    for _ in range(2):
        org.crm.world.grants.expire("all")
        await api.test()
    assert org.refreshes == 2
    assert org.grant.refresh_token != first


async def test_an_expired_session_is_renewed_once_for_all_calls(org: Any, client: Open) -> None:
    api = client()
    await api.test()
    org.crm.world.grants.expire("all")
    items = [PushItem(n, None, f"MPP-{n}", {}, {"LastName": f"L{n}"}) for n in range(1, 601)]
    results, owners, _ = await asyncio.gather(api.push(items), api.owners(), api.describe())
    assert all(result.ok for result in results)
    assert owners
    assert org.refreshes == 1


async def test_a_grant_that_is_gone_stops_calls_at_once(org: Any, client: Open) -> None:
    api = client()
    await api.test()
    org.crm.world.grants.revoke_all()
    org.calls()
    (result,) = await api.push([PushItem(1, None, "MPP-1", {}, {"LastName": "L"})])
    assert (result.ok, result.kind) == (False, FailureKind.AUTH)
    with pytest.raises(CrmFailure) as caught:
        await api.pull(PullRequest(PullMode.FULL))
    assert caught.value.kind is FailureKind.AUTH
    assert org.calls() == 2  # one each, and no more
    assert not org.leads()


async def test_a_token_goes_to_no_stranger(org: Any, client: Open) -> None:
    assert FLOW
    org.fault("wrong_instance_url")
    with pytest.raises(CrmFailure, match="FOREIGN_HOST"):
        await granted(org.app)
    org.grant = Grant(org.grant.access_token, org.grant.refresh_token, None, "http://localhost:9")
    org.calls()
    (result,) = await client().push([PushItem(1, None, "MPP-1", {}, {"LastName": "L"})])
    assert result.error
    assert (result.kind, result.error.code) == (FailureKind.AUTH, "FOREIGN_HOST")
    assert org.calls() == 0


async def test_an_address_that_is_not_public_is_not_called(org: Any, client: Open) -> None:
    with pytest.raises(CrmFailure, match="ADDRESS_REFUSED"):
        await client(allow="").test()


async def test_an_org_without_the_external_id_field(org: Any, client: Open) -> None:
    org.crm.world.org.schema.needed("Lead").drop("MPP_Id__c")
    identity = await client().test()
    assert len(identity.remarks) == 1
    assert "MPP_Id__c" in identity.remarks[0]
    assert not (await client(external_id_field="ExtId__c").test()).remarks


async def test_an_org_without_the_object(org: Any, client: Open) -> None:
    with pytest.raises(CrmFailure) as caught:
        await client(objects={"lead": "Prospect__c"}).test()
    assert (caught.value.kind, caught.value.error.code) == (FailureKind.VALIDATION, "NOT_FOUND")


async def test_fields_and_owners(org: Any, client: Open) -> None:
    api = client()
    fields = {each.name: each for each in await api.describe()}
    assert fields["LastName"].required
    assert not fields["Id"].writable
    plan = fields["Healthcare_Plan__c"]
    assert (plan.type, plan.custom, plan.restricted, plan.choices[:2]) == ("choice", True, True, ("Bronze", "Silver"))
    assert fields["MPP_Id__c"].unique
    owners = await api.owners()
    assert {each.name for each in owners} >= {"Integration User", "Open Enrollment"}
    assert [each.active for each in owners if each.email == "former@hub.example.com"] == [False]


async def test_what_is_spent_is_what_the_org_counts(org: Any, client: Open) -> None:
    api = client()
    await api.test()
    await api.describe()
    await api.owners()
    assert org.meter.taken == org.crm.world.limits({})["used"] == len(org.meter.readings)


async def test_the_quota_is_learnt_and_its_end_told(org: Any, client: Open) -> None:
    org.crm.world.limits({"daily": 100, "used": 97, "app": "hub"})
    api = client()
    await api.describe()
    assert [(each.window, each.limit, each.remaining) for each in org.meter.readings] == [("daily", 100, 2)]
    await api.owners()
    with pytest.raises(CrmFailure) as caught:
        await api.describe()
    assert (caught.value.kind, caught.value.error.code) == (FailureKind.RATE_LIMIT, "REQUEST_LIMIT_EXCEEDED")
    assert caught.value.retry_after == 900
    assert org.meter.closed == [("daily", 900.0)]


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"kind": "html"}, "HTML_ANSWER"),
        ({"kind": "html", "status": 503}, "HTML_ANSWER"),
        ({"kind": "truncate"}, "CONNECTION_LOST"),
        ({"kind": "reset", "times": 9}, "CONNECTION_LOST"),
        ({"kind": "status", "status": 200, "body": {"fields": 5}}, "UNEXPECTED_ANSWER"),
        ({"kind": "status", "status": 200, "body": "{\"fields\":["}, "NOT_JSON"),
        ({"kind": "status", "status": 302, "headers": {"Location": "http://localhost:9/"}}, "REDIRECT_REFUSED"),
        ({"kind": "server_unavailable"}, "SERVER_UNAVAILABLE"),
    ],
)  # fmt: skip
async def test_bad_answers_are_named(org: Any, client: Open, fault: dict[str, Any], code: str) -> None:
    org.faults({"match": {"path": "/services/data"}, "times": 1, **fault})
    with pytest.raises(CrmFailure) as caught:
        await client().describe()
    assert caught.value.error.code == code
    assert org.grant.access_token not in str(caught.value)
