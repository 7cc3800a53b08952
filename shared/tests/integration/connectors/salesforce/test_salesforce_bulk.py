"""Thousands of leads by Bulk API 2.0, both ways."""

from collections.abc import Callable
from typing import Any

import pytest

from hub.contracts.connector import CrmClient, PullRequest
from hub.contracts.failures import CrmFailure, FailureKind
from hub.contracts.pulling import Cursor, PullMode, RemoteRecord
from hub.contracts.pushing import PushItem
from hub.registry import CONNECTORS

Open = Callable[..., CrmClient]
MAPPING = CONNECTORS["salesforce"].mapping({"crm_type": "salesforce"})


def new(number: int, **fields: Any) -> PushItem:
    record = {"LastName": f"L{number}", "Company": 'Söhne, "A"\nB', "Email": f"p{number}@example.com", **fields}
    return PushItem(number, None, f"MPP-{number}", record, record, email=record["Email"])


def changed(number: int, external_id: str | None, **fields: Any) -> PushItem:
    return PushItem(number, external_id, f"MPP-{number}", fields, fields)


async def read(api: CrmClient, cursor: Cursor | None = None) -> tuple[dict[str, RemoteRecord], Cursor]:
    told: dict[str, RemoteRecord] = {}
    while True:
        page = await api.pull(PullRequest(PullMode.FULL, cursor, backfill=True))
        assert page.cursor != cursor
        told |= {record.record_id: record for record in page.records}
        cursor = page.cursor
        if page.done:
            return told, cursor


async def test_many_leads_are_jobs(org: Any, client: Open) -> None:
    api = client()
    created = await api.push([new(number) for number in range(1, 5001)])
    assert {(result.ok, result.action) for result in created} == {(True, "create")}
    assert org.calls() <= 20
    there = [changed(n + 1, each.external_id, City=f"C{n}", Email=None) for n, each in enumerate(created)]
    there[0] = changed(1, created[0].external_id, Description="#N/A")  # a text that would clear the field in a job
    results = await api.push([*there, *(new(number) for number in range(5001, 6001))])
    assert [result.action for result in results] == ["update"] * 5000 + ["create"] * 1000
    assert org.calls() <= 30
    leads = org.by_reference()
    assert len(leads) == len(org.leads()) == 6000
    assert leads["MPP-1"]["Description"] == "#N/A"
    assert leads["MPP-1"]["Email"] == "p1@example.com"
    assert (leads["MPP-9"]["City"], leads["MPP-9"].get("Email")) == ("C8", None)
    assert leads["MPP-9"]["Company"] == 'Söhne, "A"\nB'
    assert [leads[f"MPP-{n + 1}"]["Id"] for n in range(6000)] == [each.external_id for each in results]


async def test_a_job_that_succeeds_may_have_rows_that_failed(org: Any, client: Open) -> None:
    api = client()
    items = [new(number, Email="bad" if number % 100 == 0 else f"p{number}@example.com") for number in range(1, 2501)]
    org.fault("lock", probability=0.02)
    results = await api.push(items)
    refused = [item.lead_id for item, result in zip(items, results, strict=True) if not result.ok]
    assert {number for number in refused if number % 100} == set()  # locked rows were tried again
    assert len(refused) == 25
    error = results[99].error
    assert error
    assert (results[99].kind, error.code, error.field, error.attempted_value) == (
        FailureKind.VALIDATION,
        "INVALID_EMAIL_ADDRESS",
        "Email",
        "bad",
    )
    assert len(org.by_reference()) == 2475


async def test_records_that_are_gone_are_told_from_a_job_too(org: Any, client: Open) -> None:
    api = client(bulk_threshold=50)
    created = await api.push([new(number) for number in range(1, 101)])
    for each in created[:10]:
        org.crm.world.delete("Lead", each.external_id)
    results = await api.push([changed(n + 1, each.external_id, City="X") for n, each in enumerate(created)])
    assert [result.gone for result in results] == [True] * 10 + [False] * 90
    assert all(result.ok for result in results[10:])


@pytest.mark.parametrize("kind", ["lost_answer", "reset", "truncate", "server_unavailable", "html"])
async def test_jobs_survive_the_road(org: Any, client: Open, kind: str) -> None:
    org.fault(kind, match={"path": "/jobs/"}, probability=0.15)
    items = [new(number) for number in range(1, 2201)]
    api = client()
    results = await api.push(items)
    for _ in range(20):
        if all(result.ok for result in results):
            break
        results = await api.push(items)
    assert all(result.ok for result in results)
    leads = org.by_reference()
    assert len(leads) == len(org.leads()) == 2200
    assert [leads[f"MPP-{n + 1}"]["Id"] for n in range(2200)] == [each.external_id for each in results]
    told: dict[str, RemoteRecord] = {}
    cursor: Cursor | None = None
    for _ in range(200):  # each page by a process of its own
        try:
            page = await client().pull(PullRequest(PullMode.FULL, cursor, backfill=True))
        except CrmFailure as failure:
            if failure.kind not in (FailureKind.NETWORK, FailureKind.SERVER):
                raise
            continue
        told |= {record.record_id: record for record in page.records}
        cursor = page.cursor
        if page.done:
            break
    assert set(told) == set(org.leads())


async def test_a_job_whose_closing_was_told_to_nobody_goes_on(org: Any, client: Open) -> None:
    """The answer is lost, and that to the question what had come of it: the job may be closed only once."""
    org.faults(
        {"match": {"method": "PATCH", "path": "/jobs/ingest/"}, "kind": "lost_answer", "times": 1},
        {"match": {"method": "GET", "path": "/jobs/ingest/"}, "kind": "lost_answer", "times": 1},
    )
    results = await client().push([new(number) for number in range(1, 2501)])
    assert {(result.ok, result.action) for result in results} == {(True, "create")}
    assert len(org.leads()) == 2500


async def test_a_job_that_fails_is_tried_again_later(org: Any, client: Open) -> None:
    org.fault("bulk_job_failed", times=1)
    api = client()
    items = [new(number) for number in range(1, 2101)]
    results = await api.push(items)
    assert {(result.ok, result.kind) for result in results} == {(False, FailureKind.SERVER)}
    assert all(result.ok for result in await api.push(items))
    assert len(org.by_reference()) == 2100


async def test_a_job_that_takes_too_long_is_aborted(org: Any, client: Open) -> None:
    org.crm.world.org.jobs.delay = 60.0
    results = await client(bulk_seconds=1, bulk_threshold=10).push([new(number) for number in range(1, 11)])
    error = results[0].error
    assert error
    assert (results[0].kind, error.code, results[0].unknown_outcome) == (FailureKind.NETWORK, "TIMEOUT", True)


async def test_a_backfill_is_a_few_calls(org: Any, client: Open) -> None:
    world = org.crm.world
    ids = world.seed("Lead", 12_000, None, 8)
    world.edit("Lead", ids[0], {"Household_Size__c": 4, "DoNotCall": True, "Next_Contact__c": "2026-01-10T10:30:00Z"})
    api = client()
    told, cursor = await read(api)
    assert set(told) == set(ids)
    assert org.calls() <= 15
    queried = {record.record_id: record for record in await api.fetch(ids[:200])}
    for record_id, record in queried.items():
        assert MAPPING.inbound(told[record_id].fields) == MAPPING.inbound(record.fields)
    assert told[ids[0]].modified_at == queried[ids[0]].modified_at
    world.clock.advance(600)
    world.edit("Lead", ids[5], {"City": "Austin"})
    page = await api.pull(PullRequest(PullMode.CHANGES, cursor))
    assert page.done
    assert ids[5] in {record.record_id for record in page.records}


async def test_what_changes_during_a_backfill_is_told_afterwards(org: Any, client: Open) -> None:
    world = org.crm.world
    ids = world.seed("Lead", 6000, None, 8)
    api = client()
    page = await api.pull(PullRequest(PullMode.FULL, None, backfill=True))
    assert (page.total, page.done, page.records) == (6000, False, [])
    world.edit("Lead", ids[0], {"City": "Late"})
    world.delete("Lead", ids[1])
    _, cursor = await read(api, page.cursor)
    changes = await api.pull(PullRequest(PullMode.CHANGES, cursor))
    seen = {record.record_id: record for record in changes.records}
    while not changes.done:
        changes = await api.pull(PullRequest(PullMode.CHANGES, changes.cursor))
        seen |= {record.record_id: record for record in changes.records}
    assert seen[ids[0]].fields["City"] == "Late"
    assert seen[ids[1]].deleted


@pytest.mark.parametrize("fate", ["failed", "deleted"])
async def test_a_backfill_whose_job_is_gone_reads_page_by_page(org: Any, client: Open, fate: str) -> None:
    ids = org.crm.world.seed("Lead", 2500, None, 8)
    api = client()
    if fate == "failed":
        org.fault("bulk_job_failed", times=1)
    page = await api.pull(PullRequest(PullMode.FULL, None, backfill=True))
    cursor = page.cursor if fate == "failed" else {**page.cursor, "job": "7505e000000XXXXAAA"}
    told, cursor = await read(api, cursor)
    assert set(told) == set(ids)
    assert set(cursor) == {"at", "id"}
