"""Writing to the simulated Salesforce over plain HTTP: statuses and bodies that are easy to get wrong."""

from typing import Any
from urllib.parse import quote

import pytest

from .rest import BASE, LEAD, Call, made, query


async def test_update_and_delete_have_no_body(call: Call) -> None:
    lead = await made(call)
    assert await call("PATCH", f"sobjects/Lead/{lead}", {"FirstName": "Wei"}) == (204, None)
    assert await call("POST", f"sobjects/Lead/{lead}?_HttpMethod=PATCH", {"Title": "Owner"}) == (204, None)
    assert await call("DELETE", f"sobjects/Lead/{lead}") == (204, None)
    gone = {"message": "entity is deleted", "errorCode": "ENTITY_IS_DELETED", "fields": []}
    assert await call("PATCH", f"sobjects/Lead/{lead}", {"Title": "x"}) == (404, [gone])
    assert (await call("GET", f"sobjects/Lead/{lead}"))[1][0]["errorCode"] == "NOT_FOUND"


async def test_upsert_by_version_and_update_only(call: Call) -> None:
    path = f"sobjects/Lead/ExtId__c/{quote('a/b c', safe='')}"
    status, body = await call("PATCH", path + "?updateOnly=true", LEAD)
    assert (status, body[0]["errorCode"]) == (404, "NOT_FOUND")
    status, body = await call("PATCH", path, LEAD)
    assert (status, body["created"]) == (201, True)
    assert (await call("PATCH", path, {"Title": "x"}))[0] == 200
    assert await call("PATCH", f"/services/data/v45.0/{path}", {"Title": "y"}) == (204, None)
    assert (await call("GET", path))[1]["ExtId__c"] == "a/b c"
    assert (await call("DELETE", path))[0] == 204


async def test_several_with_one_external_id_are_300_and_strings(call: Call) -> None:
    ids = [await made(call, ExtId__c="E-1") for _ in range(2)]
    expected = [f"{BASE}/sobjects/Lead/{each}" for each in ids]
    assert await call("PATCH", "sobjects/Lead/ExtId__c/E-1", {"Title": "x"}) == (300, expected)
    assert await call("GET", "sobjects/Lead/ExtId__c/E-1") == (300, expected)


@pytest.mark.parametrize(
    ("fields", "code", "named"),
    [
        ({"Nope": 1}, "INVALID_FIELD", []),
        ({"Email": "x@y"}, "INVALID_EMAIL_ADDRESS", ["Email"]),
        ({"City": "x" * 41}, "STRING_TOO_LONG", ["City"]),
        ({"Healthcare_Plan__c": "Tin"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", ["Healthcare_Plan__c"]),
        ({"OwnerId": "nobody"}, "MALFORMED_ID", ["OwnerId"]),
        ({"OwnerId": "00Q5e0000000001EAA"}, "MALFORMED_ID", ["OwnerId"]),
        ({"OwnerId": "0055e0000000zzzAAA"}, "INVALID_CROSS_REFERENCE_KEY", ["OwnerId"]),
        ({"SystemModstamp": "2020-01-01T00:00:00Z"}, "INVALID_FIELD_FOR_INSERT_UPDATE", ["SystemModstamp"]),
        ({"MPP_Id__c": "taken"}, "DUPLICATE_VALUE", ["MPP_Id__c"]),
        ({"LastName": None}, "REQUIRED_FIELD_MISSING", ["LastName"]),
        ({"NumberOfEmployees": 10**9}, "NUMBER_OUTSIDE_VALID_RANGE", ["NumberOfEmployees"]),
    ],
)
async def test_refused_values(call: Call, fields: dict[str, Any], code: str, named: list[str]) -> None:
    await made(call, MPP_Id__c="taken")
    status, body = await call("POST", "sobjects/Lead", LEAD | fields)
    assert (status, body[0]["errorCode"], body[0]["fields"]) == (400, code, named)


async def test_unreadable_bodies(call: Call) -> None:
    for body in (b"{", b"[]", b"", b'{"LastName": {}}', b'{"Next_Contact__c": 5}'):
        status, error = await call("POST", "sobjects/Lead", data=body, headers={"Content-Type": "application/json"})
        assert (status, error[0]["errorCode"]) == (400, "JSON_PARSER_ERROR")
    status, error = await call("POST", "sobjects/Lead", data=b"a=b", headers={"Content-Type": "text/plain"})
    assert status == 415
    assert (await call("PUT", "limits"))[0] == 405
    assert (await call("GET", "nowhere"))[0] == (await call("GET", "/services/data/v99.0/limits"))[0] == 404
    assert (await call("GET", "/services/data/v20.0/limits"))[0] == 410
    assert (await call("GET", f"query?q={'x' * 7000}"))[0] == 400


async def test_collections_tell_row_by_row(call: Call) -> None:
    rows = [{"attributes": {"type": "Lead"}, **LEAD}, {"attributes": {"type": "Lead"}, "LastName": "x"}]
    status, body = await call("POST", "composite/sobjects", {"records": rows})
    assert (status, body[0]["success"], body[0]["errors"]) == (200, True, [])
    error = {
        "statusCode": "REQUIRED_FIELD_MISSING", "message": "Required fields are missing: [Company]",
        "fields": ["Company"],
    }  # fmt: skip
    assert body[1] == {"success": False, "errors": [error]}
    lead = body[0]["id"]
    status, body = await call("POST", "composite/sobjects", {"allOrNone": True, "records": rows})
    assert status == 200
    assert body[0]["errors"][0]["statusCode"] == "ALL_OR_NONE_OPERATION_ROLLED_BACK"
    assert (await query(call, "SELECT Id FROM Lead"))["totalSize"] == 1
    changes = [
        {"attributes": {"type": "Lead"}, "id": lead, "Title": "x"},
        {"attributes": {"type": "Lead"}, "Title": "y"},
    ]
    _, body = await call("PATCH", "composite/sobjects", {"records": changes})
    assert [each["success"] for each in body] == [True, False]
    status, body = await call("GET", f"composite/sobjects/Lead?ids={lead},00Q5e000000zzzzEAA&fields=Id,Title")
    assert (body[0]["Title"], body[1]) == ("x", None)
    many = ",".join([lead] * 700)
    assert len((await call("GET", f"composite/sobjects/Lead?ids={many}&fields=Id"))[1]) == 700
    assert (await call("POST", "composite/sobjects/Lead", {"ids": [lead], "fields": ["Name"]}))[1][0]["Name"] == "Li"
    _, body = await call("DELETE", f"composite/sobjects?ids={lead},nonsense&allOrNone=false")
    assert [each["success"] for each in body] == [True, False]
    status, body = await call("POST", "composite/sobjects", {"records": rows * 101})
    assert (status, type(body)) == (400, list)


async def test_collection_upsert(call: Call) -> None:
    path = "composite/sobjects/Lead/ExtId__c"
    rows = [{"attributes": {"type": "Lead"}, "ExtId__c": f"E-{number}", **LEAD} for number in range(200)]
    _, body = await call("PATCH", path, {"records": rows})
    assert {each["created"] for each in body} == {True}
    _, body = await call("PATCH", path, {"records": [*rows[:2], rows[0], {"attributes": {"type": "Lead"}, **LEAD}]})
    assert [each.get("created") for each in body] == [False, False, None, None]
    assert [each["errors"][0]["statusCode"] for each in body[2:]] == ["DUPLICATE_VALUE", "MISSING_ARGUMENT"]
    await made(call, ExtId__c="E-5")
    _, body = await call("PATCH", path, {"records": rows[5:6]})
    assert body[0]["errors"][0]["statusCode"] == "DUPLICATE_EXTERNAL_ID"


async def test_duplicate_rules(call: Call) -> None:
    await call("POST", "/control/duplicates", {"object": "Lead"})
    lead = await made(call, Email="Ana@example.com")
    status, body = await call("POST", "sobjects/Lead", {**LEAD, "Email": "ana@EXAMPLE.com"})
    assert (status, body[0]["errorCode"], body[0]["message"]) == (
        400,
        "DUPLICATES_DETECTED",
        "Use one of these records?",
    )
    match = body[0]["duplicateResult"]["matchResults"][0]["matchRecords"][0]
    assert (match["record"]["Id"], match["matchConfidence"]) == (lead, 100.0)
    save = {"Sforce-Duplicate-Rule-Header": "allowSave=true"}
    assert (await call("POST", "sobjects/Lead", {**LEAD, "Email": "ana@example.com"}, headers=save))[0] == 201
    await call("POST", "/control/duplicates", {"object": "Lead", "block": True})
    assert (await call("POST", "sobjects/Lead", {**LEAD, "Email": "ana@example.com"}, headers=save))[0] == 400


async def test_row_faults(call: Call) -> None:
    lock = {"kind": "lock", "match": {"path": "composite"}, "times": 1, "skip": 1}
    await call("POST", "/control/faults", {"rules": [lock, {"kind": "row_error", "match": {"path": "sobjects/Lead$"},
                                                            "code": "FIELD_CUSTOM_VALIDATION_EXCEPTION",
                                                            "message": "no", "times": 1}]})  # fmt: skip
    rows = [{"attributes": {"type": "Lead"}, **LEAD}] * 3
    _, body = await call("POST", "composite/sobjects", {"records": rows})
    assert [each["success"] for each in body] == [True, False, True]
    assert body[1]["errors"][0]["statusCode"] == "UNABLE_TO_LOCK_ROW"
    status, body = await call("POST", "sobjects/Lead", LEAD)
    assert (status, body[0]["errorCode"]) == (400, "FIELD_CUSTOM_VALIDATION_EXCEPTION")


async def test_composite_halts(call: Call) -> None:
    asked = [
        {"method": "POST", "url": f"{BASE}/sobjects/Lead", "referenceId": "one", "body": LEAD},
        {"method": "POST", "url": f"{BASE}/sobjects/Lead", "referenceId": "two", "body": {"LastName": "x"}},
        {"method": "GET", "url": f"{BASE}/sobjects/Lead/@{{two.id}}", "referenceId": "three"},
    ]
    _, body = await call("POST", "composite/", {"allOrNone": False, "compositeRequest": asked})
    answers = {each["referenceId"]: each for each in body["compositeResponse"]}
    assert [answers[name]["httpStatusCode"] for name in ("one", "two", "three")] == [201, 400, 400]
    assert answers["three"]["body"][0]["errorCode"] == "PROCESSING_HALTED"
    assert answers["one"]["httpHeaders"]["Location"].startswith(f"{BASE}/sobjects/Lead/00Q")
    _, body = await call("POST", "composite", {"allOrNone": True, "compositeRequest": asked})
    assert {each["httpStatusCode"] for each in body["compositeResponse"]} == {400}
    assert (await query(call, "SELECT Id FROM Lead"))["totalSize"] == 1
    assert (await call("POST", "composite", {"compositeRequest": asked * 9}))[0] == 400
    _, body = await call("POST", "composite/batch", {"batchRequests": [{"method": "GET", "url": "v60.0/limits"}]})
    assert (body["hasErrors"], body["results"][0]["statusCode"]) == (False, 200)
    halting = [{"method": "GET", "url": "v60.0/nowhere"}, {"method": "GET", "url": "v60.0/limits"}]
    _, body = await call("POST", "composite/batch", {"haltOnError": True, "batchRequests": halting})
    assert (body["hasErrors"], [each["statusCode"] for each in body["results"]]) == (True, [404, 412])


async def test_parents_by_external_id_and_stages(call: Call) -> None:
    await call("POST", "sobjects/Account", {"Name": "Acme", "ExtId__c": "A-1"})
    deal = {"Name": "D", "StageName": "Prospecting", "CloseDate": "2027-01-31", "Account": {"ExtId__c": "A-1"}}
    _, body = await call("POST", "sobjects/Opportunity", deal)
    await call("PATCH", f"sobjects/Opportunity/{body['id']}", {"StageName": "Closed Won"})
    row = (await query(call, "SELECT Account.Name, IsWon, Probability, Amount FROM Opportunity"))["records"][0]
    assert (row["Account"]["Name"], row["IsWon"], row["Probability"], row["Amount"]) == ("Acme", True, 100.0, None)
    assert (await call("POST", "sobjects/Opportunity", {**deal, "Account": {"ExtId__c": "?"}}))[0] == 400
    stages = await query(call, "SELECT MasterLabel FROM OpportunityStage WHERE IsWon = true")
    assert [each["MasterLabel"] for each in stages["records"]] == ["Closed Won"]
