"""Leads to a simulated org: few calls, an outcome for each, nothing doubled whatever happens on the way."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from hub.contracts.connector import CrmClient
from hub.contracts.failures import FailureKind
from hub.contracts.pushing import PushItem, PushResult
from hub.registry import CONNECTORS
from simulators.salesforce.conversion import convert

Open = Callable[..., CrmClient]
BATCH = CONNECTORS["salesforce"].manifest.push_batch
MAPPING = CONNECTORS["salesforce"].mapping({"crm_type": "salesforce"})


def new(number: int, **registers: Any) -> PushItem:
    registers = {"last_name": f"L{number}", "email": f"p{number}@example.com", "company": "Acme", **registers}
    fields = MAPPING.outbound(registers)
    companions = MAPPING.companions(number, registers)
    return PushItem(number, None, f"MPP-{number}", fields, fields, companions, registers["email"])


def changed(number: int, external_id: str | None, **registers: Any) -> PushItem:
    fields = MAPPING.outbound(registers)
    return PushItem(number, external_id, f"MPP-{number}", fields, fields, MAPPING.companions(number, registers))


async def pushed(api: CrmClient, items: Sequence[PushItem]) -> list[PushResult]:
    """In batches, as sync-worker does."""
    batches = [items[start : start + BATCH] for start in range(0, len(items), BATCH)]
    return [result for batch in batches for result in await api.push(batch)]


async def insisted(api: CrmClient, items: Sequence[PushItem]) -> list[PushResult]:
    """Again what may be tried again, until all is done."""
    results: dict[int, PushResult] = {}
    left = list(items)
    for _ in range(60):
        answered = await pushed(api, left)
        results |= {item.lead_id: result for item, result in zip(left, answered, strict=True)}
        left = [item for item in left if not results[item.lead_id].ok]
        assert all(results[item.lead_id].kind is not FailureKind.VALIDATION for item in left)
        if not left:
            return [results[item.lead_id] for item in items]
    raise AssertionError(f"{len(left)} were never taken: {results[left[0].lead_id]}")


async def test_a_thousand_new_leads_and_a_thousand_changed_ones(org: Any, client: Open) -> None:
    api = client()
    created = await pushed(api, [new(number, custom_x=1) for number in range(1, 1001)])
    assert {(result.ok, result.action) for result in created} == {(True, "create")}
    assert org.calls() <= 6
    leads = org.by_reference()
    assert [leads[f"MPP-{number}"]["Id"] for number in range(1, 1001)] == [result.external_id for result in created]
    items = [changed(n + 1, result.external_id, status="contacted", city="Austin") for n, result in enumerate(created)]
    updated = await pushed(api, items)
    assert {(result.ok, result.action) for result in updated} == {(True, "update")}
    assert org.calls() <= 6
    expected = {"LastName": "L7", "Email": "p7@example.com", "Company": "Acme", "Status": "Working", "City": "Austin"}
    assert expected.items() <= org.by_reference()["MPP-7"].items()
    assert len(org.leads()) == 1000


async def test_a_mixture_with_enrolments_needs_no_more_calls(org: Any, client: Open) -> None:
    api = client()
    there = await pushed(api, [new(number) for number in range(1, 501)])
    org.calls()
    changes = [
        changed(n + 1, each.external_id, status="enrolled", last_name=f"L{n + 1}") for n, each in enumerate(there)
    ]
    items = [item for pair in zip(changes, [new(n) for n in range(501, 1001)], strict=True) for item in pair]
    results = await pushed(api, items)
    assert all(result.ok for result in results)
    assert org.calls() <= 5
    assert len(org.by_reference()) == 1000
    assert len(org.by_reference("Contact")) == len(org.by_reference("Opportunity")) == 500


async def test_a_text_that_looks_like_a_reference_is_a_text(org: Any, client: Open) -> None:
    api = client()
    (there,) = await api.push([new(1)])
    notes = "see @{rows0.id} and @{x}"
    results = await api.push([changed(1, there.external_id, notes=notes), new(2, notes=notes)])
    assert all(result.ok for result in results)
    assert {each["Description"] for each in org.leads().values()} == {notes}


async def test_an_enrolment_brings_a_contact_and_an_opportunity_once(org: Any, client: Open) -> None:
    api = client()
    enrolled = new(1, first_name="Ana", status="enrolled", city="Austin", date_of_birth="1980-02-29")
    (first,) = await api.push([enrolled])
    (again,) = await api.push([enrolled])
    assert (first.action, again.action, again.external_id) == ("create", "link", first.external_id)
    contact, opportunity = org.by_reference("Contact"), org.by_reference("Opportunity")
    assert len(org.leads("Contact")) == len(org.leads("Opportunity")) == 1
    expected = {"FirstName": "Ana", "LastName": "L1", "MailingCity": "Austin", "Birthdate": "1980-02-29"}
    assert expected.items() <= contact["MPP-1-contact"].items()
    today = datetime.now(UTC).date().isoformat()
    expected = {"Name": "Ana L1", "StageName": "Closed Won", "CloseDate": today}
    assert expected.items() <= opportunity["MPP-1-opportunity"].items()
    # Afterwards they are the salespeople's.
    org.crm.world.edit("Opportunity", opportunity["MPP-1-opportunity"]["Id"], {"StageName": "Closed Lost"})
    later = MAPPING.companions(1, {"status": "enrolled", "last_name": "New"})
    (result,) = await api.push([PushItem(1, first.external_id, "MPP-1", {"LastName": "New"}, {}, later)])
    assert result.ok
    assert org.by_reference("Opportunity")["MPP-1-opportunity"]["StageName"] == "Closed Lost"
    assert org.by_reference("Contact")["MPP-1-contact"]["LastName"] == "L1"


async def test_errors_are_told_of_each_record(org: Any, client: Open) -> None:
    items = [
        new(number, email="no address" if number % 3 == 0 else f"p{number}@example.com") for number in range(1, 31)
    ]
    items.append(new(31, **{"custom.Healthcare_Plan": "Tin", "custom.Unheard_Of": "x"}))
    results = await client().push(items)
    assert [result.ok for result in results] == [number % 3 != 0 for number in range(1, 31)] + [False]
    bad, plan = results[2], results[-1]
    assert bad.error
    assert (bad.kind, bad.error.code, bad.error.field, bad.error.attempted_value, bad.unknown_outcome) == (
        FailureKind.VALIDATION,
        "INVALID_EMAIL_ADDRESS",
        "Email",
        "no address",
        False,
    )
    assert plan.error
    named = (plan.error.code, plan.error.field, plan.error.attempted_value)
    assert named == ("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "Healthcare_Plan__c", "Tin")
    assert len(org.leads()) == 20


async def test_missing_names_and_companies_are_no_obstacle(org: Any, client: Open) -> None:
    (result,) = await client().push([PushItem(1, None, "MPP-1", {}, {"Email": "a@example.com"})])
    assert result.ok
    lead = org.by_reference()["MPP-1"]
    assert (lead["LastName"], lead["Company"]) == ("[not provided]", "[not provided]")
    assert MAPPING.inbound(lead).registers.get("company") is None


@pytest.mark.parametrize("kind", ["lost_answer", "reset", "truncate", "html", "server_unavailable", "lock", "mixture"])
async def test_whatever_the_road_does_each_lead_is_there_once(org: Any, client: Open, kind: str) -> None:
    kinds = ["lost_answer", "reset", "truncate", "html", "server_unavailable"] if kind == "mixture" else [kind]
    rules: list[dict[str, Any]] = [{"kind": each, "probability": 0.3 / len(kinds)} for each in kinds]
    org.faults(*[{"match": {"path": "/services/data"}, **rule} for rule in rules])
    if kind == "lock":
        org.fault("lock", probability=0.1)
    api = client()
    results = await insisted(api, [new(number, status="enrolled") for number in range(1, 401)])
    updates = [changed(n + 1, each.external_id, city=f"C{n + 1}") for n, each in enumerate(results)]
    await insisted(api, updates)
    leads = org.by_reference()
    assert len(leads) == len(org.leads()) == 400
    assert all(leads[f"MPP-{number}"]["City"] == f"C{number}" for number in range(1, 401))
    assert [leads[f"MPP-{n + 1}"]["Id"] for n in range(400)] == [each.external_id for each in results]
    assert len(org.leads("Contact")) == len(org.leads("Opportunity")) == 400


async def test_a_lost_answer_is_an_unknown_outcome(org: Any, client: Open) -> None:
    api = client()
    await api.describe()
    org.fault("lost_answer", match={"path": "composite"}, times=1)
    (result,) = await api.push([new(1)])
    assert result.error
    assert (result.ok, result.kind, result.error.code, result.unknown_outcome) == (
        False,
        FailureKind.NETWORK,
        "CONNECTION_LOST",
        True,
    )
    (again,) = await api.push([new(1)])
    assert (again.ok, again.action) == (True, "link")
    assert list(org.leads()) == [again.external_id]


async def test_an_exhausted_quota_is_a_pause(org: Any, client: Open) -> None:
    api = client()
    await api.describe()
    org.crm.world.limits({"daily": 10, "used": 10})
    (result,) = await api.push([new(1)])
    assert result.error
    assert (result.kind, result.error.code, result.retry_after) == (
        FailureKind.RATE_LIMIT,
        "REQUEST_LIMIT_EXCEEDED",
        900,
    )
    assert not result.unknown_outcome


async def test_a_deleted_record_is_gone(org: Any, client: Open) -> None:
    api = client()
    results = await api.push([new(1), new(2)])
    org.crm.world.delete("Lead", results[0].external_id)
    items = [changed(number + 1, each.external_id, city="Austin") for number, each in enumerate(results)]
    items.append(changed(3, "00Q5e0000004C91EAE", city="Austin"))
    gone, there, never = await api.push(items)
    assert (gone.ok, gone.gone, gone.kind) == (False, True, FailureKind.VALIDATION)
    assert (there.ok, never.ok, never.gone) == (True, False, True)


async def test_a_converted_lead_says_so(org: Any, client: Open) -> None:
    api = client()
    (result,) = await api.push([new(1)])
    assert result.external_id
    record = org.crm.world.org
    convert(record.records, result.external_id, {"convertedStatus": "Closed - Converted"}, record.person)
    (refused,) = await api.push([changed(1, result.external_id, city="Austin")])
    assert refused.error
    assert (refused.ok, refused.gone, refused.kind) == (False, False, FailureKind.VALIDATION)


async def test_a_field_that_vanishes_stops_nothing(org: Any, client: Open) -> None:
    api = client(field_mappings={"mpp_fields": {"memberType": "Member_Type__c"}})
    item = PushItem(1, None, "MPP-1", {}, {"LastName": "A", "Member_Type__c": "Gold"})
    assert (await api.push([item]))[0].ok
    assert org.by_reference()["MPP-1"]["Member_Type__c"] == "Gold"
    org.crm.world.org.schema.needed("Lead").drop("Member_Type__c")
    (result,) = await api.push([item])
    assert (result.ok, result.left_out) == (True, ("Member_Type__c",))


async def test_deletes(org: Any, client: Open) -> None:
    api = client()
    results = await pushed(api, [new(number) for number in range(1, 251)])
    org.calls()
    items = [changed(n + 1, each.external_id) for n, each in enumerate(results)]
    assert all(each.ok for each in await api.delete(items))
    assert org.calls() == 2
    assert not org.leads()
    assert all((each.ok, each.action) == (True, "delete") for each in await api.delete([*items[:3], changed(9, None)]))
    org.fault("server_unavailable")
    (refused,) = await api.delete(items[:1])
    assert (refused.ok, refused.kind) == (False, FailureKind.SERVER)
