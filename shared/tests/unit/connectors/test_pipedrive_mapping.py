"""Registers ⇄ a Pipedrive person, through the wire's shapes and back."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.connectors.pipedrive.catalogue import Catalogue, NoOption, Unfit, catalogue, field_wish
from hub.connectors.pipedrive.connector import limits
from hub.connectors.pipedrive.drafting import body, draft
from hub.connectors.pipedrive.mapping import PipedriveFieldMap, compile_mapping
from hub.connectors.pipedrive.person import flat_person, full_name, merged, name_hint, split_name
from hub.connectors.pipedrive.wire import check_config, read_config
from hub.contracts.errors import Invalid
from hub.contracts.pushing import PushItem
from hub.contracts.records import STANDARD_FIELDS, LeadStatus

PERSON = {
    "first_name": "Ana",
    "last_name": "Lee",
    "email": "ana@x.org",
    "phone": "+1 210 555 0123",
    "status": "enrolled",
    "agent_id": "pipedrive:9",
    "lead_source": "Website",
}


def key(number: int) -> str:
    return f"{number:040x}"


def row(number: int, name: str, kind: str, *labels: str) -> dict[str, Any]:
    options = [{"id": number * 100 + place, "label": label} for place, label in enumerate(labels)] or None
    return {"field_code": key(number), "field_name": name, "field_type": kind, "options": options}


ROWS = [
    row(1, "MPP ID", "varchar"), row(2, "MPP Name", "varchar"), row(3, "Lead status", "enum", "New", "Contacted",
    "Qualified", "Enrolled", "Lost"), row(4, "Lead Source", "varchar"), row(5, "Date of Birth", "date"),
    *(row(10 + place, name, "text") for place, name in enumerate(
        ("Company", "Address", "City", "State", "Postal Code", "Country", "Notes"))),
    row(30, "plan", "varchar"), row(31, "premium", "double"), row(32, "smoker", "enum", "true", "false"),
    row(33, "cover", "set", "Self", "Spouse; both", "Kids"), row(34, "income", "monetary"), row(35, "home", "address"),
    row(36, "spell", "daterange"), row(37, "call", "time"), row(38, "agency", "org"),
    {"field_code": "name", "field_name": "Name", "field_type": "varchar", "options": None},
    {"field_code": "odd"}, "odd", row(39, "email", "varchar"), row(40, "plan", "varchar"),
]  # fmt: skip


def fields(mapping: PipedriveFieldMap, rows: Any = None) -> Catalogue:
    return catalogue(ROWS if rows is None else rows, mapping.spelled)


def there_and_back(registers: dict[str, Any], **config: Any) -> dict[str, Any]:
    """What comes in of what went out, in a new person."""
    settings = read_config({"crm_type": "pipedrive", **config})
    mapping = PipedriveFieldMap(settings)
    known, record = fields(mapping), mapping.outbound(registers)
    made = draft(PushItem(5, None, "MPP-5", record, record), None, settings, known)
    owner = record.get("user_id")
    told = body(made, known, {}, owner if isinstance(owner, int) else None, "USD")
    first, _, last = told["name"].partition(" ")
    person = {"id": 1, "first_name": first, "last_name": last.strip() or None, **told}
    flat = flat_person(person, known.flat(person.get("custom_fields")), settings.name_field)
    inbound = mapping.inbound(flat | ({"user_id": told["owner_id"]} if "owner_id" in told else {}))
    assert inbound.lead_id == 5
    assert not inbound.problems
    return {name: value for name, value in inbound.registers.items() if value is not None}


def test_the_documents_table() -> None:
    record = compile_mapping({"crm_type": "pipedrive"}).outbound(PERSON)
    assert record == {
        "first_name": "Ana", "last_name": "Lee", "email": "ana@x.org", "phone": "+1 210 555 0123",
        "Lead Status": "Enrolled", "user_id": 9, "Lead Source": "Website",
    }  # fmt: skip
    assert there_and_back(PERSON) == PERSON


WORDS = st.text(st.characters(categories=("L", "N", "P", "S", "Zs")), min_size=1, max_size=40).map(
    lambda text: " ".join(text.split())
)
TEXT = WORDS.filter(bool)
VALUES = {
    "first_name": TEXT, "last_name": TEXT, "phone": TEXT, "lead_source": TEXT, "company": TEXT, "notes": TEXT,
    "address": TEXT, "city": TEXT, "state": TEXT, "postal_code": TEXT, "country": TEXT, "custom.plan": TEXT,
    "email": st.emails(), "status": st.sampled_from([str(each) for each in LeadStatus]),
    "date_of_birth": st.dates().map(str), "agent_id": st.integers(1, 10**9).map(lambda n: f"pipedrive:{n}"),
    "custom.premium": st.one_of(st.integers(-(2**53), 2**53), st.floats(-1e9, 1e9)), "custom.smoker": st.booleans(),
    "custom.income": st.integers(0, 10**9), "custom.home": TEXT,
    "custom.cover": st.sampled_from(["Kids; Self", "Self", "Spouse; both"]),
}  # fmt: skip


@given(st.fixed_dictionaries({}, optional=VALUES))
def test_what_goes_out_comes_back(registers: dict[str, Any]) -> None:
    assert there_and_back(registers) == registers


@given(st.dictionaries(st.text(max_size=120), st.recursive(st.none() | st.booleans() | st.floats() | st.text(),
       lambda inner: st.lists(inner, max_size=2), max_leaves=3), max_size=5))  # fmt: skip
def test_no_record_is_too_strange(record: dict[str, Any]) -> None:
    mapping = compile_mapping({"crm_type": "pipedrive"})
    inbound = mapping.inbound(record)
    for name, value in inbound.registers.items():
        assert name in STANDARD_FIELDS or name.startswith("custom.")
        assert isinstance(value, str | int | float | None)


def test_names_of_the_configuration() -> None:
    config = {
        "field_mappings": {
            "mpp_fields": {"memberType": "Member Type", "employerName": key(30), "status": "Stage"},
            "custom_transformations": {"status": {"new": "Open", "contacted": "Open"}},
        },
        "owners": {"agent123": 9},
    }
    mapping = compile_mapping({"crm_type": "pipedrive", **config})
    assert mapping.outbound({"custom.memberType": "Gold", "status": "contacted", "agent_id": "agent123"}) == {
        "Member Type": "Gold", "Stage": "Open", "user_id": 9,
    }  # fmt: skip
    record = {"member type": "Gold", "Stage": "OPEN ", "user_id": 9, key(30): "Acme", "MPP ID": "MPP-7"}
    inbound = mapping.inbound(record)
    assert inbound.registers == {
        "custom.memberType": "Gold", "status": "new", "agent_id": "agent123", "custom.employerName": "Acme",
    }  # fmt: skip
    assert inbound.lead_id == 7
    assert fields(mapping).by_key[key(30)].name == key(30)
    assert mapping.remote_fields()["Member Type"] == "custom.memberType"


def test_what_is_not_the_hubs_business() -> None:
    mapping = compile_mapping({"crm_type": "pipedrive"})
    out = mapping.outbound({
        "custom.MPP ID": "x", "custom.name": "x", "custom.Lead status": "x", "archived": True, "merged_into": "MPP-1",
        "agent_id": "salesforce:005", "custom. ": 1,
    })  # fmt: skip
    assert out == {}
    inbound = mapping.inbound({"id": 1, "name": "x", "owner_email": "a@b.c", "Lead Status": "Asleep", "MPP Name": "x"})
    assert inbound.registers == {}
    assert [(each.field, each.code) for each in inbound.problems] == [("Lead Status", "UNKNOWN_VALUE")]
    assert mapping.inbound({"user_id": 3, "owner_email": "a@b.c"}).registers == {"agent_id": "a@b.c"}
    assert mapping.outbound({"agent_id": "a@b.c"}) == {"user_id": "a@b.c"}
    by_number = compile_mapping({"crm_type": "pipedrive", "owners_by_email": False})
    assert by_number.inbound({"user_id": 3, "owner_email": "a@b.c"}).registers == {"agent_id": "pipedrive:3"}


def test_the_deal_of_an_enrolment() -> None:
    mapping = compile_mapping({"crm_type": "pipedrive", "deal": {"amount_field": "monthly"}})
    (deal,) = mapping.companions(5, PERSON | {"custom.monthly": 49.5})
    assert (deal.object, deal.reference) == ("deal", "MPP-5-deal")
    assert deal.fields == {"status": "won", "value": 49.5}  # what else a deal has does not follow the lead
    assert mapping.companions(5, PERSON | {"status": "lost"}) == ()
    off = compile_mapping({"crm_type": "pipedrive", "deal": {"enabled": False}})
    assert off.companions(5, PERSON) == ()


def test_the_inbox_item_of_a_lead() -> None:
    mapping = compile_mapping({"crm_type": "pipedrive", "leads_inbox": True})
    (item,) = mapping.companions(5, {"last_name": "Lee", "custom.premium": 9})
    assert (item.object, item.reference) == ("lead", "MPP-5-lead")
    assert item.fields == {"value": 9, "is_archived": False}
    assert mapping.companions(5, {"status": "lost"})[0].fields["is_archived"]
    assert mapping.companions(5, PERSON)[0].object == "deal"


@pytest.mark.parametrize(
    ("first", "last", "hint"),
    [
        ("Ana", "Lee", None), ("Mary Ann", "Lee", "Lee, Mary Ann"), ("Ana", "van Berg", "van Berg, Ana"),
        (None, "Lee", "Lee, "), ("Ana", None, None), ("Mary Ann", None, ", Mary Ann"), ("A", "B, Jr", "B, Jr, A"),
        (None, None, None),
    ],
)  # fmt: skip
def test_where_names_meet(first: str | None, last: str | None, hint: str | None) -> None:
    record = {"first_name": first, "last_name": last}
    assert name_hint(record) == hint
    name = full_name(record, "MPP-5")
    told, _, rest = name.partition(" ")
    row = {"name": name, "first_name": told, "last_name": rest or None}
    assert split_name(row, hint, None) == (first, last)
    edited = {"name": "Bo Ray", "first_name": "Bo", "last_name": "Ray"}  # somebody renamed the person
    assert split_name(edited, hint, None) == ("Bo", "Ray")


def test_a_name_for_those_without() -> None:
    assert full_name({"email": "a@x.org"}, "MPP-5") == "a@x.org"
    assert full_name({}, "MPP-5") == "MPP-5"
    for name in ("A@x.org", "MPP-5"):
        assert split_name({"name": name, "first_name": name}, None, "a@x.org") == (None, None)


@pytest.mark.parametrize(
    ("current", "value", "expected"),
    [
        ([], "a@x", [("a@x", True)]),
        ([("b@x", True)], "a@x", [("a@x", True)]),
        ([("b@x", True), ("c@x", False)], "C@X", [("b@x", False), ("C@X", True)]),
        ([("b@x", False), ("c@x", True)], None, [("b@x", True)]),
        ([("b@x", True)], None, []),
        ([("b@x", False), ("c@x", False)], "a@x", [("a@x", True), ("c@x", False)]),
    ],
)
def test_lists_keep_what_is_not_the_hubs(current: Any, value: Any, expected: Any) -> None:
    entries = [{"value": each, "primary": primary, "label": "home"} for each, primary in current]
    assert [(each["value"], each["primary"]) for each in merged("email", entries, value)] == expected


def test_phones_are_the_same_whatever_stands_between_the_digits() -> None:
    current = [{"value": "(210) 555-0123", "primary": False}, {"value": "1", "primary": True}]
    assert [each["primary"] for each in merged("phone", current, "210 555 0123")] == [True, False]


@pytest.mark.parametrize(
    ("name", "value", "wire"),
    [
        ("spell", "2025-01-01/2025-02-01", {"value": "2025-01-01", "until": "2025-02-01"}), ("agency", 5, 5),
        ("call", "10:30:00", {"value": "10:30:00"}), ("cover", "spouse; both", [3301]), ("premium", "4.5", 4.5),
        ("premium", None, None), ("plan", True, "true"), ("income", 3, {"value": 3, "currency": "USD"}),
        ("Date of Birth", "1980-02-29", "1980-02-29"), ("plan", "", None),
    ],
)  # fmt: skip
def test_values_on_the_wire(name: str, value: Any, wire: Any) -> None:
    known = fields(compile_mapping({"crm_type": "pipedrive"}))
    assert known.by_name[name].encoded(value, None, "USD") == wire


@pytest.mark.parametrize(
    ("name", "value"),
    [("premium", "much"), ("premium", True), ("agency", 1.5), ("Date of Birth", "soon"), ("spell", "2025-01-01"),
     ("premium", float("inf"))],
)  # fmt: skip
def test_values_that_do_not_fit(name: str, value: Any) -> None:
    known = fields(compile_mapping({"crm_type": "pipedrive"}))
    with pytest.raises(Unfit):
        known.by_name[name].encoded(value, None, "USD")


def test_options_that_are_not_there() -> None:
    known = fields(compile_mapping({"crm_type": "pipedrive"}))
    with pytest.raises(NoOption) as lacking:
        known.by_name["cover"].encoded("Self; Dog; Cat", None, "")
    assert lacking.value.labels == ["Dog", "Cat"]
    assert known.strange({key(33): [3300, 9]})
    assert known.strange({key(99): 1})
    assert not known.strange({key(33): [3300], key(32): None, "x": 1})


def test_names_that_mean_two_things() -> None:
    known = fields(compile_mapping({"crm_type": "pipedrive"}))
    assert known.by_key[key(39)].name == key(39)  # a custom field called like the person's own
    assert known.by_key[key(40)].name == key(40)  # a second one of the same name
    assert {spec.name: spec.type for spec in known.specs()}["smoker"] == "boolean"
    assert field_wish("x", 5, (), long=False) == {"field_name": "x", "field_type": "double"}
    assert field_wish("x", "y" * 200, (), long=False)["field_type"] == "text"


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"plan": "free"}, "plan"), ({"company_domain": "acme.pipedrive.com"}, "company_domain"),
        ({"owners": {"a": "nine"}}, "owners.a"), ({"deal": {"currency": "euro"}}, "deal.currency"),
        ({"field_mappings": {"mpp_fields": {"x": "emails"}}}, "field_mappings.mpp_fields.x"),
        ({"auth_type": "basic"}, "auth_type"), ({"seats": 0}, "seats"),
    ],
)  # fmt: skip
def test_configurations_that_cannot_be(config: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_config({"crm_type": "pipedrive", **config})
    assert refused.value.details["field"] == field


def test_limits_by_plan_and_seats() -> None:
    found = {each.name: each.limit for each in limits({"crm_type": "pipedrive", "plan": "growth", "seats": 3})}
    assert found == {"burst": 160, "search": 10, "daily": 180_000}
    keyed = limits({"crm_type": "pipedrive", "auth_type": "api_key", "daily_tokens": 5000})
    assert {each.name: each.limit for each in keyed} == {"burst": 20, "search": 10, "daily": 5000}
    assert not any(each.always for each in keyed)
