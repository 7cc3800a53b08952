"""Decisions on a batch: identity, merging, echoes, what is told to whom."""

from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.contracts import events as e
from hub.contracts.cloudevents import Event
from hub.leads.clocks import micros
from hub.leads.merge import spelled_out
from transformer.domain.decide import Decider, Known
from transformer.domain.identity import Link
from transformer.domain.incoming import Context, Incoming, Rejected
from transformer.domain.plan import LeadState, Plan
from transformer.domain.translate import crm_record_received, enrollment_received, lead_received, lead_synced

NOW = datetime(2026, 1, 10, 12, tzinfo=UTC)
ACTOR = {"user": "key demo", "ip_address": "192.0.2.1"}


def record(
    fields: dict[str, Any],
    *,
    external_id: str | None = None,
    lead_id: int | None = None,
    source: str = "salesforce",
    at: str = "2026-01-10T10:00:00Z",
    import_id: str | None = None,
) -> Incoming | Rejected:
    origin = {"kind": "import", "source": source, "import_id": import_id, "index": 0}
    data = {"origin": origin, "actor": ACTOR, "external_id": external_id, "lead_id": lead_id, "fields": fields}
    return lead_received(Event(e.LEAD_RECEIVED, 1, "lead", data, "gateway", time=at), Context({1: "US"}))


def decide(*batch: Incoming | Rejected, known: Known | None = None) -> Plan:
    ids = count(100)
    return Decider(known or Known(), lambda: next(ids), NOW).decide(batch)


def stored(lead_id: int, fields: dict[str, Any], at: int = 0) -> Known:
    known = Known()
    clocks = dict.fromkeys(fields, (at, "api/web"))
    known.leads[1, lead_id] = LeadState(1, lead_id, 3, fields, clocks, NOW, NOW)
    known.index.note(1, lead_id, fields.get("email"), fields.get("phone"))
    return known


def outcomes(plan: Plan) -> list[tuple[str, int | None]]:
    return [(outcome, lead_id) for _, _, outcome, lead_id, _ in plan.inbox]


def test_a_new_record_becomes_a_lead_with_history_link_and_event() -> None:
    plan = decide(record({"first_name": "John", "email": "John@Example.com"}, external_id="SF-1", import_id="i"))
    lead = plan.leads[1, 100]
    assert (lead.version, lead.fields["email"], lead.fields["status"]) == (1, "john@example.com", "new")
    assert plan.new_links[1, "import/salesforce", "SF-1"].lead_id == 100
    assert spelled_out(plan.history[0][-1]) == {
        "first_name": (None, "John", "created"),
        "email": (None, "john@example.com", "created"),
    }
    event = plan.events[0]
    assert (event.type, event.data["lead"]["external_id"]) == (e.LEAD_CREATED, "MPP-100")
    e.LeadCreated.model_validate(event.data)
    assert plan.progress == {(1, "i"): {"created": 1}}


def test_the_same_e_mail_twice_in_a_batch_is_one_lead() -> None:
    plan = decide(
        record({"email": "a@example.com", "city": "Bonn"}, external_id="1"),
        record({"email": "A@EXAMPLE.COM", "phone": "210-555-0123"}, external_id="2", at="2026-01-10T10:00:01Z"),
    )
    assert outcomes(plan) == [("created", 100), ("updated", 100)]
    assert plan.leads[1, 100].fields["phone"] == "+12105550123"
    e.LeadUpdated.model_validate(plan.events[1].data)
    assert plan.events[1].data["fields_changed"] == ["phone"]


def test_a_shared_phone_does_not_make_two_people_one() -> None:
    known = stored(7, {"email": "john@example.com", "phone": "+12105550123", "first_name": "John"})
    jane = record({"email": "jane@example.com", "phone": "210-555-0123", "first_name": "Jane"})
    john = record({"email": "j.doe@work.com", "phone": "210-555-0123", "first_name": "JOHN"})
    nameless = record({"phone": "210-555-0123", "city": "Bonn"})
    assert outcomes(decide(jane, john, nameless, known=known)) == [("created", 100), ("updated", 7), ("updated", 7)]


def test_an_older_write_loses_and_a_repeated_one_changes_nothing() -> None:
    known = stored(7, {"email": "a@example.com", "city": "Bonn"}, at=2**60)
    plan = decide(record({"email": "a@example.com", "city": "Köln"}), known=known)
    assert outcomes(plan) == [("unchanged", 7)]
    assert plan.events == []


def test_a_re_imported_record_only_writes_what_changed_at_its_source() -> None:
    known = stored(7, {"email": "a@example.com", "city": "Köln"})
    known.index.links[1, "import/salesforce", "SF-1"] = Link(7, {"email": "a@example.com", "city": "Bonn"}, 0.0)
    again = decide(record({"email": "a@example.com", "city": "Bonn"}, external_id="SF-1"), known=known)
    assert (outcomes(again), again.links, again.leads) == ([("unchanged", 7)], {}, {})
    changed = decide(record({"email": "a@example.com", "city": "Trier"}, external_id="SF-1"), known=known)
    assert list(changed.history[0][-1]) == ["city"]
    assert changed.links[1, "import/salesforce", "SF-1"].base["city"] == "Trier"


def test_what_is_blank_in_a_record_seen_first_clears_nothing() -> None:
    known = stored(7, {"email": "a@example.com", "city": "Köln"})
    plan = decide(record({"email": "a@example.com", "city": " ", "state": "TX"}, external_id="SF-9"), known=known)
    assert plan.leads[1, 7].fields == {"email": "a@example.com", "city": "Köln", "state": "TX"}


def test_what_was_cleared_at_its_source_is_cleared() -> None:
    known = stored(7, {"email": "a@example.com", "city": "Köln"})
    known.index.links[1, "import/salesforce", "SF-1"] = Link(7, {"email": "a@example.com", "city": "Köln"}, 0.0)
    plan = decide(record({"email": "a@example.com", "city": ""}, external_id="SF-1"), known=known)
    assert "city" not in plan.leads[1, 7].fields


def test_a_lead_does_not_grow_without_end() -> None:
    known = stored(7, {f"custom.{n}": n for n in range(295)})
    plan = decide(record({"custom_fields": {f"more{n}": n for n in range(10)}}, lead_id=7), known=known)
    assert [event.data["code"] for event in plan.events] == ["TOO_MANY_FIELDS"]
    assert plan.leads == {}


def test_a_deletion_in_a_crm_archives_the_lead_and_is_told() -> None:
    data = {"connection_id": 3, "crm_type": "custom", "event": "lead.deleted", "record_id": "E1", "record": {}}
    event = Event(e.CRM_RECORD_RECEIVED, 1, "x", data | {"actor": ACTOR}, "gateway")
    known = stored(7, {"email": "a@example.com"})
    known.index.links[1, "crm/3", "E1"] = Link(7, {"email": "a@example.com"}, 0.0)
    plan = decide(crm_record_received(event, Context()), known=known)
    assert outcomes(plan) == [("unlinked", 7)]
    assert [told.type for told in plan.events] == [e.LEAD_UPDATED, e.LEAD_UNLINKED]
    assert plan.leads[1, 7].fields == {"email": "a@example.com", "archived": True}
    assert plan.gone_links == {(1, "crm/3", "E1")}


def test_a_clock_in_the_future_is_not_believed() -> None:
    data = {
        "origin": {"kind": "api", "source": "x"},
        "actor": ACTOR,
        "fields": {"city": "Bonn"},
        "observed_at": "2999-01-01T00:00:00Z",
    }
    event = Event(e.LEAD_RECEIVED, 1, "lead", data, "gateway", time="2026-01-10T10:00:00Z")
    incoming = lead_received(event, Context())
    assert isinstance(incoming, Incoming)
    assert incoming.clock[0] == 1_768_039_200_000_000


def test_editing_a_lead_that_does_not_exist_is_rejected_and_told() -> None:
    plan = decide(record({"city": "Bonn"}, lead_id=9))
    assert outcomes(plan) == [("rejected", None)]
    assert (plan.events[0].type, plan.events[0].data["code"]) == (e.LEAD_REJECTED, "NOT_FOUND")
    e.LeadRejected.model_validate(plan.events[0].data)


def test_an_empty_record_is_rejected_and_listed() -> None:
    plan = decide(record({"first_name": "  "}, import_id="i"))
    assert (plan.issues[0].code, plan.progress) == ("EMPTY_RECORD", {(1, "i"): {"rejected": 1}})


def test_a_doubtful_phone_is_a_warning() -> None:
    plan = decide(record({"first_name": "Ann", "phone": "call me"}, import_id="i"))
    assert [(row.severity, row.field, row.code) for row in plan.issues] == [("warning", "phone", "INVALID_PHONE")]
    assert outcomes(plan) == [("created", 100)]


def test_an_enrolment_sets_the_status_and_is_told() -> None:
    data = {"enrollment_id": "e1", "lead_id": 7, "plan": "Gold", "actor": ACTOR}
    item = enrollment_received(Event(e.ENROLLMENT_RECEIVED, 1, "lead/7", data, "gateway"), Context())
    plan = decide(item, known=stored(7, {"email": "a@example.com", "status": "qualified"}))
    assert [event.type for event in plan.events] == [e.LEAD_UPDATED, e.ENROLLMENT_COMPLETED]
    e.EnrollmentCompleted.model_validate(plan.events[1].data)
    assert plan.leads[1, 7].fields["status"] == "enrolled"


def seen_in_crm(fields: dict[str, Any], at: str) -> Incoming:
    item = record(fields, external_id="E1", at=at)
    assert isinstance(item, Incoming)
    item.owner, item.origin, item.clock = "crm/3", {"kind": "crm", "source": "custom"}, (item.clock[0], "crm/3")
    return item


def pushed(base: dict[str, Any], former: dict[str, list[Any]]) -> Known:
    known = stored(7, {"email": "a@example.com", "city": "Trier"}, at=micros("2026-01-10T09:00:00Z"))
    at = micros("2026-01-10T10:00:10Z") / 1e6
    known.index.links[1, "crm/3", "E1"] = Link(7, base, at, None, at, former)
    return known


def test_a_late_echo_of_an_earlier_write_is_no_edit() -> None:
    known = pushed({"city": "Trier"}, {"city": ["Bonn", "Trier"]})
    plan = decide(seen_in_crm({"city": "Bonn"}, "2026-01-10T10:00:05Z"), known=known)
    assert (outcomes(plan), plan.links) == ([("unchanged", 7)], {})


@pytest.mark.parametrize(
    ("city", "at"),
    [("Köln", "2026-01-10T10:00:05Z"), ("Bonn", "2026-01-10T10:00:30Z")],
    ids=["never ours", "written back later"],
)
def test_an_edit_by_a_person_is_taken(city: str, at: str) -> None:
    plan = decide(seen_in_crm({"city": city}, at), known=pushed({"city": "Trier"}, {"city": ["Bonn", "Trier"]}))
    assert plan.leads[1, 7].fields["city"] == city


def test_a_box_that_was_never_ticked_is_no_edit_and_ticking_it_is() -> None:
    known = pushed({"city": "Trier"}, {})
    box = "custom.DoNotCall"
    item = {"city": "Trier", "custom_fields": {"DoNotCall": False}}
    plan = decide(seen_in_crm(item, "2026-01-10T11:00:00Z"), known=known)
    assert outcomes(plan) == [("unchanged", 7)]
    assert box not in known.leads[1, 7].fields
    for number, ticked in enumerate((True, False), start=1):
        item = {"custom_fields": {"DoNotCall": ticked}}
        plan = decide(seen_in_crm(item, f"2026-01-10T11:00:0{number}Z"), known=known)
        assert plan.leads[1, 7].fields[box] is ticked


def test_an_edit_that_our_write_ran_over_is_written_again() -> None:
    known = pushed({"city": "Trier"}, {})
    plan = decide(seen_in_crm({"city": "Köln"}, "2026-01-10T10:00:05Z"), known=known)
    assert plan.leads[1, 7].fields["city"] == "Köln"
    assert plan.links == {}, "the CRM holds what we wrote, so the difference is pushed"


def test_a_push_is_remembered_as_link_and_base() -> None:
    data = {"lead_id": 7, "connection_id": 3, "crm_type": "custom", "external_id": "EXT-1", "base": {"city": "Bonn"}}
    item = lead_synced(Event(e.LEAD_SYNCED, 1, "lead/7", data, "sync-worker"), Context())
    plan = decide(item, known=stored(7, {"city": "Bonn"}))
    assert plan.new_links[1, "crm/3", "EXT-1"].base == {"city": "Bonn"}
    assert (outcomes(plan), plan.events) == ([("linked", 7)], [])


FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "email": st.sampled_from(["a@example.com", "b@example.com", "bad"]),
        "phone": st.sampled_from(["210-555-0123", "(210) 555-0124", "?"]),
        "first_name": st.sampled_from(["Ann", "Bob"]),
        "city": st.sampled_from(["Bonn", "Trier"]),
    },
)


@given(st.lists(st.tuples(FIELDS, st.sampled_from([None, "1", "2"])), max_size=12))
def test_every_event_has_one_outcome_and_versions_have_no_gaps(rows: list[tuple[dict[str, str], str | None]]) -> None:
    plan = decide(*(record(fields, external_id=external_id) for fields, external_id in rows))
    assert len(plan.inbox) == len(rows)
    versions: dict[int, list[int]] = {}
    for row in plan.history:
        versions.setdefault(row[1], []).append(row[2])
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in versions.values())
    assert {key[1]: lead.version for key, lead in plan.leads.items()} == {key: len(v) for key, v in versions.items()}
