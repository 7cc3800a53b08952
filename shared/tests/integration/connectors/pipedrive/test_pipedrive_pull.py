"""Reading persons: all of them, what changed, what was deleted, by number."""

from typing import Any

import pytest

from hub.contracts.connector import PullRequest
from hub.contracts.failures import CrmFailure
from hub.contracts.pulling import PullMode
from hub.registry import CONNECTORS

Company = Any
Pull = Any
CHANGES = PullMode.CHANGES


def registers(records: Any, **config: Any) -> dict[str, dict[str, Any]]:
    """What the hub makes of records, by number; the last word about each counts."""
    mapping = CONNECTORS["pipedrive"].mapping({"crm_type": "pipedrive", **config})
    return {each.record_id: dict(mapping.inbound(each.fields).registers) for each in records if not each.deleted}


async def test_everybody_is_read_and_then_what_changed(crm: Company, pull: Pull) -> None:
    await crm.control("seed", {"object": "person", "count": 3000})
    client = crm.client()
    page = await client.pull(PullRequest(PullMode.FULL))
    await crm.control("clock", {"advance": 5})
    await crm.control("edit", {"object": "person", "id": "10", "fields": {"name": "Read already"}})
    await crm.control("edit", {"object": "person", "id": "2500", "fields": {"name": "Not yet"}})
    rest, cursor = await pull(crm.client(), PullMode.FULL, page.cursor)  # by another client: a restart
    found = registers([*page.records, *rest])
    persons = {str(each["id"]): each for each in await crm.persons()}
    assert set(found) == set(persons)
    assert (found["10"]["last_name"], found["2500"]["last_name"]) == ("already", "yet")
    for number, person in persons.items():
        assert found[number]["email"] == person["emails"][0]["value"]
        assert found[number]["phone"] == person["phones"][0]["value"]
        assert f"{found[number]['first_name']} {found[number]['last_name']}" == person["name"]
        assert found[number]["custom.Member Type"] == person["Member Type"]
        assert found[number]["status"] in ("new", "contacted", "qualified", "enrolled", "lost")
    await crm.control("clock", {"advance": 3600})
    edits = [{"id": str(n), "fields": {"emails": [{"value": f"e{n}@x.org"}]}} for n in range(100, 1300)]
    await crm.control("edit", {"object": "person", "edits": edits})
    await crm.control("delete", {"object": "person", "ids": [str(n) for n in range(50, 60)]})
    await crm.control("merge", {"object": "person", "winner": "70", "losers": ["71"]})
    changes, following = await pull(crm.client(), CHANGES, cursor)
    changed = registers(changes)
    assert {number for number in changed if 100 <= int(number) < 1300} == {str(n) for n in range(100, 1300)}
    assert {changed[str(n)]["email"] for n in range(100, 1300)} == {f"e{n}@x.org" for n in range(100, 1300)}
    assert {each.record_id for each in changes if each.deleted} == {*(str(n) for n in range(50, 60)), "71"}
    assert "70" in changed
    await crm.control("clock", {"advance": 3600})
    again, _ = await pull(crm.client(), CHANGES, following)
    assert {each.record_id for each in again} <= {each.record_id for each in changes}  # the overlap, nothing more
    later, _ = await pull(crm.client(), PullMode.FULL, following)  # a full run never begins at a cursor of changes
    assert len(registers(later)) == 3000 - 11


async def test_what_is_written_in_the_same_second_is_not_missed(crm: Company, pull: Pull) -> None:
    await crm.control("clock", {"now": "2026-03-01T12:00:00+00:00"})
    await crm.control("seed", {"object": "person", "count": 1200})
    records, cursor = await pull(crm.client())
    assert len(registers(records)) == 1200
    await crm.control("seed", {"object": "person", "count": 3})
    changes, _ = await pull(crm.client(), CHANGES, cursor)
    assert {"1201", "1202", "1203"} <= set(registers(changes))


async def test_an_expired_cursor_goes_on_from_the_last_change(crm: Company, pull: Pull) -> None:
    for _ in range(4):
        await crm.control("seed", {"object": "person", "count": 400})
        await crm.control("clock", {"advance": 60})
    client = crm.client()
    first = await client.pull(PullRequest(PullMode.FULL))
    second = await client.pull(PullRequest(PullMode.FULL, first.cursor))
    await crm.control("calls/reset")
    rest, _ = await pull(client, PullMode.FULL, {**second.cursor, "page": "expired"})
    found = registers([*first.records, *second.records, *rest])
    assert len(found) == 1600
    assert (await crm.calls())["GET /api/v2/persons"] <= 4  # the refused one, and less than from the beginning


async def test_a_pager_that_never_ends_is_named(crm: Company) -> None:
    await crm.control("seed", {"object": "person", "count": 1500})
    client = crm.client()
    first = await client.pull(PullRequest(PullMode.FULL))
    await crm.faults({"match": {"path": "/persons"}, "kind": "stuck_cursor", "times": 1})
    with pytest.raises(CrmFailure) as stuck:
        await client.pull(PullRequest(PullMode.FULL, first.cursor))
    assert stuck.value.error.code == "ENDLESS_PAGE"
    assert len((await client.pull(PullRequest(PullMode.FULL, first.cursor))).records) == 500


async def test_an_empty_company_has_no_end_of_beginnings(crm: Company, pull: Pull) -> None:
    records, cursor = await pull(crm.client())
    assert records == []
    records, cursor = await pull(crm.client(), CHANGES, cursor)
    assert records == []
    await crm.control("seed", {"object": "person", "count": 2})
    records, _ = await pull(crm.client(), CHANGES, cursor)
    assert len(records) == 2


async def test_without_the_list_of_recent_changes_there_are_still_changes(crm: Company, pull: Pull) -> None:
    await crm.control("seed", {"object": "person", "count": 3})
    _, cursor = await pull(crm.client())
    await crm.faults({"match": {"path": "/recents"}, "kind": "status", "status": 403,
                      "body": {"success": False, "error": "Scope and URL mismatch", "errorCode": 403}})  # fmt: skip
    records, _ = await pull(crm.client(), CHANGES, cursor)
    assert len(records) == 3


async def test_persons_by_number(crm: Company) -> None:
    await crm.control("seed", {"object": "person", "count": 250})
    await crm.control("delete", {"object": "person", "ids": ["7"]})
    await crm.control("calls/reset")
    numbers = [*(str(n) for n in range(1, 251)), "251", "no-number"]
    found = {each.record_id: each for each in await crm.client().fetch(numbers)}
    assert set(found) == set(numbers)
    assert {each for each in found if found[each].deleted} == {"7", "251", "no-number"}
    calls = await crm.calls()
    assert (calls["GET /api/v2/persons"], calls["GET /api/v2/persons/{id}"]) == (3, 2)


async def test_owners_that_nobody_mapped(crm: Company) -> None:
    for owner in (1, 2, 3):
        await crm.control("create", {"object": "person", "fields": {"name": "Ana", "owner_id": owner}})
    config = {"owners": {"agent7": 2}, "owners_by_email": False}
    found = registers(await crm.client(**config).fetch(["1", "2", "3"]), **config)
    assert "agent_id" not in found["1"]  # the hub's own user: whoever made the person, it is nobody's
    assert (found["2"]["agent_id"], found["3"]["agent_id"]) == ("agent7", "pipedrive:3")
    assert registers(await crm.client().fetch(["3"]))["3"]["agent_id"] == "agent3@company.example.com"


async def test_a_field_made_meanwhile_is_read_by_its_name(crm: Company) -> None:
    first, other = crm.client(), crm.client()
    await crm.control("seed", {"object": "person", "count": 2})
    await first.fetch(["1"])
    await other._persons.ensured({"Shoe": "41"})
    first._persons._read_at -= 6  # as if some seconds had passed
    await crm.control("edit", {"object": "person", "id": "1", "fields": {"Shoe": "41"}})
    assert registers(await first.fetch(["1"]))["1"]["custom.Shoe"] == "41"
