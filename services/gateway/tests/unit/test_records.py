"""A lead as somebody sends it."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.problems import Code, Problem
from gateway.domain.records import Record, read_record
from hub.contracts.events import LeadReceived
from hub.contracts.records import LeadFields

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    [*LeadFields.model_fields, "external_id", "updated_at", "firstName", "budget", "a\x00", "\ud800"]
)


def good(raw: Any, **options: Any) -> Record:
    record = read_record(raw, **options)
    assert isinstance(record, Record), record
    return record


@given(st.dictionaries(NAMES, JSON, max_size=6) | JSON)
def test_whatever_comes_is_a_record_or_a_problem_and_both_can_be_told(raw: Any) -> None:
    record = read_record(raw)
    if isinstance(record, Problem):
        orjson.dumps([record.message, record.field, record.external_id])
        assert "\x00" not in f"{record.message}{record.field}{record.external_id}"
    else:
        orjson.dumps(record.fields)
        data = {"origin": {"kind": "api", "source": "s"}, "actor": {"user": "u"}, "fields": record.fields}
        LeadReceived.model_validate(data | {"external_id": record.external_id, "observed_at": record.observed_at})


def test_names_of_the_design_document_and_camel_case() -> None:
    record = good(
        {"firstName": "A", "lastName": "B", "assignedAgentId": "agent1", "source": "web", "postalCode": "78201"}
    )
    assert record.fields == {
        "first_name": "A",
        "last_name": "B",
        "agent_id": "agent1",
        "lead_source": "web",
        "postal_code": "78201",
    }


def test_unknown_scalars_become_custom_fields() -> None:
    record = good({"email": "a@b.de", "budget": 5, "vip": True, "custom_fields": {"tier": "gold", "vip": False}})
    assert record.fields["custom_fields"] == {"budget": 5, "vip": False, "tier": "gold"}


def test_what_was_not_said_is_not_there_and_null_clears() -> None:
    assert good({"email": "a@b.de", "phone": None}).fields == {"email": "a@b.de", "phone": None}


@pytest.mark.parametrize(
    ("given_status", "expected"), [("New", "new"), (" QUALIFIED ", "qualified"), ("", None), (None, None)]
)
def test_status_in_any_case(given_status: str | None, expected: str | None) -> None:
    assert good({"email": "a@b.de", "status": given_status}).fields["status"] == expected


@pytest.mark.parametrize(
    ("raw", "code", "field"),
    [
        ([], Code.WRONG_TYPE, None),
        ({}, Code.MISSING_FIELD, None),
        ({"city": "Ulm"}, Code.MISSING_FIELD, None),
        ({"email": ""}, Code.MISSING_FIELD, None),
        ({"email": 5}, Code.WRONG_TYPE, "email"),
        ({"email": "\ud800"}, Code.INVALID_TEXT, "email"),
        ({"first_name": "a\x00"}, Code.INVALID_TEXT, "first_name"),
        ({"first_name": "x" * 256}, Code.TOO_LONG, "first_name"),
        ({"email": "a@b.de", "status": "asleep"}, Code.UNKNOWN_VALUE, "status"),
        ({"email": "a@b.de", "x": {"y": 1}}, Code.WRONG_TYPE, "custom_fields.x"),
        ({"email": "a@b.de", "x": 2**60}, Code.NUMBER_OUT_OF_RANGE, "custom_fields.x"),
        ({"email": "a@b.de", "x": 1e300}, Code.NUMBER_OUT_OF_RANGE, "custom_fields.x"),
        ({"email": "a@b.de", "x": float("inf")}, Code.NUMBER_OUT_OF_RANGE, "custom_fields.x"),
        ({"email": "a@b.de", "x": "y" * 4001}, Code.TOO_LONG, "custom_fields.x"),
        ({"email": "a@b.de", "custom_fields": []}, Code.WRONG_TYPE, "custom_fields"),
        ({"email": "a@b.de", "custom_fields": {str(n): n for n in range(101)}}, Code.TOO_MANY, "custom_fields"),
        ({"external_id": " "}, Code.TOO_SHORT, "external_id"),
        ({"external_id": True}, Code.WRONG_TYPE, "external_id"),
        ({"external_id": "x" * 256}, Code.TOO_LONG, "external_id"),
        ({"external_id": "a" * 210 + "\x00"}, Code.INVALID_TEXT, "external_id"),
        ({"email": "a@b.de", "updated_at": "soon"}, Code.INVALID_TIME, "updated_at"),
        ({"email": "a@b.de", "updated_at": 5}, Code.WRONG_TYPE, "updated_at"),
    ],
)
def test_what_is_wrong_is_named(raw: Any, code: Code, field: str | None) -> None:
    problem = read_record(raw)
    assert isinstance(problem, Problem)
    assert (problem.code, problem.field) == (code, field)


def test_a_problem_names_the_record_by_its_external_id() -> None:
    problem = read_record({"external_id": 77, "email": []})
    assert isinstance(problem, Problem)
    assert problem.external_id == "77"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-01-10T10:30:00Z", "2025-01-10T10:30:00.000000Z"),
        ("2025-01-10T10:30:00+02:00", "2025-01-10T08:30:00.000000Z"),
        ("2025-01-10 10:30", "2025-01-10T10:30:00.000000Z"),
        ("2025-01-10", "2025-01-10T00:00:00.000000Z"),
    ],
)
def test_moments_are_told_in_utc(text: str, expected: str) -> None:
    assert good({"email": "a@b.de", "updated_at": text}).observed_at == expected


def test_a_change_needs_no_identity() -> None:
    assert good({"city": "Ulm"}, needs_identity=False).fields == {"city": "Ulm"}
