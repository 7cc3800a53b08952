"""Registers to a HubSpot contact's properties and back, as the connection's configuration says."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.connectors.hubspot.mapping import HubSpotFieldMap, compile_mapping
from hub.connectors.hubspot.names import custom_name, property_name
from hub.connectors.hubspot.values import from_wire, kind_of, to_wire
from hub.contracts.errors import Invalid
from hub.contracts.pushing import Companion
from hub.contracts.records import STANDARD_FIELDS, LeadStatus

DOCUMENTED = {
    "crm_type": "hubspot",
    "auth_type": "oauth2",
    "portal_id": "12345678",
    "scopes": ["crm.objects.contacts.read", "crm.objects.contacts.write"],
}


def mapping(**config: Any) -> HubSpotFieldMap:
    return compile_mapping(DOCUMENTED | config)


def test_the_documents_table() -> None:
    registers = {
        "first_name": "Ana",
        "last_name": "Reyes",
        "email": "ana@example.com",
        "phone": "+12105550123",
        "status": "qualified",
        "agent_id": "hubspot:41629779",
        "lead_source": "NEW",
    }
    properties = mapping().outbound(registers)
    assert properties == {
        "firstname": "Ana",
        "lastname": "Reyes",
        "email": "ana@example.com",
        "phone": "+12105550123",
        "lifecyclestage": "salesqualifiedlead",
        "hubspot_owner_id": "41629779",
        "hs_lead_status": "NEW",
    }
    assert mapping().inbound(properties).registers == registers


@pytest.mark.parametrize(
    ("stage", "status"),
    [
        ("lead", "new"),
        ("subscriber", "new"),
        ("marketingqualifiedlead", "contacted"),
        ("salesqualifiedlead", "qualified"),
        ("opportunity", "qualified"),
        ("customer", "enrolled"),
        ("evangelist", "enrolled"),
        ("other", "lost"),
    ],
)
def test_every_lifecycle_stage_means_a_status(stage: str, status: str) -> None:
    assert mapping().inbound({"lifecyclestage": stage}).registers == {"status": status}


def test_a_stage_of_the_customers_own_is_named_and_the_rest_is_kept() -> None:
    record = mapping().inbound({"lifecyclestage": "115012345", "firstname": "Ana"})
    assert record.registers == {"first_name": "Ana"}
    assert [(problem.field, problem.code) for problem in record.problems] == [("lifecyclestage", "UNKNOWN_VALUE")]


def test_the_documents_transformations_and_mappings_are_obeyed() -> None:
    converter = mapping(
        field_mappings={
            "mpp_fields": {"memberType": "Member_Type", "planInterest": "healthcare_plan", "employerName": "company"},
            "custom_transformations": {"status": {"new": "Open", "enrolled": "Closed Won"}},
        }
    )
    registers = {"status": "enrolled", "custom.memberType": "Gold", "custom.employerName": "Acme", "email": None}
    properties = converter.outbound(registers)
    expected = {"lifecyclestage": "Closed Won", "member_type": "Gold", "company": "Acme", "email": None}
    assert properties == expected
    assert converter.inbound(properties).registers == registers
    assert converter.inbound({"lifecyclestage": "open"}).registers == {"status": "new"}
    assert converter.inbound({"lifecyclestage": "salesqualifiedlead"}).registers == {"status": "qualified"}


def test_agents_are_mapped_by_the_configuration_else_by_email_else_stay_hubspots() -> None:
    converter = mapping(owners={"agent123": 41629779})
    assert converter.outbound({"agent_id": "agent123"}) == {"hubspot_owner_id": "41629779"}
    assert converter.outbound({"agent_id": "ana@example.com"}) == {"hubspot_owner_id": "ana@example.com"}
    assert converter.outbound({"agent_id": None}) == {"hubspot_owner_id": None}
    assert converter.outbound({"agent_id": "salesforce:005A"}) == {}
    assert converter.outbound({"agent_id": "agent9"}) == {}
    assert converter.inbound({"hubspot_owner_id": "41629779"}).registers == {"agent_id": "agent123"}
    assert converter.inbound({"hubspot_owner_id": "5"}).registers == {"agent_id": "hubspot:5"}
    assert converter.inbound({"hubspot_owner_id": "li@example.com"}).registers == {"agent_id": "li@example.com"}
    assert converter.inbound({"hubspot_owner_id": ""}).registers == {"agent_id": None}


def test_the_reference_is_recognised_and_never_a_custom_field() -> None:
    record = mapping().inbound({"mpp_id": "MPP-42", "hs_object_id": "7", "createdate": "x", "hs_analytics_source": "y"})
    assert (record.lead_id, record.registers) == (42, {})
    assert mapping().outbound({"custom.mpp_id": "MPP-1", "custom.hs_object_id": "5", "custom.createdate": "x"}) == {}
    assert mapping(reference_property="hub_ref").inbound({"hub_ref": "MPP-3"}).lead_id == 3


def test_internal_registers_and_hidden_custom_fields_stay_home() -> None:
    assert mapping().outbound({"archived": True, "merged_into": "MPP-5", "custom.firstname": "x"}) == {}


def test_an_enrolled_lead_has_a_deal() -> None:
    converter = mapping()
    assert converter.companions(7, {"status": "qualified"}) == ()
    registers = {"status": "enrolled", "first_name": "Ana", "last_name": "Reyes", "custom.premium": 120.5}
    fields = {"dealname": "Ana Reyes", "pipeline": "default", "dealstage": "closedwon", "amount": 120.5}
    assert converter.companions(7, registers) == (Companion("deal", "MPP-7-deal", fields),)
    assert converter.companions(7, {"status": "enrolled"})[0].fields["dealname"] == "MPP-7"
    assert mapping(deal=None).companions(7, registers) == ()
    own = mapping(deal={"pipeline": "p1", "stage": "s1", "amount_field": "worth"})
    assert own.companions(7, {"status": "enrolled", "custom.worth": 5})[0].fields["dealstage"] == "s1"


def test_mapped_properties_are_known_by_name() -> None:
    remote = mapping(field_mappings={"mpp_fields": {"memberType": "member_type"}}).remote_fields()
    assert remote["member_type"] == "custom.memberType"
    assert remote["zip"] == "postal_code"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"portal_id": "my-portal"}, "portal_id"),
        ({"portal_id": True}, "portal_id"),
        ({"api_version": "v4"}, "api_version"),
        ({"api_version": "2026-05"}, "api_version"),
        ({"oauth_version": "v2"}, "oauth_version"),
        ({"auth_type": "basic"}, "auth_type"),
        ({"reference_property": "MPP Id"}, "reference_property"),
        ({"owners": {"agent123": "Ana"}}, "owners.agent123"),
        ({"deal": {"stage": ""}}, "deal.stage"),
        ({"field_mappings": {"mpp_fields": {"a": "two words"}}}, "field_mappings.mpp_fields.a"),
    ],
)
def test_a_bad_configuration_is_named(change: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        compile_mapping(DOCUMENTED | change)
    assert caught.value.details == {"field": field}


@pytest.mark.parametrize(
    ("name", "internal"),
    [
        ("member_type", "member_type"),
        ("memberType", "member__type"),
        ("plan größe", "plan__020_gr__0f6___0df_e"),
        ("Tier", "c__0___tier"),
        ("2nd", "c__0_2nd"),
    ],
)
def test_custom_fields_names(name: str, internal: str) -> None:
    assert (property_name(name), custom_name(internal)) == (internal, name)


@given(st.text(min_size=1, max_size=30) | st.text("aB_0b ", min_size=1, max_size=12))
def test_every_name_comes_back(name: str) -> None:
    internal = property_name(name)
    assert re.fullmatch("[a-z][a-z0-9_]*", internal)
    assert custom_name(internal) == name


@given(st.text("abc_019f", min_size=1, max_size=15))
def test_no_two_properties_are_one_custom_field(internal: str) -> None:
    name = custom_name(internal)
    assert name is None or property_name(name) == internal


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=50).map(str.strip).filter(bool)
AGENTS = st.just("agent123") | st.integers(1, 10**9).map(lambda number: f"hubspot:{number}")
SCALARS = TEXT | st.integers(-(10**6), 10**6) | st.booleans()
REGISTERS = st.fixed_dictionaries(
    {},
    optional={name: TEXT | st.none() for name in STANDARD_FIELDS if name not in ("status", "agent_id")}
    | {"status": st.sampled_from(list(LeadStatus)).map(str), "agent_id": AGENTS | st.none()}
    | {f"custom.{name}": SCALARS for name in ("tier", "memberType", "Plan Interest", "a_b", "größe")},
)


@given(REGISTERS)
def test_what_goes_out_comes_back(registers: dict[str, Any]) -> None:
    converter = mapping(owners={"agent123": "41629779"})
    record = converter.inbound(converter.outbound(registers))
    assert (record.registers, record.problems) == (registers, ())


@given(
    st.dictionaries(
        st.text(max_size=120), st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists)
    )
)
def test_any_record_is_read(record: dict[str, Any]) -> None:
    mapping().inbound(record)


@given(st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT)
def test_values_survive_the_wire(value: Any) -> None:
    assert from_wire(kind_of(value), to_wire(value)) == value


def test_what_is_no_number_or_truth_stays_text() -> None:
    assert from_wire("number", "12 lbs") == "12 lbs"
    assert from_wire("number", "nan") == "nan"
    assert from_wire("bool", "perhaps") == "perhaps"
    assert from_wire("number", "") is None
    assert to_wire(None) == ""
