"""Registers to Salesforce's fields and back, as the connection's configuration says."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.connectors.salesforce.mapping import SalesforceFieldMap, compile_mapping
from hub.contracts.errors import Invalid
from hub.contracts.records import STANDARD_FIELDS, LeadStatus

ANA, BO = "005Dn000001AbCdIAK", "005Dn000001AbCeIAK"
DOCUMENTED = {
    "crm_type": "salesforce",
    "auth_type": "oauth2",
    "instance_url": "https://mycompany.salesforce.com",
    "api_version": "v57.0",
    "objects": {"lead": "Lead", "contact": "Contact", "opportunity": "Opportunity"},
    "field_mappings": {
        "mpp_fields": {"memberType": "Member_Type__c", "planInterest": "Healthcare_Plan__c", "employerName": "Company"},
        "custom_transformations": {
            "status": {"new": "Open", "contacted": "Working", "qualified": "Qualified", "enrolled": "Closed Won"}
        },
    },
}


def mapping(**config: Any) -> SalesforceFieldMap:
    return compile_mapping({"crm_type": "salesforce", **config})


def test_the_documents_table() -> None:
    registers = {
        "first_name": "Jane",
        "last_name": "Smith",
        "email": "jane@example.com",
        "phone": "+12105550123",
        "status": "contacted",
        "agent_id": f"salesforce:{ANA}",
        "lead_source": "Web",
    }
    fields = mapping().outbound(registers)
    assert fields == {
        "FirstName": "Jane",
        "LastName": "Smith",
        "Email": "jane@example.com",
        "Phone": "+12105550123",
        "Status": "Working",
        "OwnerId": ANA,
        "LeadSource": "Web",
    }
    assert mapping().inbound(fields).registers == registers


def test_the_documents_configuration_works_both_ways() -> None:
    converter = compile_mapping(DOCUMENTED)
    registers = {"status": "enrolled", "custom.memberType": "Gold", "custom.employerName": "Acme", "email": None}
    fields = converter.outbound(registers)
    assert fields == {"Status": "Closed Won", "Member_Type__c": "Gold", "Company": "Acme", "Email": None}
    assert converter.inbound(fields).registers == registers
    assert converter.outbound({"status": "lost"}) == {"Status": "Closed Lost"}
    assert converter.outbound({"company": "Other Inc."}) == {}  # the field is employerName's now


@pytest.mark.parametrize(
    ("told", "status"),
    [("Open - Not Contacted", "new"), (" closed WON ", "enrolled"), ("Closed - Not Converted", "lost")],
)
def test_statuses_of_a_new_org_are_understood(told: str, status: str) -> None:
    assert mapping().inbound({"Status": told}).registers == {"status": status}


def test_an_unknown_status_is_a_problem_of_that_field_alone() -> None:
    record = mapping().inbound({"Status": "Nurturing", "Email": "a@example.com"})
    assert record.registers == {"email": "a@example.com"}
    assert [(problem.field, problem.code) for problem in record.problems] == [("Status", "UNKNOWN_VALUE")]


def test_what_salesforce_requires_is_never_cleared() -> None:
    fields = mapping().outbound({"last_name": None, "company": "", "status": None, "agent_id": None, "city": None})
    assert fields == {"LastName": "[not provided]", "Company": "[not provided]", "City": None}
    assert mapping().inbound(fields).registers == {"last_name": None, "company": None, "city": None}


@pytest.mark.parametrize(
    ("agent", "owner"),
    [
        ("agent123", ANA),
        (f"salesforce:{BO}", BO),
        ("jo@example.com", "jo@example.com"),  # the client looks the user up
        (f"hubspot:{BO}", None),
        ("salesforce:jo", None),
        ("agent999", None),
        (BO, None),
    ],
)
def test_agents_are_owners_if_they_are_known(agent: str, owner: str | None) -> None:
    assert mapping(owners={"agent123": ANA}).outbound({"agent_id": agent}).get("OwnerId") == owner


def test_owners_are_agents() -> None:
    converter = mapping(owners={"agent123": ANA[:15]}, owners_by_email=False)
    assert converter.inbound({"OwnerId": ANA}).registers == {"agent_id": "agent123"}
    assert converter.inbound({"OwnerId": BO, "Owner.Email": "bo@x.com"}).registers == {"agent_id": f"salesforce:{BO}"}
    by_email = mapping()
    assert by_email.inbound({"OwnerId": BO, "Owner.Email": "bo@x.com"}).registers == {"agent_id": "bo@x.com"}
    assert by_email.inbound({"OwnerId": BO, "Owner.Email": None}).registers == {"agent_id": f"salesforce:{BO}"}


def test_custom_fields_are_kept_both_ways() -> None:
    registers = {"custom.Tier": "Gold", "custom.Title": "CEO", "custom.score": 5.5}
    fields = mapping().outbound({**registers, "custom.my notes": "no field can be called that", "date_of_birth": "x"})
    assert fields == {"Tier__c": "Gold", "Title": "CEO", "score__c": 5.5}
    assert mapping().inbound(fields).registers == registers
    assert mapping().outbound({"custom.Tier__c": 1}) == {"Tier__c": 1}


def test_housekeeping_is_not_read_and_references_are_recognised() -> None:
    told = {"Id": "00Q1", "SystemModstamp": "x", "CreatedById": "y", "attributes": {}, "MPP_Id__c": "MPP-7"}
    record = mapping().inbound(told)
    assert (record.registers, record.lead_id, record.problems) == ({}, 7, ())
    assert mapping().outbound({"custom.MPP_Id": "MPP-9", "custom.MPP_Id__c": "MPP-9"}) == {}
    assert mapping(external_id_field=None).inbound(told).lead_id is None


def test_an_enrolled_lead_has_companions() -> None:
    registers = {"status": "enrolled", "first_name": "Ana", "city": "Austin", "date_of_birth": "1980-02-29"}
    contact, opportunity = mapping().companions(7, registers | {"custom.premium": 120.5})
    assert (contact.object, contact.reference) == ("contact", "MPP-7-contact")
    expected = {"FirstName": "Ana", "LastName": "[not provided]", "MailingCity": "Austin", "Birthdate": "1980-02-29"}
    assert contact.fields == expected
    assert opportunity.reference == "MPP-7-opportunity"
    assert opportunity.fields == {"Name": "Ana", "StageName": "Closed Won", "Amount": 120.5}
    assert mapping().companions(7, {"status": "new"}) == ()
    assert mapping(external_id_field=None).companions(7, registers) == ()
    (only,) = mapping(objects={"opportunity": None}).companions(7, registers)
    assert only.object == "contact"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"auth_type": "api_key"}, "auth_type"),
        ({"api_version": "v30.0"}, "api_version"),
        ({"api_version": "60"}, None),
        ({"api_version": "60.1"}, "api_version"),
        ({"instance_url": "https://x.my.salesforce.com/path"}, "instance_url"),
        ({"instance_url": "https://user:secret@x.my.salesforce.com"}, "instance_url"),
        ({"objects": {"lead": "Lead WHERE Id != null"}}, "objects.lead"),
        ({"external_id_field": "x') OR ("}, "external_id_field"),
        ({"owners": {"agent123": "jo"}}, "owners.agent123"),
        ({"field_mappings": {"mpp_fields": {"a": "no such name"}}}, "field_mappings.mpp_fields.a"),
        ({"duplicates": "ignore"}, "duplicates"),
    ],
)
def test_a_bad_configuration_is_named(change: dict[str, Any], field: str | None) -> None:
    if field is None:
        mapping(**change)
        return
    with pytest.raises(Invalid) as caught:
        mapping(**change)
    assert caught.value.details == {"field": field}
    assert "secret" not in caught.value.message


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=50).map(str.strip).filter(bool)
MAPPED = [name for name in STANDARD_FIELDS if name not in ("status", "agent_id", "date_of_birth")]
REGISTERS = st.fixed_dictionaries(
    {},
    optional={name: TEXT.filter(lambda text: text != "[not provided]") | st.none() for name in MAPPED}
    | {"status": st.sampled_from(list(LeadStatus)).map(str)}
    | {"agent_id": st.sampled_from(["agent1", f"salesforce:{BO}"])}
    | {"custom.tier": TEXT | st.integers(-(10**6), 10**6) | st.booleans() | st.none()},
)


@given(REGISTERS)
def test_what_goes_out_comes_back(registers: dict[str, Any]) -> None:
    converter = mapping(owners={"agent1": ANA})
    record = converter.inbound(converter.outbound(registers))
    assert (record.registers, record.problems) == (registers, ())


@given(
    st.dictionaries(
        st.sampled_from(["Email", "Status", "OwnerId", "X__c", "__c", "Name", "Owner.Email", "MPP_Id__c"])
        | st.text(max_size=120),
        st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists),
    )
)
def test_any_record_is_read(record: dict[str, Any]) -> None:
    for converter in (mapping(), mapping(owners_by_email=False)):
        converter.inbound(record)
