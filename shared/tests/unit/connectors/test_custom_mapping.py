"""Registers to a custom CRM's fields and back, as the connection's configuration says."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.connectors.custom.mapping import CustomFieldMap, compile_mapping
from hub.connectors.registers import register_for
from hub.contracts.errors import Invalid
from hub.contracts.records import STANDARD_FIELDS, LeadStatus

BASE = {"crm_type": "custom", "base_url": "https://api.customcrm.com/v2"}
DOCUMENTED = BASE | {
    "field_mappings": {
        "mpp_fields": {"memberType": "Member_Type__c", "planInterest": "Healthcare_Plan__c", "employerName": "Company"},
        "custom_transformations": {
            "status": {"new": "Open", "contacted": "Working", "qualified": "Qualified", "enrolled": "Closed Won"}
        },
    }
}


def mapping(**config: Any) -> CustomFieldMap:
    return compile_mapping(BASE | config)


def test_without_configuration_names_are_the_hubs() -> None:
    fields = mapping().outbound({"first_name": "Ana", "agent_id": "a7", "lead_source": "Web", "custom.tier": 1})
    assert fields == {"first_name": "Ana", "owner": "a7", "source": "Web", "tier": 1}


def test_the_documents_configuration_works_both_ways() -> None:
    converter = compile_mapping(DOCUMENTED)
    registers = {"status": "enrolled", "custom.memberType": "Gold", "custom.employerName": "Acme", "email": None}
    fields = converter.outbound(registers)
    assert fields == {"status": "Closed Won", "Member_Type__c": "Gold", "Company": "Acme", "email": None}
    assert converter.inbound(fields).registers == registers


@pytest.mark.parametrize(
    ("name", "register"),
    [
        ("firstName", "first_name"),
        ("first_name", "first_name"),
        ("assignedAgentId", "agent_id"),
        ("source", "lead_source"),
        ("postalCode", "postal_code"),
        ("memberType", "custom.memberType"),
        ("custom.x", "custom.x"),
    ],
)
def test_the_documents_names_mean_registers(name: str, register: str) -> None:
    assert register_for(name) == register


def test_standard_fields_can_be_renamed() -> None:
    converter = mapping(field_mappings={"mpp_fields": {"firstName": "Given", "status": "Stage"}})
    assert converter.outbound({"first_name": "Ana", "status": "new"}) == {"Given": "Ana", "Stage": "new"}
    assert converter.inbound({"Given": "Ana", "first_name": "X"}).registers == {
        "first_name": "Ana",
        "custom.first_name": "X",
    }


def test_a_crm_is_careless_about_case() -> None:
    assert compile_mapping(DOCUMENTED).inbound({"status": " closed WON "}).registers == {"status": "enrolled"}
    assert mapping().inbound({"status": "Qualified"}).registers == {"status": "qualified"}


def test_the_first_of_two_meanings_counts() -> None:
    converter = mapping(custom_transformations={"status": {"new": "Open", "contacted": "Open"}})
    assert converter.inbound({"status": "Open"}).registers == {"status": "new"}
    assert converter.outbound({"status": "contacted"}) == {"status": "Open"}


def test_the_reference_is_recognised_and_never_written() -> None:
    converter = mapping(reference_field="mpp_ref")
    record = converter.inbound({"id": "EXT-1", "mpp_ref": "MPP-42", "external_id": "theirs", "updated_at": "x"})
    assert (record.lead_id, record.registers) == (42, {"custom.external_id": "theirs"})
    assert converter.outbound({"custom.mpp_ref": "MPP-1", "custom.id": "5", "custom.created_at": "x"}) == {}
    assert converter.inbound({"mpp_ref": "SF-1"}).lead_id is None
    assert converter.inbound({"mpp_ref": 42}).lead_id is None


def test_a_custom_field_does_not_shadow_a_mapped_one() -> None:
    assert mapping().outbound({"custom.owner": "x", "agent_id": "a7"}) == {"owner": "a7"}


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("address_book", {"a": 1}, "UNSUPPORTED_VALUE"),
        ("tags", ["a"], "UNSUPPORTED_VALUE"),
        ("big", 2**60, "OUT_OF_RANGE"),
        ("x" * 101, "v", "BAD_NAME"),
        ("", "v", "BAD_NAME"),
        ("first_name", "x" * 256, "TOO_LONG"),
        ("notes", "x" * 4001, "TOO_LONG"),
        ("first_name", "a\x00", "NUL_CHARACTER"),
        ("status", "Sleeping", "UNKNOWN_VALUE"),
    ],
)
def test_a_value_that_cannot_be_taken_is_named_and_the_rest_is_kept(field: str, value: Any, code: str) -> None:
    record = mapping().inbound({field: value, "email": "a@example.com"})
    assert record.registers == {"email": "a@example.com"}
    assert [(problem.field, problem.code) for problem in record.problems] == [(field, code)]


def test_values_become_what_registers_hold() -> None:
    record = mapping().inbound({"phone": 2105550123, "first_name": " Ana ", "score": 5, "vip": True, "email": None})
    expected = {"phone": "2105550123", "first_name": "Ana", "custom.score": 5, "custom.vip": True, "email": None}
    assert record.registers == expected


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"base_url": "ftp://x"}, "base_url"),
        ({"base_url": "https://user:secret@x"}, "base_url"),
        ({"base_url": "https://x/?key=1"}, "base_url"),
        ({"base_url": None}, "base_url"),
        ({"auth_type": "oauth2"}, "auth_type"),
        ({"endpoints": {"update_lead": "/leads"}}, "endpoints.update_lead"),
        ({"endpoints": {"get_leads": "//evil.example"}}, "endpoints.get_leads"),
        ({"update_method": "MERGE"}, "update_method"),
        ({"field_mappings": {"mpp_fields": {"a": 5}}}, "field_mappings.mpp_fields.a"),
    ],
)
def test_a_bad_configuration_is_named(change: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        compile_mapping(BASE | change)
    assert caught.value.details == {"field": field}
    assert "secret" not in caught.value.message


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=50).map(str.strip).filter(bool)
REGISTERS = st.fixed_dictionaries(
    {},
    optional={name: TEXT | st.none() for name in STANDARD_FIELDS if name != "status"}
    | {"status": st.sampled_from(list(LeadStatus)).map(str), "custom.tier": TEXT | st.integers(-(10**6), 10**6)},
)


@given(REGISTERS)
def test_what_goes_out_comes_back(registers: dict[str, Any]) -> None:
    record = mapping().inbound(mapping().outbound(registers))
    assert (record.registers, record.problems) == (registers, ())


@given(
    st.dictionaries(
        st.text(max_size=120), st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists)
    )
)
def test_any_record_is_read(record: dict[str, Any]) -> None:
    mapping().inbound(record)
