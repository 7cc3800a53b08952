"""Reading the simulated Salesforce over plain HTTP: cursors, what changed, what is gone, and a schema that drifts."""

from .rest import BASE, LEAD, Call, made, query


async def test_cursors_age_and_follow(call: Call) -> None:
    await call("POST", "/control/seed", {"object": "Lead", "count": 450})
    small = {"Sforce-Query-Options": "batchSize=200"}
    _, first = await call("GET", "queryAll?q=SELECT+Id+FROM+Lead+ORDER+BY+Id", headers=small)
    assert first["nextRecordsUrl"].startswith(f"{BASE}/query/")
    _, second = await call("GET", first["nextRecordsUrl"])
    assert (second["totalSize"], second["done"], len(second["records"])) == (450, False, 200)
    await call("POST", "/control/clock", {"advance": 16 * 60})
    status, body = await call("GET", second["nextRecordsUrl"])
    assert (status, body[0]["errorCode"]) == (400, "INVALID_QUERY_LOCATOR")


async def test_incremental_reading_by_stamp_and_id(call: Call) -> None:
    await call("POST", "/control/seed", {"object": "Lead", "count": 1000})
    seen: list[str] = []
    where = ""
    while True:
        soql = f"SELECT Id, SystemModstamp FROM Lead {where} ORDER BY SystemModstamp, Id LIMIT 300"  # noqa: S608
        rows = (await query(call, soql))["records"]
        if not rows:
            break
        seen += [each["Id"] for each in rows]
        stamp, last = rows[-1]["SystemModstamp"], rows[-1]["Id"]
        where = f"WHERE SystemModstamp > {stamp} OR (SystemModstamp = {stamp} AND Id > '{last}')"
    assert len(seen) == len(set(seen)) == 1000


async def test_automation_moves_only_the_stamp_and_the_bin_is_emptied(call: Call) -> None:
    lead = await made(call)
    await call("POST", "/control/clock", {"advance": 10})
    await call("POST", "/control/automation", {"object": "Lead", "ids": [lead], "fields": {"Rating": "Hot"}})
    _, body = await call("GET", f"sobjects/Lead/{lead}?fields=SystemModstamp,LastModifiedDate,Rating")
    assert body["SystemModstamp"] > body["LastModifiedDate"]
    await call("POST", "/control/delete", {"object": "Lead", "id": lead})
    assert (await query(call, "SELECT Id FROM Lead", "queryAll"))["totalSize"] == 1
    await call("POST", "/control/undelete", {"object": "Lead", "id": lead})
    assert (await call("GET", f"sobjects/Lead/{lead}"))[0] == 200
    await call("POST", "/control/oauth", {"access_seconds": 10**8})
    await call("DELETE", f"sobjects/Lead/{lead}")
    await call("POST", "/control/clock", {"advance": 14 * 86_400})
    assert (await query(call, "SELECT Id FROM Lead", "queryAll"))["totalSize"] == 1
    await call("POST", "/control/clock", {"advance": 2 * 86_400})
    assert (await query(call, "SELECT Id FROM Lead", "queryAll"))["totalSize"] == 0


async def test_merge_and_conversion(call: Call) -> None:
    ids = [await made(call, Email=f"{name}@example.com", Title=title) for name, title in (("a", None), ("b", "Owner"))]
    _, winner = await call("POST", "/control/merge", {"object": "Lead", "winner": ids[0], "losers": [ids[1]]})
    assert (winner["Email"], winner["Title"]) == ("a@example.com", "Owner")
    soql = "SELECT Id, MasterRecordId FROM Lead WHERE IsDeleted = true"
    rows = (await query(call, soql, "queryAll"))["records"]
    assert [(each["Id"], each["MasterRecordId"]) for each in rows] == [(ids[1], ids[0])]
    status, body = await call("POST", "actions/standard/convertLead", {"inputs": [{"leadId": ids[0]}]})
    assert (status, body[0]["isSuccess"]) == (200, True)
    _, lead = await call("GET", f"sobjects/Lead/{ids[0]}")
    assert (lead["IsConverted"], lead["ConvertedContactId"]) == (True, body[0]["outputValues"]["contactId"])
    _, contact = await call("GET", f"sobjects/Lead/{ids[0]}/ConvertedContact")
    assert (contact["Email"], contact["AccountId"]) == ("a@example.com", lead["ConvertedAccountId"])
    status, error = await call("PATCH", f"sobjects/Lead/{ids[0]}", {"Title": "x"})
    assert (status, error[0]["errorCode"]) == (400, "CANNOT_UPDATE_CONVERTED_LEAD")


async def test_the_schema_drifts_and_304(call: Call) -> None:
    path = "sobjects/Lead/describe"
    later = {"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}
    assert (await call("GET", path, headers=later))[0] == 304
    assert (await call("GET", f"sobjects/Lead/{await made(call)}", headers=later))[0] == 304
    await call("POST", "/control/fields", {"object": "Lead", "field": {"name": "New__c", "type": "string"}})
    await call("DELETE", "/control/fields", {"object": "Lead", "name": "Title"})
    await call("POST", "/control/picklist", {"object": "Lead", "field": "Status", "values": ["Nurture"]})
    fields = {each["name"]: each for each in (await call("GET", path))[1]["fields"]}
    assert "New__c" in fields
    assert "Title" not in fields
    assert "Nurture" in [each["value"] for each in fields["Status"]["picklistValues"]]
    await made(call, New__c="x")
    assert (await call("POST", "sobjects/Lead", {**LEAD, "Title": "x"}))[1][0]["errorCode"] == "INVALID_FIELD"
    assert (await call("GET", "query?q=SELECT+Title+FROM+Lead"))[1][0]["errorCode"] == "INVALID_FIELD"
