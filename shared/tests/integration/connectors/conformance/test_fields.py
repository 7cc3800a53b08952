"""Values out and back: through the mapping, and through the CRM itself."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.contracts.connector import Capability
from hub.contracts.pulling import PullMode
from hub.contracts.records import STANDARD_FIELDS, LeadStatus
from hub.registry import CONNECTORS

from .stage import CRMS, Stage, done, everywhere, pages, tries
from .vendors import Custom, HubSpot, Pipedrive, Salesforce

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40).map(str.strip).filter(bool)
PLAIN = [name for name in STANDARD_FIELDS if name not in ("status", "agent_id", "date_of_birth")]
REGISTERS = st.fixed_dictionaries(
    {},
    optional={name: TEXT | st.none() for name in PLAIN}
    | {"status": st.sampled_from([str(each) for each in LeadStatus]), "agent_id": st.just("agent123")}
    | {"custom.member": TEXT | st.integers(-(2**53), 2**53) | st.booleans() | st.none()},
)
OWNER = {"salesforce": "005000000000001AAA", "hubspot": "41", "pipedrive": 7}
# What people type.
NASTY = (
    "O'Hara", 'the "boss"', "back\\slash", "a, b; c", "50 % & more", "<b>bold</b>", "line\nbreak", "tab\there", "Zoë",
    "李小龙", "😀 smile", "#N/A", "@{rows0.id}", "null", "true", "0012", "1e5", "=1+1", "{x}", "[not", "ﬀ ligature",
    "e\u0301 combining", "\u202eright to left", "--", "MPP", "''; DROP TABLE lead",
)  # fmt: skip
CITIES = ("first_name", "last_name", "company", "city", "custom.remark")


@pytest.mark.parametrize("name", CRMS)
@given(REGISTERS)
@settings(max_examples=60)
def test_a_mapping_gives_back_what_it_took(name: str, registers: dict[str, Any]) -> None:
    owners = {"owners": {"agent123": OWNER[name]}} if name in OWNER else {}
    base = {"base_url": "https://crm.example.com"} if name == "custom" else {}
    mapping = CONNECTORS[name].mapping({"crm_type": name, **base, **owners})
    record = mapping.inbound(mapping.outbound(registers))
    assert (record.registers, record.problems) == (registers, ())


@tries(Capability.PUSH)
async def test_the_crm_gives_back_what_it_took(stage: Stage) -> None:
    dice = random.Random(4)
    if stage.crm_type == "salesforce":  # an administrator makes custom fields there
        from simulators.salesforce.fields import plain

        stage.world.object("Lead").put(plain("remark__c", "Remark"))  # type: ignore[attr-defined]
    leads = {
        n: {name: dice.choice(NASTY) for name in CITIES} | {"email": f"p{n}@example.com", "status": "contacted"}
        for n in range(1, 41)
    }
    results = await stage.client().push([stage.item(n, lead) for n, lead in leads.items()])
    assert [(result.ok, result.error, result.left_out) for result in results] == [(True, None, ())] * 40
    told = await pages(stage.client(), PullMode.FULL)
    mapping = stage.mapping()
    read = {}
    for record in (record for records, _ in told for record in records):
        inbound = mapping.inbound(record.fields)
        assert not inbound.problems
        read[inbound.lead_id] = {name: inbound.registers.get(name) for name in leads[1]}
    assert read == leads


@tries(Capability.PUSH)
async def test_values_are_cleared(stage: Stage) -> None:
    lead: dict[str, Any] = {"first_name": "F", "last_name": "L", "email": "e@example.com", "phone": "210-555-0123"}
    lead |= {"city": "Austin"}
    (made,) = await stage.client().push([stage.item(1, lead)])
    blank = dict.fromkeys(("first_name", "phone", "city"))
    (done,) = await stage.client().push([stage.item(1, lead | blank, made.external_id, list(blank))])
    assert (done.ok, done.error) == (True, None)
    seen = await stage.seen(str(made.external_id))
    assert {name: seen.get(name) for name in blank} == blank
    assert seen["last_name"] == "L"


@tries(Capability.FIELD_MAPPINGS)
async def test_a_field_that_the_configuration_names(stage: Stage) -> None:
    config: dict[str, Any] = {"field_mappings": {"mpp_fields": {"memberType": stage.custom_name}}}
    lead = {"last_name": "L", "email": "e@example.com", "custom.memberType": "family"}
    item = stage.item(1, lead, **config)
    assert item.fields[stage.custom_name] == "family"
    (result,) = await stage.client(**config).push([item])
    assert (result.ok, result.error, result.left_out) == (True, None, ())
    assert (await stage.seen(str(result.external_id), **config))["custom.memberType"] == "family"


@tries(Capability.TRANSFORMATIONS)
async def test_a_table_of_values(stage: Stage) -> None:
    table = {"new": "lead", "contacted": "opportunity", "qualified": "opportunity"}
    if stage.crm_type != "hubspot":
        table = {"new": "Fresh", "contacted": "Working", "qualified": "Working"}
    config: dict[str, Any] = {"field_mappings": {"custom_transformations": {"status": table}}}
    leads = [{"last_name": "L", "email": f"{each}@example.com", "status": each} for each in table]
    items = [stage.item(n, lead, **config) for n, lead in enumerate(leads, 1)]
    assert [item.fields[stage.status_field] for item in items] == list(table.values())
    results = await stage.client(**config).push(items)
    assert [(result.ok, result.error) for result in results] == [(True, None)] * 3
    seen = [(await stage.seen(str(result.external_id), **config))["status"] for result in results]
    assert seen == ["new", "contacted", "contacted"]  # two share a value: the first listed is what that means


@everywhere
async def test_a_choice_that_nobody_knows_costs_only_its_field(stage: Stage) -> None:
    record = {**stage.mapping().outbound({"last_name": "L", "city": "Austin"}), stage.status_field: "Martian"}
    read = stage.mapping().inbound(record)
    assert read.registers == {"last_name": "L", "city": "Austin"}
    assert [(problem.field, problem.code) for problem in read.problems] == [(stage.status_field, "UNKNOWN_VALUE")]


def test_all_stages_are_there() -> None:
    stages = {each.crm_type: each for each in (Custom, HubSpot, Pipedrive, Salesforce)}
    assert set(stages) == set(CONNECTORS)
    assert set(done(Capability.PULL)) == set(stages)
