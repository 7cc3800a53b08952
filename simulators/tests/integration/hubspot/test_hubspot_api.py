"""The simulated HubSpot over plain HTTP: what is easy to get wrong about objects and batches."""

from typing import Any

import orjson
import pytest

from simulators.kit.serving import Running

from .rest import CONTACTS, Call


async def test_every_value_is_text_or_null(call: Call) -> None:
    for definition in (("score", "number", "number"), ("member", "bool", "booleancheckbox"), ("since", "date", "date"),
                       ("seen", "datetime", "date")):  # fmt: skip
        wish = dict(zip(("name", "type", "fieldType"), definition, strict=True))
        status, made = await call("POST", "/crm/v3/properties/contacts", {
            **wish, "label": "x", "groupName": "contactinformation"})  # fmt: skip
        assert (status, made["hasUniqueValue"]) == (201, False)
    given = {"score": 7, "member": True, "since": "2026-01-31", "seen": 1767225600000, "firstname": "", "zip": 78701}
    status, made = await call("POST", CONTACTS, {"properties": given})
    assert status == 201
    stored = {"score": "7", "member": "true", "since": "2026-01-31", "seen": "2026-01-01T00:00:00.000Z", "zip": "78701"}
    assert {name: made["properties"][name] for name in stored} == stored
    assert made["properties"]["firstname"] is None
    assert set(made) == {"id", "properties", "createdAt", "updatedAt", "archived"}
    for name, value in (("score", "x"), ("since", "2026-01-31T05:00:00Z"), ("seen", "soon"), ("member", "maybe")):
        status, error = await call("PATCH", f"{CONTACTS}/{made['id']}", {"properties": {name: value}})
        assert (status, error["errors"][0]["context"]) == (400, {"propertyName": [name]})


async def test_the_envelope_of_a_refusal(call: Call) -> None:
    status, error = await call("POST", CONTACTS, {"properties": {"colour": "red", "createdate": "2026-01-01"}})
    assert status == 400
    assert {"status", "message", "correlationId", "category", "errors"} == set(error)
    start, _, inner = error["message"].partition(": ")
    assert start == "Property values were not valid"
    assert [(each["name"], each["error"]) for each in orjson.loads(inner)] == [
        ("colour", "PROPERTY_DOESNT_EXIST"), ("createdate", "READ_ONLY_VALUE")]  # fmt: skip
    status, error = await call("GET", "/crm/v3/objects/zzz")
    assert (status, error["message"]) == (400, "Unable to infer object type from: zzz")
    status, error = await call("GET", f"{CONTACTS}/abc")
    assert (status, error["category"]) == (404, "OBJECT_NOT_FOUND")
    assert error["message"] == "Object not found.  objectId are usually numeric."
    for path, status in ((f"{CONTACTS}?limit=101", 400), ("/crm/v3/nothing", 404), (f"{CONTACTS}?after=x", 400)):
        assert (await call("GET", path))[0] == status
    assert (await call("POST", CONTACTS, data=b"{not json"))[1]["message"].startswith("Invalid input JSON on line 1")
    assert (await call("PUT", CONTACTS))[0] == 405


async def test_both_generations_of_paths(call: Call) -> None:
    _, made = await call("POST", "/crm/objects/2026-03/contacts", {"properties": {"email": "a@b.com"}})
    for path in ("/crm/objects/2026-09/0-1", "/crm/v3/objects/contact", CONTACTS):
        assert (await call("GET", f"{path}/{made['id']}"))[1]["id"] == made["id"]
    assert (await call("GET", "/crm/objects/2025-01/contacts"))[0] == 404
    for path in ("/crm/owners/2026-03", "/crm/v3/owners", "/crm/v3/owners/", "/crm/properties/2026-03/contacts",
                 "/crm/pipelines/2026-03/leads", "/account-info/2026-03/details"):  # fmt: skip
        assert (await call("GET", path))[0] == 200
    assert (await call("GET", "/account-info/v3/details"))[1]["portalId"] == 12345678


async def test_paging_ends_without_paging(crm: Running, call: Call) -> None:
    ids = crm.world.seed("contacts", 25, None, 1)
    _, page = await call("GET", f"{CONTACTS}?limit=20&properties=email,phone")
    assert page["paging"]["next"]["after"] == ids[19]
    _, rest = await call("GET", page["paging"]["next"]["link"].removeprefix(crm.url))
    assert "paging" not in rest
    assert [each["id"] for each in rest["results"]] == ids[20:]
    assert set(rest["results"][0]["properties"]) == {"email", "phone", "createdate", "hs_object_id", "lastmodifieddate"}


async def test_a_lead_needs_its_contact(call: Call) -> None:
    status, error = await call("POST", "/crm/v3/objects/leads", {"properties": {"hs_lead_name": "Ana"}})
    assert (status, error["category"]) == (400, "VALIDATION_ERROR")
    _, someone = await call("POST", CONTACTS, {"properties": {"email": "a@b.com"}})
    links = [
        {"to": {"id": someone["id"]}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 578}]}
    ]
    status, lead = await call(
        "POST", "/crm/v3/objects/0-136", {"properties": {"hs_lead_name": "Ana"}, "associations": links}
    )
    assert (status, lead["properties"]["hs_lead_name"]) == (201, "Ana")
    _, read = await call("GET", f"/crm/v3/objects/leads/{lead['id']}?associations=contacts")
    assert read["associations"]["contacts"]["results"] == [{"id": someone["id"], "type": "lead_to_contact"}]


async def test_rows_fail_alone_if_they_can_be_told_apart(call: Call) -> None:
    rows: list[dict[str, Any]] = [
        {"idProperty": "email", "id": f"p{number}@example.com", "properties": {"city": "Austin"}} for number in range(3)
    ]
    rows[1]["properties"] = {"lifecyclestage": "wizard"}
    status, error = await call("POST", f"{CONTACTS}/batch/upsert", {"inputs": rows})
    assert (status, error["category"]) == (400, "VALIDATION_ERROR")
    assert (await call("GET", CONTACTS))[1]["results"] == []  # nothing of the batch was written

    traced = [{**row, "objectWriteTraceId": f"mine-{number}"} for number, row in enumerate(rows)]
    status, answer = await call("POST", f"{CONTACTS}/batch/upsert", {"inputs": traced})
    assert (status, answer["status"], answer["numErrors"]) == (207, "COMPLETE", 1)
    assert answer["errors"][0]["context"] == {"objectWriteTraceId": ["mine-1"]}
    assert "INVALID_OPTION" in answer["errors"][0]["message"]
    assert [(each["objectWriteTraceId"], each["new"]) for each in answer["results"]] == [
        ("mine-0", True),
        ("mine-2", True),
    ]
    status, again = await call("POST", f"{CONTACTS}/batch/upsert", {"inputs": [traced[0], traced[2]]})
    assert (status, [each["new"] for each in again["results"]]) == (200, [False, False])


async def test_a_batch_has_a_hundred_different_rows(call: Call) -> None:
    row = {"idProperty": "email", "id": "a@b.com", "properties": {}}
    status, error = await call("POST", f"{CONTACTS}/batch/upsert", {"inputs": [row, {**row, "id": "A@b.com"}]})
    assert (status, "a@b.com" in error["message"]) == (400, True)
    many = [{"properties": {"email": f"p{number}@x.com"}} for number in range(101)]
    assert (await call("POST", f"{CONTACTS}/batch/create", {"inputs": many}))[0] == 400
    twins = [{"properties": {"email": "t@x.com"}}, {"properties": {"email": "t@x.com"}}]
    assert (await call("POST", f"{CONTACTS}/batch/create", {"inputs": twins}))[0] == 400
    await call("POST", "/control/options", {"duplicate_keys": "allow"})
    status, answer = await call("POST", f"{CONTACTS}/batch/upsert", {"inputs": [row, row]})
    assert (status, [each["new"] for each in answer["results"]]) == (200, [True, False])
    await call("POST", CONTACTS, {"properties": {"email": "known@x.com"}})
    status, error = await call(
        "POST", f"{CONTACTS}/batch/create", {"inputs": [{"properties": {"email": "known@x.com"}}]}
    )
    assert (status, error["category"]) == (409, "CONFLICT")


async def test_a_merge_may_leave_a_third_record(call: Call) -> None:
    await call("POST", "/control/options", {"merge_creates_new": True})
    ids = [(await call("POST", CONTACTS, {"properties": {"email": f"{each}@x.com"}}))[1]["id"] for each in "ab"]
    _, kept = await call("POST", f"{CONTACTS}/merge", {"primaryObjectId": ids[0], "objectIdToMerge": ids[1]})
    assert kept["id"] not in ids
    for each in (*ids, kept["id"]):
        assert (await call("GET", f"{CONTACTS}/{each}"))[1]["id"] == kept["id"]
    assert len((await call("GET", CONTACTS))[1]["results"]) == 1
    assert (await call("POST", CONTACTS, {"properties": {"email": "b@x.com"}}))[0] == 409
    await call("DELETE", f"{CONTACTS}/{kept['id']}")
    assert (await call("POST", CONTACTS, {"properties": {"email": "b@x.com"}}))[0] == 201  # free again


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", CONTACTS, {"properties": {}, "associations": 5}),
        ("POST", CONTACTS, {"properties": {}, "associations": [{"to": "x", "types": "y"}]}),
        ("POST", CONTACTS, {"properties": {"city": ["Austin"]}}),
        ("POST", CONTACTS, []),
        ("POST", f"{CONTACTS}/batch/upsert", {"inputs": [{"idProperty": ["email"], "id": {}, "properties": 5}]}),
        ("POST", f"{CONTACTS}/batch/create", {"inputs": "all"}),
        ("POST", f"{CONTACTS}/batch/update", {}),
        ("POST", f"{CONTACTS}/merge", {"primaryObjectId": []}),
        ("POST", f"{CONTACTS}/search", {"filterGroups": [{"filters": [{"propertyName": ["a"], "operator": {}}]}]}),
        ("POST", f"{CONTACTS}/search", {"limit": "many"}),
        ("PATCH", "/crm/v3/properties/contacts/city", {"groupName": ["a"], "options": 5}),
        ("POST", "/crm/v3/properties/contacts", {"name": 5}),
        ("POST", "/crm/v4/associations/contacts/deals/batch/create", {"inputs": [{"from": 1, "to": None}]}),
        ("PUT", "/webhooks/v3/54321/settings", {"targetUrl": ["x"], "throttling": [1]}),
    ],
)
async def test_nonsense_is_refused_in_words(call: Call, method: str, path: str, body: Any) -> None:
    status, error = await call(method, path, body)
    assert status in (400, 404)
    assert error["status"] == "error"
    assert error["message"]
