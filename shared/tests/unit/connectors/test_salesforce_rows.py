"""Leads as rows of collections: what is sent, what an answer means, what is worth a second try."""

from datetime import date
from typing import Any

import pytest

from hub.connectors.salesforce import answers
from hub.connectors.salesforce.fields import LeadObject, flat, read_description, typed
from hub.connectors.salesforce.mapping import SalesforceFieldMap
from hub.connectors.salesforce.rows import Row, RowMaker, Written, is_duplicate, outcomes, repaired, request, result
from hub.connectors.salesforce.wire import read_config
from hub.contracts.failures import CrmFailure
from hub.contracts.pushing import PushItem

LEAD_ID, OWNER_ID = "00Qx0000001T8zkEAC", "005x00000012Q9PAAU"
CONFIG = read_config({"crm_type": "salesforce", "field_mappings": {"mpp_fields": {"tier": "member_TYPE__c"}}})
MAPPING = SalesforceFieldMap(CONFIG)


def lead(**absent: Any) -> LeadObject:
    def field(name: str, kind: str = "string", **more: Any) -> dict[str, Any]:
        return {"name": name, "type": kind, "createable": True, "updateable": True, "nillable": True, **more}

    choices = [{"value": "Open"}, {"value": "x", "active": False}]
    required: dict[str, Any] = {"nillable": False, "defaultedOnCreate": False}
    fields = [
        field("Id", "id", createable=False, updateable=False),
        field("SystemModstamp", "datetime", createable=False, updateable=False),
        field("LastName", **required),
        field("Company", **required),
        field("Email", "email"),
        field("OwnerId", "reference"),
        field("Status", "picklist", restrictedPicklist=True, picklistValues=choices),
        field("Member_Type__c", custom=True),
        field("Score__c", "double", custom=True),
        field("Vip__c", "boolean", custom=True),
        field("Formula__c", "double", custom=True, createable=False, updateable=False),
        field("Place__c", "location", custom=True),
        field("MPP_Id__c", externalId=True, unique=True, custom=True),
    ]  # fmt: skip
    return read_description({"fields": [each for each in fields if each["name"] not in absent]}, CONFIG, MAPPING)


def maker(described: LeadObject | None = None, owners: dict[str, str] | None = None) -> RowMaker:
    return RowMaker(CONFIG, MAPPING, described or lead(), owners or {}, date(2026, 1, 10))


def item(external_id: str | None = None, **fields: Any) -> PushItem:
    return PushItem(7, external_id, "MPP-7", fields, fields, email="ana@example.com")


def refused(code: str, message: str = "no", *fields: str) -> CrmFailure:
    return answers.row_failure([{"statusCode": code, "message": message, "fields": list(fields)}], {})


def test_a_new_lead_is_upserted_with_what_salesforce_requires() -> None:
    (row,) = maker().rows(0, item(Email="a@x.com", Gone__c=1, Formula__c=2, member_type__c="Gold", vip__c=None))
    assert row.operation == "upsert"
    assert row.fields == {
        "LastName": "[not provided]",
        "Company": "[not provided]",
        "Email": "a@x.com",
        "Member_Type__c": "Gold",
        "MPP_Id__c": "MPP-7",
    }
    assert request([row]) == (
        "PATCH",
        "/composite/sobjects/Lead/MPP_Id__c",
        {"allOrNone": False, "records": [{"attributes": {"type": "Lead"}, **row.fields}]},
    )


def test_a_custom_field_that_nobody_mapped_needs_its_exact_name() -> None:
    (row,) = maker().rows(0, item(LEAD_ID, score__c=1, Score__c=2, Vip__c=None))
    assert row.fields == {"Score__c": 2, "Vip__c": False, "MPP_Id__c": "MPP-7", "Id": LEAD_ID}
    method, path, body = request([row])
    assert (method, path) == ("PATCH", "/composite/sobjects")
    assert body["records"][0]["id"] == LEAD_ID
    (nothing,) = maker().rows(0, item(LEAD_ID, score__c=1))
    assert (nothing.fields, nothing.left_out) == ({}, ("score__c",))  # the org has no such field
    assert maker().rows(0, item(LEAD_ID)) == []


def test_without_an_external_id_field_a_lead_is_plainly_created() -> None:
    (row,) = maker(lead(MPP_Id__c=True)).rows(0, item(Email="a@x.com"))
    assert (row.operation, request([row])[:2]) == ("create", ("POST", "/composite/sobjects"))
    assert "MPP_Id__c" not in row.fields


def test_an_owner_is_found_by_email_or_left_out() -> None:
    owners = {"jo@x.com": OWNER_ID}
    assert maker(owners=owners).rows(0, item(LEAD_ID, OwnerId="Jo@X.com"))[0].fields["OwnerId"] == OWNER_ID
    (unknown,) = maker(owners=owners).rows(0, item(LEAD_ID, OwnerId="bo@x.com", Email="a@x.com"))
    assert (unknown.fields.get("OwnerId"), unknown.left_out) == (None, ("OwnerId",))
    assert result(item(LEAD_ID), [(unknown, Written(LEAD_ID, False))]).left_out == ("OwnerId",)
    assert maker().rows(0, item(LEAD_ID, OwnerId=OWNER_ID))[0].fields["OwnerId"] == OWNER_ID


def test_companions_follow_the_enrolment_and_are_left_alone_afterwards() -> None:
    companions = MAPPING.companions(7, {"status": "enrolled", "last_name": "A"})
    new = PushItem(7, None, "MPP-7", {}, {"Status": "Closed Won"}, companions)
    lead_row, contact, opportunity = maker().rows(0, new)
    assert (lead_row.part, contact.table, opportunity.table) == ("lead", "Contact", "Opportunity")
    assert (contact.fields["MPP_Id__c"], opportunity.fields["CloseDate"]) == ("MPP-7-contact", "2026-01-10")
    enrolled = PushItem(7, LEAD_ID, "MPP-7", {"Status": "Closed Won"}, {}, companions)
    assert [row.part for row in maker().rows(0, enrolled)] == ["lead", "contact", "opportunity"]
    later = PushItem(7, LEAD_ID, "MPP-7", {"Email": "a@x.com"}, {}, companions)
    assert [row.part for row in maker().rows(0, later)] == ["lead"]


def test_each_row_of_a_collection_has_its_outcome() -> None:
    rows = [Row(index, "lead", "Lead", "upsert", {"Email": f"{index}"}) for index in range(3)]
    told = [
        {"id": LEAD_ID, "success": True, "errors": [], "created": True},
        {"success": False, "errors": [{"statusCode": "INVALID_EMAIL_ADDRESS", "message": "m", "fields": ["Email"]}]},
        {"success": True},
    ]
    good, bad, odd = outcomes(rows, told)
    assert good == Written(LEAD_ID, True)
    assert isinstance(bad, CrmFailure)
    named = (bad.error.code, bad.error.field, bad.error.attempted_value)
    assert named == ("INVALID_EMAIL_ADDRESS", "Email", "1")
    assert isinstance(odd, CrmFailure)
    assert odd.stored is None
    documents: list[Any] = [[], None, {}, told[:2], [1, 2, 3]]
    for document in documents:
        with pytest.raises(CrmFailure, match="UNEXPECTED_ANSWER"):
            outcomes(rows, document)


@pytest.mark.parametrize(
    ("failure", "left_out"),
    [
        (refused("UNABLE_TO_LOCK_ROW"), set()),
        (refused("INVALID_CROSS_REFERENCE_KEY"), {"OwnerId"}),
        (refused("INACTIVE_OWNER_OR_USER"), {"OwnerId"}),
        (refused("FIELD_INTEGRITY_EXCEPTION", "m", "OwnerId"), {"OwnerId"}),
        (refused("DUPLICATE_VALUE", "duplicate value found: MPP_Id__c duplicates value on record"), {"MPP_Id__c"}),
        (refused("DUPLICATE_VALUE", "duplicate value found: Email__c"), None),
        (refused("REQUIRED_FIELD_MISSING", "m", "LastName"), None),
    ],
)
def test_what_is_worth_another_try(failure: CrmFailure, left_out: set[str] | None) -> None:
    row = maker().rows(0, item(LEAD_ID, OwnerId=OWNER_ID, Email="a@x.com"))[0]
    better = repaired(row, failure)
    if left_out is None:
        assert better is None
    else:
        assert better is not None
        assert set(row.fields) - set(better.fields) == left_out
        assert set(better.left_out) == left_out - {"MPP_Id__c"}  # which is no field of the lead's


def test_a_duplicate_rule_concerns_new_leads() -> None:
    failure = refused("DUPLICATES_DETECTED", "Use one of these records?")
    assert is_duplicate(maker().rows(0, item(Email="a@x.com"))[0], failure)
    assert not is_duplicate(maker().rows(0, item(LEAD_ID, Email="a@x.com"))[0], failure)


def test_results() -> None:
    update, create = item(LEAD_ID, Email="a@x.com"), item(Email="a@x.com")
    (changed,), (new,) = maker().rows(0, update), maker().rows(0, create)
    assert result(update, [(changed, Written(LEAD_ID, False))]).action == "update"
    assert result(create, [(new, Written(LEAD_ID, True))]).action == "create"
    assert result(create, [(new, Written(LEAD_ID, False))]).action == "link"
    assert result(update, []).ok
    for code, is_gone in (("ENTITY_IS_DELETED", True), ("INVALID_CROSS_REFERENCE_KEY", True), ("X", False)):
        assert result(update, [(changed, refused(code))]).gone == is_gone
    assert not result(update, [(changed, refused("INVALID_CROSS_REFERENCE_KEY", "m", "Parent__c"))]).gone
    whole_call = answers.failure(404, {"errorCode": "NOT_FOUND", "message": "no"}, None)
    assert not result(update, [(changed, whole_call)]).gone  # all records did not vanish at once


def test_a_refused_companion_is_named() -> None:
    create = PushItem(7, None, "MPP-7", {}, {}, MAPPING.companions(7, {"status": "enrolled"}))
    lead_row, contact, opportunity = maker().rows(0, create)
    pairs = [(lead_row, Written(LEAD_ID, True)), (contact, Written("003", True))]
    told = result(create, [*pairs, (opportunity, refused("REQUIRED_FIELD_MISSING", "m", "Region__c"))])
    assert told.error is not None
    assert (told.ok, told.external_id, told.error.field) == (False, LEAD_ID, "Opportunity.Region__c")


def test_a_query_and_a_job_tell_the_same_values() -> None:
    told = {"attributes": {}, "Id": LEAD_ID, "SystemModstamp": "2026-01-10T10:30:00.000+0000", "Vip__c": False}
    told |= {"Owner": {"attributes": {}, "Email": "jo@x.com"}, "Score__c": 5.0, "Email": None}
    in_bulk = {"Id": LEAD_ID, "SystemModstamp": "2026-01-10T10:30:00.000Z", "Vip__c": "false"}
    in_bulk |= {"Owner.Email": "jo@x.com", "Score__c": "5.0", "Email": ""}
    assert flat(told, lead()) == typed(in_bulk, lead())


def test_what_is_selected() -> None:
    assert lead().selected == (
        *("Id", "SystemModstamp", "Owner.Email", "LastName", "Company", "Email", "OwnerId", "Status"),
        *("Member_Type__c", "Score__c", "Vip__c", "Formula__c", "MPP_Id__c"),
    )
    status = lead().fields["status"].spec()
    assert (status.type, status.choices, status.restricted, status.writable) == ("choice", ("Open",), True, True)
    assert lead().fields["lastname"].spec().required
