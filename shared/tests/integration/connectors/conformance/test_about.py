"""What a CRM tells of itself: fields, owners, limits; and the connection's own tokens."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from hub.contracts.connector import Capability, PullRequest
from hub.contracts.failures import CrmFailure, FailureKind
from hub.contracts.grants import FixedToken
from hub.contracts.metering import Reading
from hub.contracts.pulling import PullMode

from .road import Reply, said
from .stage import Granted, Stage, everywhere, tries

LEAD = {"first_name": "F", "last_name": "L", "email": "one@example.com"}
TYPES = {"text", "number", "boolean", "date", "datetime", "choice", "choices", "reference", "other"}


@tries(Capability.DESCRIBE)
async def test_fields_are_described(stage: Stage) -> None:
    client = stage.client()
    (result,) = await client.push([stage.item(1, LEAD | {"status": "new", "custom.tier": "gold"})])
    assert result.ok
    specs = {spec.name: spec for spec in await stage.client().describe()}
    assert {spec.type for spec in specs.values()} <= TYPES
    assert all(spec.label for spec in specs.values())
    remote = stage.mapping().outbound({"last_name": "L", "email": "e", "status": "new"})
    assert all(specs[name].writable for name in remote)
    if stage.connector.manifest.exact_fields:
        status = specs[stage.status_field]
        assert status.type == "choice"
        assert status.choices
        assert any(spec.custom for spec in specs.values())
        assert set(stage.mapping().remote_fields()) & set(specs)
    if stage.crm_type == "salesforce":
        assert {name for name, spec in specs.items() if spec.required} == {"LastName", "Company"}
        assert specs["Healthcare_Plan__c"].restricted
        assert specs["MPP_Id__c"].unique


@everywhere
async def test_the_crm_says_who_it_is(stage: Stage) -> None:
    identity = await stage.client().test()
    assert (identity.tenant is not None) == (stage.crm_type != "custom")
    stage.road.instead = lambda _call: said({"message": "not today", "error": "not today"}, 401)
    with pytest.raises(CrmFailure) as refused:
        await stage.client(tokens=FixedToken("canary-token")).test()
    assert refused.value.kind is FailureKind.AUTH


@tries(Capability.OWNERS)
async def test_owners_and_agents_by_their_address(stage: Stage) -> None:
    owners = await stage.client().owners()
    assert len({owner.id for owner in owners}) == len(owners) > 1
    user = (await stage.client().test()).user  # whose own records belong to nobody, as far as the hub can tell
    agent = next(each for each in reversed(owners) if each.active and each.email and each.email != user)
    assert agent.email
    (result,) = await stage.client().push([stage.item(1, LEAD | {"agent_id": agent.email.upper()})])
    assert (result.ok, result.left_out) == (True, ())
    assert (await stage.seen(str(result.external_id)))["agent_id"] == agent.email
    by_id = (await stage.seen(str(result.external_id), owners_by_email=False))["agent_id"]
    assert by_id == f"{stage.crm_type}:{agent.id}"
    named = {"owners": {"agent123": agent.id if stage.crm_type != "pipedrive" else int(agent.id)}}
    assert (await stage.seen(str(result.external_id), **named))["agent_id"] == "agent123"


@tries(Capability.OWNERS)
async def test_an_agent_whom_the_crm_does_not_know_holds_up_nothing(stage: Stage) -> None:
    agents = ["nobody@example.com", "agent without a CRM", "another:123", f"{stage.crm_type}:99999"]
    leads = [LEAD | {"email": f"p{n}@example.com", "agent_id": agent} for n, agent in enumerate(agents)]
    results = await stage.client().push([stage.item(n, lead) for n, lead in enumerate(leads, 1)])
    assert [(result.ok, result.error) for result in results] == [(True, None)] * 4


@tries(Capability.TOKEN_REFRESH)
async def test_a_refused_token_is_renewed_once(stage: Stage) -> None:
    tokens = stage.tokens
    assert isinstance(tokens, Granted)
    ids = stage.seed(30)
    client = stage.client()
    await client.test()
    stage.expire()
    pushes = [client.push([stage.item(n, LEAD | {"email": f"p{n}@example.com"})]) for n in range(1, 6)]
    pull = client.pull(PullRequest(PullMode.FULL))
    told: list[Any] = await asyncio.gather(*pushes, pull, client.fetch(ids[:3]))
    *results, page, fetched = told
    assert all(result.ok for (result,) in results)
    assert page.records
    assert len(fetched) == 3
    assert tokens.renewals == 1


@tries(Capability.TOKEN_REFRESH)
async def test_a_token_that_stays_refused_is_not_renewed_for_ever(stage: Stage) -> None:
    tokens = stage.tokens
    assert isinstance(tokens, Granted)
    refusal = [{"errorCode": "INVALID_SESSION_ID", "message": "Session expired or invalid"}]
    stage.road.instead = lambda call: said(refusal, 401) if call.api else None
    with pytest.raises(CrmFailure) as refused:
        await stage.client().pull(PullRequest(PullMode.FULL))
    assert refused.value.kind is FailureKind.AUTH
    assert tokens.renewals == 1
    assert len(stage.road.api_calls()) == 2
    (result,) = await stage.client().push([stage.item(1, LEAD)])
    assert (result.ok, result.kind) == (False, FailureKind.AUTH)


@tries(Capability.QUOTA)
async def test_every_call_is_metered(stage: Stage) -> None:
    assert stage.connector.limits(stage.config)
    stage.seed(20)
    client = stage.client()
    await client.test()
    results = await client.push([stage.item(n, LEAD | {"email": f"p{n}@example.com"}) for n in range(1, 6)])
    await client.pull(PullRequest(PullMode.FULL))
    await client.fetch([str(result.external_id) for result in results])
    await client.find("MPP-77", "nobody@example.com")
    await client.delete([stage.item(1, LEAD, results[0].external_id)])
    assert stage.meter.taken == len(stage.road.api_calls())


HEADERS = {
    "salesforce": ({"Sforce-Limit-Info": "api-usage=100/15000"}, Reading("daily", 15_000, 14_900)),
    "hubspot": (
        {"X-HubSpot-RateLimit-Max": "110", "X-HubSpot-RateLimit-Remaining": "9"}, Reading("burst", 110, 9),
    ),
    "pipedrive": (
        {"x-ratelimit-limit": "80", "x-ratelimit-remaining": "7", "x-ratelimit-reset": "2"},
        Reading("burst", 80, 7, 2.0),
    ),
    "custom": ({}, None),  # its limits are the configuration's
}  # fmt: skip


def with_headers(reply: Reply, headers: Mapping[str, str]) -> Reply:
    """Instead of those of the same names, in any case of letters."""
    mine = {name.lower() for name in headers}
    return replace(
        reply, headers={name: text for name, text in reply.headers.items() if name.lower() not in mine} | dict(headers)
    )


@tries(Capability.QUOTA)
async def test_what_the_crm_says_of_its_limits_is_learnt(stage: Stage) -> None:
    headers, reading = HEADERS[stage.crm_type]
    stage.road.spoil = lambda _call, reply: with_headers(reply, headers)
    await stage.client().pull(PullRequest(PullMode.FULL))
    assert reading is None or reading in stage.meter.readings
    assert {each.window for each in stage.meter.readings} <= {
        each.name for each in stage.connector.limits(stage.config)
    }
    stage.road.spoil = lambda _call, reply: with_headers(reply, dict.fromkeys(headers, "nonsense"))
    await stage.client().pull(PullRequest(PullMode.FULL))


@tries(Capability.QUOTA)
async def test_too_many_calls(stage: Stage) -> None:
    def refused(_reply: Reply) -> Reply:
        return Reply(429, b'{"message":"slow down","error":"slow down"}', {"Retry-After": "7"})

    stage.road.instead = lambda call: refused(Reply()) if call.api else None
    with pytest.raises(CrmFailure) as failure:
        await stage.client().pull(PullRequest(PullMode.FULL))
    assert failure.value.kind is FailureKind.RATE_LIMIT
    assert failure.value.retry_after == 7.0
    (result,) = await stage.client().push([stage.item(1, LEAD)])
    assert (result.kind, result.retry_after, result.unknown_outcome) == (FailureKind.RATE_LIMIT, 7.0, False)
    assert bool(stage.meter.closed) == (stage.crm_type in ("hubspot", "pipedrive"))  # they say which limit it was
