"""Contacts read from a HubSpot: all of them, then what changed, was deleted or merged, whatever happens meanwhile."""

from typing import Any

import orjson
import pytest

from hub.connectors.hubspot import wire
from hub.contracts.connector import PullRequest
from hub.contracts.failures import CrmFailure
from hub.contracts.pulling import PullMode, RemoteRecord
from hub.registry import CONNECTORS

from .portal import Everything, HubSpot, Open


def seen(records: list[RemoteRecord]) -> dict[str, dict[str, Any]]:
    """The last state of each record that is there."""
    return {each.record_id: dict(each.fields) for each in records if not each.deleted}


def same(hubspot: HubSpot, records: dict[str, dict[str, Any]]) -> None:
    """Field by field."""
    stored = hubspot.contacts()
    assert records.keys() == stored.keys()
    for number, fields in records.items():
        for name in ("firstname", "lastname", "email", "phone", "lifecyclestage", "company", "zip"):
            assert fields.get(name) == stored[number].get(name), (number, name)


async def test_everything_then_changes_deletes_and_merges(
    hubspot: HubSpot, client: Open, everything: Everything
) -> None:
    ids = hubspot.world.seed("contacts", 3000, None, 1)
    api = client(pull_overlap=1)
    records, cursor = await everything(api)
    same(hubspot, seen(records))
    assert hubspot.calls()["GET /crm/v3/objects/{objectType}"] == 31  # a hundred a page, and the recycling bin

    known = seen(records)
    hubspot.world.clock.advance(5)
    for number in ids[:700]:
        hubspot.world.edit("contacts", number, {"firstname": f"New{number}", "phone": ""})
    for number in ids[700:720]:
        hubspot.world.delete("contacts", number)
    hubspot.world.merge("contacts", ids[800], [ids[801], ids[802]])
    created = hubspot.world.create("contacts", {"email": "late@example.com"})["id"]
    records, cursor = await everything(api, PullMode.CHANGES, cursor)
    gone = {each.record_id: each.merged_into for each in records if each.deleted}
    assert gone == dict.fromkeys(ids[700:720]) | {ids[801]: ids[800], ids[802]: ids[800]}
    assert created in seen(records)
    known |= seen(records)
    same(hubspot, {number: fields for number, fields in known.items() if number not in gone})

    hubspot.world.clock.advance(3600)
    hubspot.calls()
    records, cursor = await everything(api, PullMode.CHANGES, cursor)
    assert sum(hubspot.calls().values()) < 12  # what is within the overlap comes again, the rest does not
    hubspot.world.edit("contacts", ids[5], {"firstname": "Last"})
    records, cursor = await everything(api, PullMode.CHANGES, cursor)
    assert seen(records)[ids[5]]["firstname"] == "Last"


async def test_a_run_goes_on_after_a_restart_at_any_page_while_people_work(
    hubspot: HubSpot, client: Open, everything: Everything
) -> None:
    ids = hubspot.world.seed("contacts", 1200, None, 1)
    _, cursor = await everything(client())
    hubspot.world.clock.advance(1)
    for number in ids:
        hubspot.world.edit("contacts", number, {"city": "Waco"})
    found: dict[str, dict[str, Any]] = {}
    for step in range(100):
        page = await client().pull(PullRequest(PullMode.CHANGES, cursor))  # a new process every time
        found |= seen(list(page.records))
        cursor = orjson.loads(orjson.dumps(page.cursor))
        if page.done:
            break
        if step < 8:
            hubspot.world.clock.advance(0.05)
            for number in ids[step * 30 : step * 30 + 30]:
                hubspot.world.edit("contacts", number, {"city": f"Rome {step}"})
    assert page.done
    assert step > 5
    records, _ = await everything(client(), PullMode.CHANGES, cursor)  # what came after the last page
    found |= seen(records)
    same(hubspot, found)
    assert all(found[number]["city"] == hubspot.contacts()[number]["city"] for number in ids)


async def test_a_crowd_of_one_moment_is_larger_than_any_query_gives(
    hubspot: HubSpot, client: Open, everything: Everything
) -> None:
    rows = [
        {"properties": {"firstname": f"P{n}"}, "createdAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-01-02T00:00:00Z"}
        for n in range(11_000)
    ]
    hubspot.world.seed("contacts", 0, rows, 1)
    later = hubspot.world.create("contacts", {"email": "later@example.com"})["id"]
    beginning = {"at": "rest", "since": 1, "last": 1, "heard": 0.0}
    api = client()
    records, _ = await everything(api, PullMode.CHANGES, beginning)
    assert len(seen(records)) == 11_001
    assert later in seen(records)
    assert hubspot.calls()["POST /crm/v3/objects/{objectType}/search"] < 65


async def test_what_the_index_learns_late_is_read_by_the_next_run(
    hubspot: HubSpot, client: Open, everything: Everything
) -> None:
    ids = hubspot.world.seed("contacts", 50, None, 1)
    api = client()
    _, cursor = await everything(api)
    hubspot.world.clock.advance(200)
    hubspot.world.options.search_lag = 30.0
    hubspot.world.edit("contacts", ids[0], {"firstname": "Slow"})
    hubspot.world.options.search_lag = 0.0
    hubspot.world.clock.advance(5)
    hubspot.world.edit("contacts", ids[1], {"firstname": "Quick"})
    records, cursor = await everything(api, PullMode.CHANGES, cursor)
    names = {fields["firstname"] for fields in seen(records).values()}
    assert "Quick" in names
    assert "Slow" not in names
    hubspot.world.clock.advance(60)
    records, _ = await everything(api, PullMode.CHANGES, cursor)
    assert "Slow" in {fields["firstname"] for fields in seen(records).values()}


async def test_a_merge_into_a_new_record(hubspot: HubSpot, client: Open, everything: Everything) -> None:
    hubspot.world.options.merge_creates_new = True
    one, two = hubspot.world.seed("contacts", 2, None, 1)
    api = client()
    _, cursor = await everything(api)
    new = hubspot.world.merge("contacts", one, [two])["id"]
    records, _ = await everything(api, PullMode.CHANGES, cursor)
    assert {each.record_id: each.merged_into for each in records if each.deleted} == {one: new, two: new}
    assert set(seen(records)) == {new}
    fetched = await api.fetch([one, two, new])
    assert {each.record_id: each.merged_into for each in fetched} == {one: new, two: new, new: None}


async def test_fetching(hubspot: HubSpot, client: Open) -> None:
    ids = hubspot.world.seed("contacts", 250, None, 1)
    hubspot.world.delete("contacts", ids[3])
    hubspot.world.merge("contacts", ids[10], [ids[11]])
    api = client()
    await api.describe()
    hubspot.calls()
    found = {each.record_id: each for each in await api.fetch([*ids, "99", "no-id"])}
    assert len(found) == 252
    assert {number for number, each in found.items() if each.deleted} == {ids[3], ids[11], "99", "no-id"}
    assert found[ids[11]].merged_into == ids[10]
    assert found[ids[0]].fields["email"] == hubspot.contacts()[ids[0]]["email"]
    calls = hubspot.calls()
    assert calls["POST /crm/v3/objects/{objectType}/batch/read"] == 3


async def test_more_properties_than_a_request_can_name(hubspot: HubSpot, client: Open, everything: Everything) -> None:
    schema = hubspot.world.portal.objects["contacts"].schema
    for n in range(300):
        name = f"a_rather_long_name_for_a_property_{n}"
        schema.create({"name": name, "label": name, "type": "string", "fieldType": "text",
                       "groupName": "contactinformation"}, 1)  # fmt: skip
    last = "a_rather_long_name_for_a_property_299"
    ids = hubspot.world.seed("contacts", 0, [{"email": f"p{n}@example.com", last: f"v{n}"} for n in range(150)], 1)
    api = client()
    records, cursor = await everything(api)
    assert [seen(records)[number][last] for number in ids] == [f"v{n}" for n in range(150)]
    hubspot.world.clock.advance(1)
    hubspot.world.edit("contacts", ids[7], {last: "changed"})
    records, _ = await everything(api, PullMode.CHANGES, cursor)
    assert seen(records)[ids[7]][last] == "changed"
    assert wire.LONGEST_SEARCH == 3000


async def test_records_read_as_leads(hubspot: HubSpot, client: Open, everything: Everything) -> None:
    owners = {"agent1": "41629780"}
    rows = [
        {"email": "a@example.com", "lifecyclestage": "customer", "hubspot_owner_id": "41629779", "zip": "78701"},
        {"email": "b@example.com", "hubspot_owner_id": "41629780", "jobtitle": "not mapped"},
    ]
    hubspot.world.seed("contacts", 0, rows, 1)
    config = {"crm_type": "hubspot", "owners": owners}
    for by_email, agent in ((True, "ana.reyes@mpp.example.com"), (False, "hubspot:41629779")):
        api = client(owners=owners, owners_by_email=by_email)
        records, _ = await everything(api)
        first, second = (CONNECTORS["hubspot"].mapping(config).inbound(each.fields).registers for each in records)
        assert (first["status"], first["agent_id"], first["postal_code"]) == ("enrolled", agent, "78701")
        assert second["agent_id"] == "agent1"
        assert first["first_name"] is None
        assert not [name for name in second if name.startswith("custom.")]


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ({"kind": "html"}, "HTML_ANSWER"),
        ({"kind": "truncate"}, "CONNECTION_LOST"),
        ({"kind": "status", "status": 200, "body": '{"results": {}}'}, "UNEXPECTED_ANSWER"),
        ({"kind": "status", "status": 200, "body": "[]"}, "UNEXPECTED_ANSWER"),
        ({"kind": "status", "status": 307, "headers": {"Location": "https://evil.example"}}, "REDIRECT_REFUSED"),
        ({"kind": "status", "status": 521}, "HTTP_521"),
    ],
)
async def test_a_page_that_fails_is_named_and_can_be_tried_again(
    hubspot: HubSpot, client: Open, rule: dict[str, Any], code: str
) -> None:
    hubspot.world.seed("contacts", 10, None, 1)
    api = client()
    first = await api.pull(PullRequest(PullMode.FULL))
    hubspot.faults({**rule, "times": 1})
    with pytest.raises(CrmFailure) as caught:
        await api.pull(PullRequest(PullMode.FULL, first.cursor))
    assert caught.value.error.code == code
    page = await api.pull(PullRequest(PullMode.FULL, first.cursor))
    assert (page.done, page.total) == (True, 10)


async def test_a_pager_that_gives_the_first_page_for_ever(hubspot: HubSpot, client: Open) -> None:
    hubspot.world.seed("contacts", 10, None, 1)
    api = client()
    same_again = '{"results": [{"id": "5", "properties": {}}], "paging": {"next": {"after": "5"}}}'
    first = await api.pull(PullRequest(PullMode.FULL))
    assert not first.done
    hubspot.faults({"kind": "status", "status": 200, "body": same_again})
    second = await api.pull(PullRequest(PullMode.FULL, first.cursor))
    with pytest.raises(CrmFailure, match="STUCK_PAGER"):
        await api.pull(PullRequest(PullMode.FULL, second.cursor))


async def test_a_cursor_that_is_not_ours_begins_anew(hubspot: HubSpot, client: Open, everything: Everything) -> None:
    hubspot.world.seed("contacts", 10, None, 1)
    for cursor in (None, {"page": 5}):
        records, _ = await everything(client(), PullMode.CHANGES, cursor)
        assert len(seen(records)) == 10


async def test_a_record_that_could_not_be_read_is_not_taken_for_deleted(hubspot: HubSpot, client: Open) -> None:
    (number,) = hubspot.world.seed("contacts", 1, None, 1)
    api = client()
    await api.describe()
    troubled = '{"status": "COMPLETE", "results": [], "errors": [{"category": "INTERNAL_ERROR", "message": "m"}]}'
    forgetful = '{"status": "COMPLETE", "results": []}'
    for body, code in ((troubled, "INTERNAL_ERROR"), (forgetful, "UNEXPECTED_ANSWER")):
        hubspot.faults({"kind": "status", "status": 207, "body": body, "match": {"path": "/batch/read"}})
        with pytest.raises(CrmFailure) as caught:
            await api.fetch([number])
        assert caught.value.error.code == code
