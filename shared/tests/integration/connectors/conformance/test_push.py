"""Pushing, through the contract alone."""

from typing import Any

from hub.contracts.connector import Capability
from hub.contracts.failures import FailureKind
from hub.contracts.pulling import PullMode
from hub.contracts.pushing import PushResult

from .road import Call, Reply
from .stage import Stage, pages, tries

LEAD = {"first_name": "F", "last_name": "Old", "email": "one@example.com", "status": "new"}


def lost(_reply: Reply) -> Reply:
    return Reply(lost=True)


def writes(stage: Stage) -> list[Call]:
    return [call for call in stage.road.calls if call.creates and call.api]


def good(results: list[PushResult]) -> list[str]:
    """Ids of results that are all good."""
    assert [(result.ok, result.error) for result in results] == [(True, None)] * len(results)
    return [result.external_id or "" for result in results]


@tries(Capability.PUSH)
async def test_create_and_update(stage: Stage) -> None:
    client = stage.client()
    (record_id,) = good(await client.push([stage.item(7, LEAD)]))
    person = stage.people()[record_id]
    assert (person.last_name, person.email, person.reference) == ("Old", "one@example.com", "MPP-7")
    (result,) = await stage.client().push([stage.item(7, LEAD | {"last_name": "New"}, record_id, ["last_name"])])
    assert (result.ok, result.action, result.external_id) == (True, "update", record_id)
    person = stage.people()[record_id]
    assert (person.last_name, person.email, person.reference) == ("New", "one@example.com", "MPP-7")
    assert len(stage.people()) == 1


@tries(Capability.PUSH)
async def test_an_update_of_a_record_that_is_gone(stage: Stage) -> None:
    client = stage.client()
    first, second = good(await client.push([stage.item(1, LEAD), stage.item(2, LEAD | {"email": "two@example.com"})]))
    (deleted,) = await client.delete([stage.item(1, LEAD, first)])
    assert deleted.ok
    changed = LEAD | {"last_name": "New"}
    gone, there = await client.push(
        [stage.item(n, changed, each, ["last_name"]) for n, each in ((1, first), (2, second))]
    )
    assert (gone.ok, gone.gone, gone.kind) == (False, True, FailureKind.VALIDATION)
    assert there.ok
    assert {person.last_name for person in stage.people().values()} == {"New"}


@tries(Capability.PUSH)
async def test_one_bad_record_costs_only_itself(stage: Stage) -> None:
    sample = stage.refused
    leads = [LEAD | {"email": f"p{n}@example.com"} for n in range(5)]
    leads[2] |= sample.registers
    results = await stage.client().push([stage.item(n + 1, lead) for n, lead in enumerate(leads)])
    assert [result.ok for result in results] == [True, True, False, True, True]
    bad = results[2]
    assert bad.error
    assert bad.kind is FailureKind.VALIDATION
    assert bad.error.code in sample.codes
    assert bad.error.field == sample.field
    assert bad.error.attempted_value in sample.registers.values()
    assert sorted(str(person.reference) for person in stage.people().values()) == ["MPP-1", "MPP-2", "MPP-4", "MPP-5"]


@tries(Capability.BATCH_PUSH)
async def test_a_batch_mixes_creates_and_updates(stage: Stage) -> None:
    client = stage.client()
    ids = good(await client.push([stage.item(n, LEAD | {"email": f"p{n}@example.com"}) for n in range(1, 11)]))
    before = len(stage.road.calls)
    items = [
        stage.item(n, LEAD | {"email": f"p{n}@example.com", "last_name": f"N{n}"}, ids[n - 1] if n <= 10 else None)
        for n in range(1, 21)
    ]
    items = items[::2] + items[1::2]
    results = await client.push(items)
    good(results)
    assert [result.action == "create" for result in results] == [item.lead_id > 10 for item in items]
    people = stage.people()
    assert {people[result.external_id or ""].last_name for result in results} == {f"N{n}" for n in range(1, 21)}
    assert len(people) == 20
    assert stage.connector.manifest.push_batch > 1
    assert len(stage.road.calls) - before <= 20 + 2  # a call for each at the very most, and what all need once


@tries(Capability.BULK)
async def test_a_job_writes_and_a_job_reads(stage: Stage) -> None:
    jobs: dict[str, Any] = {"bulk_threshold": 8}
    leads = [LEAD | {"email": f"p{n}@example.com", "last_name": f'L{n} "ü",\n#'} for n in range(1, 11)]
    leads[3] |= stage.refused.registers
    results = await stage.client(**jobs).push([stage.item(n, lead) for n, lead in enumerate(leads, 1)])
    assert [result.ok for result in results] == [n != 3 for n in range(10)]
    assert results[3].error
    assert results[3].error.field == stage.refused.field
    assert any("/jobs/" in call.path for call in writes_of_jobs(stage))
    told = await pages(stage.client(**jobs), PullMode.FULL, backfill=True)
    assert any("/jobs/query" in call.path for call in stage.road.calls)
    read = {record.record_id: stage.mapping().inbound(record.fields) for records, _ in told for record in records}
    assert {each.lead_id for each in read.values()} == {n for n in range(1, 11) if n != 4}
    assert read[results[0].external_id or ""].registers["last_name"] == 'L1 "ü",\n#'


def writes_of_jobs(stage: Stage) -> list[Call]:
    return [call for call in stage.road.calls if call.method == "POST"]


@tries(Capability.IDEMPOTENT_CREATE)
async def test_a_create_whose_answer_is_lost_is_repeated_without_harm(stage: Stage) -> None:
    warm = stage.client()
    good(await warm.push([stage.item(1, LEAD)]))
    for lead_id, client in ((2, warm), (3, stage.client())):
        lead = LEAD | {"email": f"p{lead_id}@example.com"}
        stage.road.once(lambda call: call.creates, lost)
        (result,) = await client.push([stage.item(lead_id, lead)])
        assert (result.ok, result.unknown_outcome, result.kind) == (False, True, FailureKind.NETWORK)
        # As sync-worker goes on, here after a crash: look, then update what is found.
        again = stage.client()
        found = await again.find(f"MPP-{lead_id}", lead["email"])
        assert found is not None
        good(await again.push([stage.item(lead_id, lead, found)]))
    assert sorted(str(person.reference) for person in stage.people().values()) == ["MPP-1", "MPP-2", "MPP-3"]


@tries(Capability.IDEMPOTENT_CREATE)
async def test_find_knows_the_reference_else_the_address(stage: Stage) -> None:
    theirs = stage.create("Theirs", "theirs@example.com")
    client = stage.client()
    (ours,) = good(await client.push([stage.item(5, LEAD)]))
    fresh = stage.client()
    assert await fresh.find("MPP-5", None) == ours
    assert await fresh.find("MPP-6", "theirs@example.com") == theirs
    assert await fresh.find("MPP-6", "one@example.com") is None  # that one is another lead's
    assert await fresh.find("MPP-6", "nobody@example.com") is None
    assert await fresh.find("MPP-6", 'it\'s \\ "quoted" & 100%@example.com') is None


@tries(Capability.UPSERT)
async def test_the_crm_itself_makes_no_second_record(stage: Stage) -> None:
    first = await stage.client().push([stage.item(7, LEAD)])
    second = await stage.client().push([stage.item(7, LEAD | {"last_name": "New"})])
    assert good(first) == good(second)
    assert second[0].action in ("update", "link")
    (person,) = stage.people().values()
    assert person.last_name == "New"


@tries(Capability.DELETE)
async def test_delete_twice(stage: Stage) -> None:
    client = stage.client()
    leads = {n: LEAD | {"email": f"p{n}@example.com"} for n in (1, 2, 3)}
    ids = good(await client.push([stage.item(n, lead) for n, lead in leads.items()]))
    gone = [stage.item(1, leads[1], ids[0]), stage.item(3, leads[3], ids[2])]
    for _ in range(2):
        results = await stage.client().delete(gone)
        assert [(result.ok, result.action) for result in results] == [(True, "delete")] * 2
    assert [person.reference for person in stage.people().values()] == ["MPP-2"]


@tries(Capability.COMPANIONS)
async def test_an_enrolment_brings_its_companions_once(stage: Stage) -> None:
    enrolled = LEAD | {"status": "enrolled"}
    items = [stage.item(1, enrolled), stage.item(2, LEAD | {"email": "two@example.com"})]
    wanted = sorted(companion.reference for item in items for companion in item.companions)
    assert wanted
    ids = good(await stage.client().push(items))
    assert stage.companions() == wanted
    good(await stage.client().push([stage.item(1, enrolled, ids[0])]))
    assert stage.companions() == wanted
    good(await stage.client().push([stage.item(2, enrolled | {"email": "two@example.com"}, ids[1], ["status"])]))
    assert len(stage.companions()) == 2 * len(wanted)


@tries(Capability.COMPANIONS)
async def test_companions_after_a_lost_answer(stage: Stage) -> None:
    enrolled = LEAD | {"status": "enrolled"}
    (record_id,) = good(await stage.client().push([stage.item(1, LEAD)]))
    wanted = sorted(companion.reference for companion in stage.item(1, enrolled).companions)
    writes_seen = 0

    def second_write(call: Call) -> bool:
        nonlocal writes_seen
        writes_seen += call.creates
        return call.creates and writes_seen == 2

    stage.road.once(second_write, lost)
    item = stage.item(1, enrolled, record_id, ["status"])
    await stage.client().push([item])
    stage.road.mend()
    good(await stage.client().push([item]))
    assert stage.companions() == wanted
