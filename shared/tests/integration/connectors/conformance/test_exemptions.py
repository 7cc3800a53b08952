"""What a connector says that it cannot do, it does not do: it says so when asked, or it makes nothing of it."""

from collections.abc import Awaitable, Callable, Mapping

import pytest

from hub.contracts.connector import Capability, Exempt
from hub.contracts.failures import CrmFailure, FailureKind
from hub.contracts.pulling import PullMode
from hub.registry import CONNECTORS

from .inbox import deliveries, understood, until
from .stage import Stage, pages

LEAD = {"first_name": "F", "last_name": "L", "email": "one@example.com", "status": "enrolled"}
EXEMPT = [
    pytest.param(name, capability, id=f"{name}-{capability}")
    for name, connector in CONNECTORS.items()
    for capability, entry in connector.manifest.scorecard.items()
    if isinstance(entry, Exempt)
]


async def no_batch(stage: Stage) -> None:
    """A call a record, though several are given at once."""
    results = await stage.client().push([stage.item(n, LEAD | {"email": f"p{n}@example.com"}) for n in range(1, 6)])
    assert all(result.ok for result in results)
    assert stage.connector.manifest.push_batch == 1
    assert sum(call.creates for call in stage.road.api_calls()) == 5


async def no_jobs(stage: Stage) -> None:
    """Whoever asks for a job in the configuration, or for a backfill, gets what others get."""
    assert stage.connector.manifest.bulk_batch == 0
    ids = stage.seed(3)
    told = await pages(stage.client(bulk_threshold=1), PullMode.FULL, backfill=True)
    assert {record.record_id for records, _ in told for record in records} == set(ids)
    (result,) = await stage.client(bulk_threshold=1).push([stage.item(1, LEAD)])
    assert result.ok
    assert not any("job" in call.path for call in stage.road.calls)


async def no_upsert(stage: Stage) -> None:
    """The CRM makes a second record of a create that is repeated blindly: so it is looked for before."""
    first, second = [await stage.client().push([stage.item(7, LEAD | {"status": "new"})]) for _ in range(2)]
    assert first[0].external_id != second[0].external_id
    assert len(stage.people()) == 2
    assert "look" in stage.connector.manifest.external_id


async def no_companions(stage: Stage) -> None:
    """An enrolment is a field, and nothing else."""
    assert stage.mapping().companions(1, LEAD) == ()
    (result,) = await stage.client().push([stage.item(1, LEAD)])
    assert result.ok
    assert sum(call.creates for call in stage.road.api_calls()) == 1


async def no_merges(stage: Stage) -> None:
    """A poll tells of no survivor; where the CRM merges, the loser is told as deleted."""
    ids = stage.seed(3)
    cursor = (await pages(stage.client(), PullMode.FULL))[-1][1]
    if stage.crm_type == "custom":
        stage.delete(ids[2])
    else:
        stage.merge(ids[0], ids[2])
    told = [record for records, _ in await pages(stage.client(), PullMode.CHANGES, cursor) for record in records]
    assert [record.deleted for record in told if record.record_id == ids[2]][-1:] == [True]
    assert not any(record.merged_into for record in told)


async def no_owners(stage: Stage) -> None:
    """Asked for, it says so; agents go out as they are."""
    with pytest.raises(CrmFailure) as refused:
        await stage.client().owners()
    assert (refused.value.kind, refused.value.error.code) == (FailureKind.VALIDATION, "NOT_SUPPORTED")
    assert stage.road.calls == []


async def no_timestamps(stage: Stage) -> None:
    """Nothing tells how old a webhook is: it is the same at any time, and known again by its key."""
    async with deliveries(stage) as (inbox, trust):
        stage.create("L", "one@example.com")
        await until(inbox.requests, 1)
    request = inbox.requests[0]
    before = understood(stage, trust, request)
    request.now += 10**6
    assert [each.replay_key for each in understood(stage, trust, request)] == [each.replay_key for each in before]


async def no_refresh(stage: Stage) -> None:
    """A refused key is tried once, and told as such."""
    assert stage.connector.oauth is None
    stage.crm.gate.faults.refuse_key_next = 5  # type: ignore[attr-defined]
    (result,) = await stage.client().push([stage.item(1, LEAD)])
    assert (result.ok, result.kind) == (False, FailureKind.AUTH)
    assert len(stage.road.calls) == 1


CHECKS: Mapping[Capability, Callable[[Stage], Awaitable[None]]] = {
    Capability.BATCH_PUSH: no_batch,
    Capability.BULK: no_jobs,
    Capability.UPSERT: no_upsert,
    Capability.COMPANIONS: no_companions,
    Capability.PULL_MERGES: no_merges,
    Capability.OWNERS: no_owners,
    Capability.WEBHOOK_TIMESTAMP: no_timestamps,
    Capability.TOKEN_REFRESH: no_refresh,
}


@pytest.mark.parametrize(("stage", "capability"), EXEMPT, indirect=["stage"])
async def test_an_exemption_holds(stage: Stage, capability: Capability) -> None:
    await CHECKS[capability](stage)
