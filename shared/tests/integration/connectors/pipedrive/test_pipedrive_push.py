"""Writing persons and the deals of enrolments."""

from typing import Any

import pytest

from hub.contracts.failures import CrmFailure, FailureKind
from hub.registry import CONNECTORS

Company = Any
Item = Any


async def test_a_connection_is_tried_and_its_fields_are_made(crm: Company) -> None:
    client = crm.client()
    identity = await client.test()
    assert (identity.tenant, identity.account) == ("123", "Company")
    assert "MPP ID" in await crm.control("fields/persons", method="GET")
    assert "MPP ID" in await crm.control("fields/deals", method="GET")
    before = await crm.control("fields/persons", method="GET")
    await crm.client().test()
    assert await crm.control("fields/persons", method="GET") == before


async def test_fields_are_not_made_against_the_configuration(crm: Company, item: Item) -> None:
    client = crm.client(create_fields=False)
    with pytest.raises(CrmFailure) as refused:
        await client.test()
    assert (refused.value.error.code, refused.value.error.field) == ("MISSING_FIELD", "MPP ID")
    (result,) = await client.push([item(1, first_name="Ana", custom__shoe="41")])
    assert (result.ok, set(result.left_out)) == (True, {"shoe", "MPP ID"})
    assert "shoe" not in await crm.control("fields/persons", method="GET")


async def test_a_lead_becomes_a_person_with_all_it_has(crm: Company, item: Item) -> None:
    client = crm.client()
    lead = {
        "first_name": "Mary Ann", "last_name": "van Berg", "email": "mary@example.com", "phone": "+1 210 555 0123",
        "status": "contacted", "lead_source": "Referral", "agent_id": "agent3@company.example.com", "city": "Austin",
        "date_of_birth": "1980-02-29", "notes": "long", "custom__Monthly Premium": 49.5,
        "custom__Interests": "Dental; Life", "custom__smoker": False, "custom__height": 1.8, "custom__plan": "Gold",
    }  # fmt: skip
    (result,) = await client.push([item(7, **lead)])
    assert (result.ok, result.action) == (True, "create")
    (person,) = await crm.persons()
    assert (person["name"], person["owner_id"], person["MPP ID"]) == ("Mary Ann van Berg", 3, "MPP-7")
    assert person["Monthly Premium"] == {"value": 49.5, "currency": "USD"}
    assert person["Date of Birth"] == "1980-02-29"
    (record,) = await client.fetch([result.external_id])
    mapping = crm_mapping()
    inbound = mapping.inbound(record.fields)
    assert inbound.lead_id == 7
    assert not inbound.problems
    expected = {name.replace("custom__", "custom."): value for name, value in lead.items()}
    assert {name: inbound.registers[name] for name in expected} == expected


def crm_mapping(**config: Any) -> Any:
    return CONNECTORS["pipedrive"].mapping({"crm_type": "pipedrive", **config})


async def test_a_thousand_leads_created_and_changed(crm: Company, item: Item) -> None:
    client = crm.client()
    await client.test()
    await crm.control("calls/reset")
    lead = {"email": "p@example.com", "status": "new"}
    leads = [{"first_name": f"F{n}", "last_name": f"L{n}", **lead} for n in range(1000)]
    ids: list[str] = []
    for start in range(0, 1000, 100):
        batch = [item(n, **leads[n]) for n in range(start, start + 100)]
        results = await client.push(batch)
        assert all(result.ok and result.action == "create" for result in results)
        ids += [result.external_id for result in results]
    created = await crm.calls()
    assert created == {"POST /api/v2/persons": 1000}
    await crm.control("calls/reset")
    for start in range(0, 1000, 100):
        batch = [
            item(n, ids[n], ("status", "phone"), **leads[n] | {"status": "qualified", "phone": f"+1 555 {n:04}"})
            for n in range(start, start + 100)
        ]
        assert all(result.ok and result.action == "update" for result in await client.push(batch))
    changed = await crm.calls()
    assert changed == {"PATCH /api/v2/persons/{id}": 1000, "GET /api/v2/persons": 10}
    persons = await crm.persons()
    assert len(persons) == 1000
    assert {(p["MPP ID"], p["name"], p["phones"][0]["value"]) for p in persons} == {
        (f"MPP-{n}", f"F{n} L{n}", f"+1 555 {n:04}") for n in range(1000)
    }


async def test_what_else_a_person_has_stays(crm: Company, item: Item) -> None:
    emails = [{"value": "home@x.org", "label": "home"}, {"value": "old@x.org", "primary": True, "label": "work"}]
    made = await crm.control("create", {"object": "person", "fields": {
        "name": "Ana Lee", "emails": emails, "Monthly Premium": {"value": 10, "currency": "EUR"}, "Member Type": "Gold",
    }})  # fmt: skip
    client = crm.client()
    lead = {"email": "new@x.org", "custom.Monthly Premium": 12}
    (result,) = await client.push([item(1, str(made["id"]), **lead)])
    assert result.ok
    (person,) = await crm.persons()
    found = [(each["value"], each["primary"]) for each in person["emails"]]
    assert found == [("home@x.org", False), ("new@x.org", True)]
    assert (person["Monthly Premium"], person["Member Type"]) == ({"value": 12, "currency": "EUR"}, "Gold")
    (result,) = await client.push([item(1, str(made["id"]), email=None)])
    assert result.ok
    (person,) = await crm.persons()
    assert [(each["value"], each["primary"]) for each in person["emails"]] == [("home@x.org", True)]


async def test_one_bad_record_does_not_stop_the_others(crm: Company, item: Item) -> None:
    client = crm.client(create_options=False)
    results = await client.push([
        item(1, first_name="Ana"),
        item(2, first_name="Bo", lead_source="Moon"),
        item(3, first_name="Cy", date_of_birth="yesterday"),
        item(4, "999", first_name="Di"),
        item(5, first_name="Ed", agent_id="pipedrive:77"),
        item(6, first_name="Flo"),
        item(7, "nonsense", first_name="Gus"),
    ])  # fmt: skip
    assert [result.ok for result in results] == [True, False, False, False, True, True, False]
    assert results[4].left_out == ("user_id",)
    told = [(r.error.code, r.error.field, r.error.attempted_value) for r in results if r.error]
    assert told[0] == ("NO_SUCH_OPTION", "Lead Source", "Moon")
    assert told[1] == ("INVALID_VALUE", "Date of Birth", "yesterday")
    assert (results[3].gone, results[6].gone) == (True, True)
    assert {result.kind for result in results if not result.ok} == {FailureKind.VALIDATION}
    there = sorted((each["name"], each["owner_id"]) for each in await crm.persons())
    assert there == [("Ana", 1), ("Ed", 1), ("Flo", 1)]


async def test_options_and_fields_are_made_once(crm: Company, item: Item) -> None:
    first, second = crm.client(), crm.client()
    await first.push([item(1, first_name="Ana", lead_source="Moon", custom__shoe=41)])
    bo = item(2, first_name="Bo", lead_source="moon", custom__shoe=42)
    await second.push([bo, item(3, custom__Interests="Golf")])
    persons = await crm.persons()
    assert persons[0]["Lead Source"] == persons[1]["Lead Source"]
    assert [person.get("shoe") for person in persons[:2]] == [41, 42]


async def test_a_field_that_somebody_deleted_is_made_anew(crm: Company, item: Item) -> None:
    client = crm.client()
    (made,) = await client.push([item(1, first_name="Ana", custom__shoe="41")])
    key = (await crm.control("fields/persons", method="GET"))["shoe"]
    await client._api.call("DELETE", f"/api/v2/personFields/{key}", tokens=10)
    (written,) = await client.push([item(1, made.external_id, custom__shoe="42")])
    assert written.ok
    (person,) = await crm.client().fetch([made.external_id])
    assert person.fields["shoe"] == "42"


async def test_an_enrolment_makes_one_deal(crm: Company, item: Item) -> None:
    config = {"deal": {"pipeline_id": 2, "currency": "EUR"}}
    client = crm.client(**config)
    lead = {"first_name": "Ana", "last_name": "Lee", "status": "enrolled", "custom.premium": 90}
    (made,) = await client.push([item(5, config=config, **lead)])
    assert (made.ok, made.action) == (True, "create")
    for each in (client, crm.client(**config)):
        again = item(5, made.external_id, ("custom.premium",), config=config, **lead | {"custom.premium": 95})
        (result,) = await each.push([again])
        assert result.ok
    (deal,) = await crm.deals()
    assert (deal["title"], deal["status"], deal["person_id"]) == ("Ana Lee enrollment", "won", int(made.external_id))
    assert (deal["value"], deal["currency"], deal["pipeline_id"]) == (95, "EUR", 2)
    assert deal["MPP ID"] == "MPP-5-deal"


@pytest.mark.parametrize("act", ["delete", "archive", "lose"])
async def test_what_somebody_did_with_the_deal_stays(crm: Company, item: Item, act: str) -> None:
    lead = {"first_name": "Ana", "last_name": "Lee", "status": "enrolled"}
    (made,) = await crm.client().push([item(5, **lead)])
    (deal,) = await crm.deals()
    if act == "delete":
        await crm.control("delete", {"object": "deal", "ids": [deal["id"]]})
    else:
        fields = {"is_archived": True} if act == "archive" else {"status": "lost"}
        await crm.control("edit", {"object": "deal", "id": deal["id"], "fields": fields})
    (result,) = await crm.client().push([item(5, made.external_id, ("city",), **lead, city="Austin")])
    assert result.ok
    assert [each["status"] for each in await crm.deals()] == {"delete": [], "archive": ["won"], "lose": ["lost"]}[act]


async def test_deleting_twice_is_done(crm: Company, item: Item) -> None:
    client = crm.client()
    (made,) = await client.push([item(1, first_name="Ana")])
    gone = item(1, made.external_id)
    assert [(r.ok, r.action) for r in await client.delete([gone, gone, item(2, "4711")])] == [(True, "delete")] * 3
    assert await crm.persons() == []
    (late,) = await client.push([item(1, made.external_id, first_name="Anna")])
    assert (late.ok, late.gone) == (False, True)


async def test_found_by_reference_and_by_address(crm: Company, item: Item) -> None:
    await crm.control("limits", {"search_lag": 3600})
    (made,) = await crm.client().push([item(1, first_name="Ana", email="ana@x.org")])
    assert await crm.client().find("MPP-1", None) == made.external_id  # although the search knows nothing yet
    await crm.control("limits", {"search_lag": 0})
    await crm.control("clock", {"advance": 7200})
    (late,) = await crm.client().push([item(2, first_name="Bo", email="bo@x.org")])
    await crm.control("clock", {"advance": 7200})
    await crm.control("seed", {"object": "person", "count": 5100})
    assert await crm.client().find("MPP-2", None) == late.external_id
    cy = {"name": "Cy", "emails": [{"value": "cy@x.org"}]}
    other = await crm.control("create", {"object": "person", "fields": cy})
    assert await crm.client().find("MPP-3", "CY@x.org") == str(other["id"])
    assert await crm.client().find("MPP-3", "ana@x.org") is None  # that is lead 1
    assert await crm.client().find("MPP-3", None) is None
    (linked,) = await crm.client(look_up_by_email=True).push([item(9, first_name="Cy", email="cy@x.org", city="Rome")])
    assert (linked.action, linked.external_id) == ("link", str(other["id"]))


async def test_described_with_owners(crm: Company) -> None:
    client = crm.client()
    await client.test()
    fields = {spec.name: spec for spec in await client.describe()}
    assert set(crm_mapping().remote_fields()) <= set(fields)
    assert fields["Lead Status"].choices == ("New", "Contacted", "Qualified", "Enrolled", "Lost")
    assert (fields["Monthly Premium"].type, fields["Interests"].type) == ("number", "choices")
    owners = await client.owners()
    assert [(owner.id, owner.email) for owner in owners][:1] == [("1", "agent1@company.example.com")]
