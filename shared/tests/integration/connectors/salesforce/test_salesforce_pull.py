"""Leads from a simulated org: all of them, then what changed, was deleted or merged, from any page on."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest

from hub.contracts.connector import CrmClient, PullRequest
from hub.contracts.failures import CrmFailure, FailureKind
from hub.contracts.pulling import Cursor, Page, PullMode, RemoteRecord
from hub.contracts.pushing import PushItem
from hub.registry import CONNECTORS
from simulators.salesforce.fields import plain

Open = Callable[..., CrmClient]
BY_ID = CONNECTORS["salesforce"].mapping({"owners_by_email": False})


async def pages(api: CrmClient, mode: PullMode, cursor: Cursor | None = None, **options: Any) -> AsyncIterator[Page]:
    """To the end; a page that fails is asked for again with the same cursor."""
    failures = 0
    while True:
        try:
            page = await api.pull(PullRequest(mode, cursor, **options))
        except CrmFailure as failure:
            failures += 1
            if failure.kind not in (FailureKind.NETWORK, FailureKind.SERVER) or failures > 200:
                raise
            continue
        yield page
        if page.done:
            return
        assert page.cursor != cursor
        cursor = page.cursor


async def read(api: CrmClient, mode: PullMode, cursor: Cursor | None = None, **options: Any) -> tuple[
    dict[str, RemoteRecord], Cursor
]:  # fmt: skip
    """The last that was told of each record, and where the next reading begins."""
    told: dict[str, RemoteRecord] = {}
    async for page in pages(api, mode, cursor, **options):
        told |= {record.record_id: record for record in page.records}
        cursor = page.cursor
    assert cursor is not None
    return told, cursor


def same(told: Mapping[str, RemoteRecord], stored: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether what was told is what is stored, in the hub's terms."""
    alive = {record_id: record for record_id, record in told.items() if not record.deleted}
    assert set(alive) == set(stored)
    for record_id, record in alive.items():
        registers = BY_ID.inbound(record.fields).registers
        expected = BY_ID.inbound(stored[record_id]).registers
        assert {name: value for name, value in registers.items() if value is not None} == expected
    return True


async def test_everything_then_what_changed(org: Any, client: Open) -> None:
    world = org.crm.world
    ids = world.seed("Lead", 4500, None, 3)
    api = client()
    first = [page async for page in pages(api, PullMode.FULL)]
    assert [len(page.records) for page in first] == [2000, 2000, 500]
    assert first[0].total == 4500
    assert org.calls() == 5  # description, count, three pages
    told = {record.record_id: record for page in first for record in page.records}
    assert same(told, org.leads())
    assert all(record.modified_at and record.modified_at.endswith("Z") for record in told.values())

    world.clock.advance(3600)
    for number in range(0, 300):
        world.edit("Lead", ids[number], {"City": f"C{number}", "Description": "x\n\"y\" 'z'"})
    for number in range(300, 320):
        world.delete("Lead", ids[number])
    world.merge("Lead", ids[400], [ids[401], ids[402]])
    created = world.create("Lead", {"LastName": "New", "Company": "N"})["Id"]
    changes, cursor = await read(api, PullMode.CHANGES, first[-1].cursor)
    assert {record_id for record_id, record in changes.items() if record.deleted and not record.merged_into} == {
        *ids[300:320]
    }
    merged = {record_id: record.merged_into for record_id, record in changes.items() if record.merged_into}
    assert merged == {ids[401]: ids[400], ids[402]: ids[400]}
    assert {*ids[:300], ids[400], created} <= set(changes)
    assert same(told | changes, org.leads())

    world.clock.advance(3600)
    quiet, cursor = await read(api, PullMode.CHANGES, cursor)
    again, same_place = await read(api, PullMode.CHANGES, cursor)
    assert set(again) == set(quiet) <= set(changes)  # the overlap alone
    assert same_place == cursor


async def test_records_that_change_meanwhile_are_not_missed(org: Any, client: Open) -> None:
    world = org.crm.world
    ids = world.seed("Lead", 5000, None, 4)
    api, turn = client(), 0
    told: dict[str, RemoteRecord] = {}
    cursor: Cursor | None = None
    async for page in pages(api, PullMode.FULL):
        told |= {record.record_id: record for record in page.records}
        for number in range(turn * 100, turn * 100 + 50):
            world.edit("Lead", ids[number], {"City": f"turn {turn}"})
        world.delete("Lead", ids[4000 + turn])
        world.create("Lead", {"LastName": f"N{turn}", "Company": "N"})
        turn, cursor = turn + 1, page.cursor
    changes, _ = await read(api, PullMode.CHANGES, cursor)
    told |= changes
    assert same(told, org.leads())


async def test_ten_thousand_records_of_one_second(org: Any, client: Open) -> None:
    world = org.crm.world
    moment = "2026-01-10T10:30:00.000Z"
    rows = [{"LastName": f"L{number}", "Company": "C", "SystemModstamp": moment} for number in range(10_000)]
    ids = world.seed("Lead", 0, rows, 1)
    told, _ = await read(client(), PullMode.FULL)
    assert set(told) == set(ids)


@pytest.mark.parametrize("kind", ["lost_answer", "truncate", "html", "server_unavailable", "reset"])
async def test_a_reading_survives_the_road_and_restarts(org: Any, client: Open, kind: str) -> None:
    world = org.crm.world
    ids = world.seed("Lead", 7000, None, 5)
    org.fault(kind, match={"path": "/services/data"}, probability=0.3)
    told: dict[str, RemoteRecord] = {}
    cursor: Cursor | None = None
    done = False
    while not done:  # each page by a process of its own
        async for page in pages(client(), PullMode.FULL, cursor):
            told |= {record.record_id: record for record in page.records}
            cursor, done = page.cursor, page.done
            break
    assert set(told) == set(ids)
    world.clock.advance(600)
    for each in ids[:10]:
        world.delete("Lead", each)
    changes, _ = await read(client(), PullMode.CHANGES, cursor)
    assert {record_id for record_id, record in changes.items() if record.deleted} == set(ids[:10])


async def test_changes_without_a_place_are_everything(org: Any, client: Open) -> None:
    ids = org.crm.world.seed("Lead", 30, None, 5)
    org.crm.world.delete("Lead", ids[0])
    told, _ = await read(client(), PullMode.CHANGES)
    assert set(told) == set(ids)
    assert [record_id for record_id, record in told.items() if record.deleted] == [ids[0]]
    nothing, cursor = await read(client(objects={"lead": "Contact"}), PullMode.CHANGES)
    assert (nothing, cursor) == ({}, {})


async def test_automation_counts_as_a_change(org: Any, client: Open) -> None:
    world = org.crm.world
    ids = world.seed("Lead", 10, None, 5)
    _, cursor = await read(client(), PullMode.FULL)
    world.clock.advance(3600)
    world.org.records.touch(world.object("Lead"), ids[3], {"City": "Auto"}, world.org.person)
    changes, _ = await read(client(), PullMode.CHANGES, cursor)
    assert changes[ids[3]].fields["City"] == "Auto"


async def test_an_undeleted_lead_comes_back(org: Any, client: Open) -> None:
    world = org.crm.world
    (only,) = world.seed("Lead", 1, None, 5)
    world.delete("Lead", only)
    told, cursor = await read(client(), PullMode.CHANGES)
    assert told[only].deleted
    world.org.records.undelete(world.object("Lead"), only, world.org.person)
    told, _ = await read(client(), PullMode.CHANGES, cursor)
    assert not told[only].deleted


async def test_fetching_by_id(org: Any, client: Open) -> None:
    world = org.crm.world
    ids = world.seed("Lead", 450, None, 6)
    world.delete("Lead", ids[0])
    world.merge("Lead", ids[1], [ids[2]])
    api = client()
    await api.describe()
    org.calls()
    asked = [*ids, "00Q5e0000004C91EAE", "no id at all", ids[5]]
    found = {record.record_id: record for record in await api.fetch(asked)}
    assert org.calls() == 3
    assert set(found) == set(asked)
    gone = {record_id: record.merged_into for record_id, record in found.items() if record.deleted}
    assert gone == {ids[0]: None, ids[2]: ids[1], "00Q5e0000004C91EAE": None, "no id at all": None}
    assert found[ids[5]].fields["LastName"] == org.leads()[ids[5]]["LastName"]


async def test_a_wide_object_is_still_asked_in_one_call(org: Any, client: Open) -> None:
    lead = org.crm.world.org.schema.needed("Lead")
    for number in range(300):
        lead.put(plain(f"A_Rather_Long_Name_Of_A_Field_{number:04}__c", "x", length=255))
    ids = org.crm.world.seed("Lead", 200, None, 6)
    api = client()
    await api.describe()
    org.calls()
    assert {record.record_id for record in await api.fetch(ids)} == set(ids)
    assert org.calls() == 1


async def test_whose_a_lead_is(org: Any, client: Open) -> None:
    world = org.crm.world
    api = client()
    owners = {each.email: each.id for each in await api.owners()}
    agent, ours = owners["agent1@hub.example.com"], world.org.user
    await api.push([PushItem(1, None, "MPP-1", {}, {"LastName": "Made by the hub for nobody it knows"})])
    theirs = world.create("Lead", {"LastName": "A", "Company": "B", "OwnerId": agent})["Id"]
    own = world.create("Lead", {"LastName": "A", "Company": "B", "OwnerId": ours})["Id"]
    made = org.by_reference()["MPP-1"]["Id"]
    for by_email, expected in (
        (True, {theirs: "agent1@hub.example.com", own: "integration@hub.example.com", made: None}),
        (False, {theirs: f"salesforce:{agent}", own: f"salesforce:{ours}", made: None}),
    ):
        mapping = CONNECTORS["salesforce"].mapping({"owners_by_email": by_email})
        told, _ = await read(client(owners_by_email=by_email), PullMode.FULL)
        agents = {each.record_id: mapping.inbound(each.fields).registers.get("agent_id") for each in told.values()}
        assert agents == expected


async def test_a_field_that_vanishes_or_appears_stops_nothing(org: Any, client: Open) -> None:
    lead = org.crm.world.org.schema.needed("Lead")
    ids = org.crm.world.seed("Lead", 10, None, 5)
    api = client()
    await read(api, PullMode.FULL)
    lead.drop("Member_Type__c")
    told, _ = await read(api, PullMode.FULL)
    assert set(told) == set(ids)
    assert all("Member_Type__c" not in record.fields for record in told.values())


async def test_a_cursor_of_somebody_else_is_refused(org: Any, client: Open) -> None:
    with pytest.raises(CrmFailure) as caught:
        await client().pull(PullRequest(PullMode.CHANGES, {"at": "x' OR Id != '"}))
    assert (caught.value.kind, caught.value.error.code) == (FailureKind.VALIDATION, "BAD_CURSOR")
