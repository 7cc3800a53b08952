"""What is decided about a claimed lead."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from hub.contracts.connector import InboundRecord
from hub.contracts.pushing import Companion, PushResult
from sync_worker.domain.bases import DOUBT, differing, known_base, same
from sync_worker.domain.plan import Claimed, Plan, Step, found, new_base, plan
from sync_worker.domain.settlement import succeeded

NOW = datetime(2026, 1, 10, tzinfo=UTC)
LATER = NOW + DOUBT * 2


class AsIs:
    """A mapping that changes nothing, but drops ``hidden``."""

    def outbound(self, registers: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in registers.items() if name != "hidden"}

    def inbound(self, record: Mapping[str, Any]) -> InboundRecord:
        return InboundRecord(dict(record), None)

    def companions(self, lead_id: int, registers: Mapping[str, Any]) -> tuple[Companion, ...]:
        return ()

    def remote_fields(self) -> Mapping[str, str]:
        return {}


def claimed(**changes: Any) -> Claimed:
    base = Claimed(
        lead_id=7,
        claim=UUID(int=1),
        desired_version=3,
        version=3,
        fields={"first_name": "Ana", "email": "ana@example.com", "notes": None},
        external_id=None,
        sent={},
        sent_at=None,
        seen=None,
        seen_at=None,
        create_in_doubt=False,
        attempts=0,
        waited_ms=1.0,
    )
    return replace(base, **changes)


def decide(**changes: Any) -> Plan:
    return plan(claimed(**changes), AsIs())


def test_an_unknown_lead_is_created_with_all_that_is_not_blank() -> None:
    decided = decide()
    assert decided.step is Step.CREATE
    assert decided.item is not None
    assert (decided.item.external_id, decided.item.reference) == (None, "MPP-7")
    assert decided.item.record == decided.sent == {"first_name": "Ana", "email": "ana@example.com"}


def test_a_create_in_doubt_is_looked_up_first() -> None:
    decided = decide(create_in_doubt=True)
    assert (decided.step, decided.email) == (Step.LOOK_UP, "ana@example.com")
    update = found(decided, "EXT-1")
    assert update.item is not None
    assert (update.step, update.item.external_id) == (Step.UPDATE, "EXT-1")
    assert update.item.fields == {"first_name": "Ana", "email": "ana@example.com"}


def test_a_crm_that_upserts_needs_no_look_up() -> None:
    decided = plan(claimed(create_in_doubt=True), AsIs(), upserts=True)
    assert decided.step is Step.CREATE
    assert decided.item is not None
    assert decided.item.email == "ana@example.com"


def test_an_archived_lead_is_given_to_no_crm_but_kept_up_to_date_where_it_is() -> None:
    fields = {"first_name": "Ana", "archived": True, "merged_into": "MPP-3"}
    assert decide(fields=fields).step is Step.NOTHING
    decided = decide(fields=fields, external_id="EXT-1", sent={"first_name": "A"}, sent_at=NOW)
    assert decided.item is not None
    assert decided.item.fields == decided.item.record == {"first_name": "Ana"}  # what the hub keeps for itself stays


class Enrolling(AsIs):
    """A mapping that puts a deal beside those who enrolled."""

    def companions(self, lead_id: int, registers: Mapping[str, Any]) -> tuple[Companion, ...]:
        if registers.get("status") != "enrolled":
            return ()
        return (Companion("deal", f"MPP-{lead_id}-deal", {"name": registers.get("first_name")}),)


def test_companions_follow_an_enrolment_once() -> None:
    lead = {"first_name": "Ana", "status": "enrolled", "city": "Bonn"}
    sent = {**lead, "status": "new"}
    enrolled = plan(claimed(external_id="EXT-1", fields=lead, sent=sent, sent_at=NOW), Enrolling())
    assert enrolled.item is not None
    assert [each.reference for each in enrolled.item.companions] == ["MPP-7-deal"]
    moved = plan(claimed(external_id="EXT-1", fields=lead, sent={**lead, "city": "Köln"}, sent_at=NOW), Enrolling())
    assert moved.item is not None
    assert moved.item.companions == ()
    renamed = plan(
        claimed(external_id="EXT-1", fields=lead, sent={**lead, "first_name": "A"}, sent_at=NOW), Enrolling()
    )
    assert renamed.item is not None
    assert len(renamed.item.companions) == 1


def test_only_what_differs_is_sent() -> None:
    decided = decide(external_id="EXT-1", sent={"first_name": "Ana", "email": "old@example.com"}, sent_at=NOW)
    assert decided.step is Step.UPDATE
    assert decided.item is not None
    assert decided.item.fields == decided.sent == {"email": "ana@example.com"}
    assert decided.item.record["first_name"] == "Ana"


def test_what_is_there_already_needs_no_call() -> None:
    known = {"first_name": "Ana", "email": "ana@example.com", "phone": "1"}
    assert decide(external_id="EXT-1", sent=known, sent_at=NOW).step is Step.NOTHING
    assert decide(external_id="EXT-1", seen=known, seen_at=NOW).step is Step.NOTHING


def test_a_difference_that_the_mapping_drops_needs_no_call() -> None:
    known = {"first_name": "Ana"}
    fields = known | {"hidden": 1}
    assert decide(external_id="EXT-1", sent=known, sent_at=NOW, fields=fields).step is Step.NOTHING


def test_a_lead_that_is_gone_needs_no_call() -> None:
    assert decide(version=None, fields={}).step is Step.NOTHING


def test_a_cleared_field_is_cleared_there() -> None:
    decided = decide(external_id="EXT-1", fields={"phone": None}, sent={"phone": "1"}, sent_at=NOW)
    assert decided.sent == {"phone": None}


def test_the_newer_knowledge_counts() -> None:
    assert known_base({"a": 1, "b": 1}, NOW, {"a": 2}, LATER) == {"a": 2, "b": 1}
    assert known_base({"a": 1}, LATER, {"a": 2, "b": 2}, NOW) == {"a": 1, "b": 2}
    assert known_base({}, None, {"a": 2}, NOW) == {"a": 2}
    assert known_base({"a": 1}, NOW, None, None) == {"a": 1}


def test_what_was_seen_while_a_write_was_on_its_way_is_in_doubt() -> None:
    base = known_base({"a": 1, "b": 1}, NOW, {"a": 2, "b": 1}, NOW - timedelta(seconds=1))
    assert base["b"] == 1
    for value in (1, 2, None):
        assert differing({"a": value}, base) == {"a": value}


def test_sameness() -> None:
    assert same(None, "")
    assert same(5, 5.0)
    assert not same(True, 1)
    assert not same("5", 5)
    assert not same(0, None)
    assert not same(False, "")


VALUES = st.none() | st.text(max_size=3) | st.integers(-3, 3) | st.booleans()
FIELDS = st.dictionaries(st.sampled_from("abcd"), VALUES)
MOMENTS = st.integers(0, 200).map(lambda seconds: NOW + timedelta(seconds=seconds))


@given(FIELDS, FIELDS, st.none() | MOMENTS, st.none() | FIELDS, MOMENTS)
def test_after_a_push_nothing_differs(
    fields: dict[str, Any],
    sent: dict[str, Any],
    sent_at: datetime | None,
    seen: dict[str, Any] | None,
    seen_at: datetime,
) -> None:
    """Carrying out a plan and planning again sends nothing: pushing comes to an end."""
    row = claimed(
        external_id="EXT-1",
        fields=fields,
        sent=sent if sent_at else {},
        sent_at=sent_at,
        seen=seen,
        seen_at=seen_at if seen is not None else None,
    )
    first = plan(row, AsIs())
    pushed = replace(row, sent=new_base(first), sent_at=LATER + timedelta(hours=1))
    assert plan(pushed, AsIs()).step is Step.NOTHING


@given(FIELDS, FIELDS)
def test_an_update_leaves_the_crm_with_the_lead(fields: dict[str, Any], held: dict[str, Any]) -> None:
    decided = plan(claimed(external_id="EXT-1", fields=fields, sent=held, sent_at=NOW), AsIs())
    crm = held | dict(decided.item.fields if decided.item else {})
    assert not differing(fields, crm)


class WithoutAgents(AsIs):
    """A CRM that knows none of our agents."""

    def outbound(self, registers: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in registers.items() if name != "agent_id"}


def test_what_the_mapping_does_not_write_is_not_taken_for_held() -> None:
    fields = {"first_name": "Ana", "agent_id": "agent123"}
    decided = plan(claimed(fields=fields), WithoutAgents())
    assert decided.sent == {"first_name": "Ana"}
    again = plan(claimed(fields=fields, external_id="E1", sent={"first_name": "Ana"}, sent_at=NOW), WithoutAgents())
    assert again.step is Step.NOTHING


def test_what_the_crm_had_no_place_for_is_not_taken_for_held() -> None:
    decided = decide(fields={"first_name": "Ana", "lead_source": "Fair"})
    done = succeeded(decided, PushResult(True, "E1", "create", left_out=("lead_source",)), 1.0, linked=False)
    assert done.base == done.plan.sent == {"first_name": "Ana"}
