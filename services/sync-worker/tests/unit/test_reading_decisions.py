"""Decisions about reading: event ids, setbacks, drift."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.contracts.failures import CrmFailure, FailureKind, RecordError
from hub.contracts.pulling import FieldSpec, RemoteRecord
from sync_worker.domain.drift import Drift, drifts, shown
from sync_worker.domain.policy import RetryPolicy
from sync_worker.domain.received import LONGEST_VALUE, MOST_FIELDS, received
from sync_worker.domain.setback import MOST_SETBACKS, setback

ANN = RemoteRecord("7", {"email": "ann@example.com", "city": "Bonn"}, "2026-01-10T10:00:00Z")


def event_id(record: RemoteRecord = ANN, connection: int = 1, reading: str = "run-1") -> str:
    return received(1, connection, "custom", record, reading).id


def test_the_same_record_read_again_is_the_same_event() -> None:
    again = RemoteRecord("7", {"city": "Bonn", "email": "ann@example.com"}, "2026-01-10T10:00:00Z")
    assert event_id() == event_id(again, reading="run-2")


@pytest.mark.parametrize(
    "other",
    [
        RemoteRecord("8", ANN.fields, ANN.modified_at),
        RemoteRecord("7", {"city": "Köln"}, ANN.modified_at),
        RemoteRecord("7", ANN.fields, "2026-01-10T10:00:01Z"),
        RemoteRecord("7", ANN.fields, ANN.modified_at, deleted=True),
        RemoteRecord("7", ANN.fields, ANN.modified_at, merged_into="8"),
    ],
)
def test_another_record_moment_or_fate_is_another_event(other: RemoteRecord) -> None:
    assert event_id(other) != event_id()
    assert event_id(connection=2) != event_id()


def test_without_times_each_reading_is_told_anew() -> None:
    timeless = RemoteRecord("7", ANN.fields)
    assert event_id(timeless, reading="run-1") != event_id(timeless, reading="run-2")


def test_what_happened_is_named() -> None:
    def named(record: RemoteRecord) -> Any:
        return received(1, 1, "custom", record, "r").data["event"]

    assert named(ANN) == "lead.updated"
    assert named(RemoteRecord("7", deleted=True)) == "lead.deleted"
    assert named(RemoteRecord("7", deleted=True, merged_into="8")) == "lead.merged"


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=20) | st.integers(-(2**53), 2**53), max_size=20))
def test_records_are_bounded(fields: dict[str, Any]) -> None:
    vast = {**fields, **{f"f{n}": "x" * (LONGEST_VALUE + n) for n in range(MOST_FIELDS)}}
    told = received(1, 1, "custom", RemoteRecord("7", vast), "r").data["record"]
    assert len(told) == MOST_FIELDS
    assert max(len(value) for value in told.values() if isinstance(value, str)) == LONGEST_VALUE


def failed(kind: FailureKind, retry_after: float | None = None) -> CrmFailure:
    return CrmFailure(kind, RecordError("X", "x"), retry_after)


def test_quota_and_credentials_are_waited_for_without_counting() -> None:
    policy = RetryPolicy()
    assert setback(failed(FailureKind.RATE_LIMIT, 77), 3, policy, lambda: 0.5).delay == 77
    assert setback(failed(FailureKind.RATE_LIMIT), MOST_SETBACKS + 5, policy, lambda: 0.5).delay is not None
    assert setback(failed(FailureKind.AUTH), MOST_SETBACKS + 5, policy, lambda: 0.5).delay is not None


def test_outages_are_retried_up_to_a_limit_and_refusals_not_at_all() -> None:
    policy = RetryPolicy()
    delays = [setback(failed(FailureKind.SERVER), n, policy, lambda: 1.0).delay for n in range(MOST_SETBACKS)]
    assert delays[-1] is None
    assert None not in delays[:-1]
    assert setback(failed(FailureKind.VALIDATION), 0, policy, lambda: 0.5).delay is None


def field(name: str, **changes: Any) -> FieldSpec:
    return replace(FieldSpec(name, name, "text", writable=True), **changes)


MAPPED = {"Email": "email", "Status": "status", "Plan__c": "custom.plan"}
STATUS = {"status": {"new": "Open", "enrolled": "Closed Won"}}


def test_all_is_well() -> None:
    now = shown([field("Email"), field("Status", choices=("Open", "closed won"), restricted=True)])
    assert drifts(now, None, MAPPED, STATUS) == []


def test_what_drifted_is_named() -> None:
    before = shown([field("Email"), field("Status"), field("Plan__c")])
    now = shown([field("Email", writable=False), field("Status", type="choice", choices=("Open",), restricted=True)])
    assert [(each.field, each.kind) for each in drifts(now, before, MAPPED, STATUS)] == [
        ("Email", "not_writable"),
        ("Plan__c", "field_vanished"),
        ("Status", "type_changed"),
        ("Status", "unknown_choice"),
    ]
    assert Drift("Status", "unknown_choice", "Status has no choice 'Closed Won'") in drifts(now, before, MAPPED, STATUS)
