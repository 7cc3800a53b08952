"""What Salesforce's answers mean, and how its queries and files are written."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from hub.connectors.calls import Answer
from hub.connectors.salesforce import answers, bulk, soql
from hub.connectors.salesforce.rows import Row
from hub.contracts.failures import CrmFailure, FailureKind
from hub.contracts.metering import Reading, Unmetered

LEAD_ID = "00Qx0000001T8zkEAC"


class Noted(Unmetered):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.readings: list[Reading] = []
        self.closed: list[tuple[str, float]] = []

    def learn(self, readings: Any) -> None:
        self.readings += readings

    def exhausted(self, window: str, seconds: float) -> None:
        self.closed.append((window, seconds))


def answer(status: int, body: Any = None, **headers: str) -> Answer:
    content = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
    named = CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()})
    return Answer(status, named, content)


def error(code: str, message: str = "no", fields: list[str] | None = None) -> list[dict[str, Any]]:
    return [{"errorCode": code, "message": message, "fields": fields or []}]


@pytest.mark.parametrize(
    ("status", "body", "kind", "code", "stored"),
    [
        (401, error("INVALID_SESSION_ID"), FailureKind.AUTH, "INVALID_SESSION_ID", False),
        (401, b"", FailureKind.AUTH, "HTTP_401", False),
        (403, error("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."), FailureKind.RATE_LIMIT,
         "REQUEST_LIMIT_EXCEEDED", False),
        (403, error("API_DISABLED_FOR_ORG"), FailureKind.AUTH, "API_DISABLED_FOR_ORG", False),
        (403, error("INSUFFICIENT_ACCESS"), FailureKind.VALIDATION, "INSUFFICIENT_ACCESS", False),
        (400, error("MALFORMED_QUERY"), FailureKind.VALIDATION, "MALFORMED_QUERY", False),
        (400, error("UNABLE_TO_LOCK_ROW"), FailureKind.SERVER, "UNABLE_TO_LOCK_ROW", False),
        (404, error("NOT_FOUND"), FailureKind.VALIDATION, "NOT_FOUND", False),
        (300, ["/services/data/v60.0/sobjects/Lead/00Q1"], FailureKind.VALIDATION, "DUPLICATE_EXTERNAL_ID", False),
        (429, None, FailureKind.RATE_LIMIT, "HTTP_429", False),
        (503, error("SERVER_UNAVAILABLE"), FailureKind.SERVER, "SERVER_UNAVAILABLE", None),
        (500, b"<html>", FailureKind.SERVER, "HTML_ANSWER", None),
        (403, b"<html>", FailureKind.SERVER, "HTML_ANSWER", False),
        (400, b'[{"errorCode":', FailureKind.SERVER, "NOT_JSON", False),
        (400, [1], FailureKind.VALIDATION, "HTTP_400", False),
        (200, error("UNKNOWN_EXCEPTION"), FailureKind.SERVER, "UNKNOWN_EXCEPTION", None),
    ],
)  # fmt: skip
def test_refusals_are_named(status: int, body: Any, kind: FailureKind, code: str, stored: bool | None) -> None:
    failure = answers.judge(answer(status, body))
    assert failure is not None
    assert (failure.kind, failure.error.code, failure.stored) == (kind, code, stored)


def test_good_answers_are_good() -> None:
    assert answers.judge(answer(204)) is None
    assert answers.judge(answer(200, [{"id": LEAD_ID, "success": True, "errors": []}])) is None
    row = {"success": False, "errors": [{"statusCode": "X", "message": "errorCode", "fields": []}]}
    assert answers.judge(answer(200, [row])) is None  # rows have outcomes of their own


@pytest.mark.parametrize(("header", "wait"), [("7", 7.0), ("x", None), ("99999999", 86_400.0)])
def test_a_wait_is_taken_from_the_header_if_there_is_one(header: str, wait: float | None) -> None:
    failure = answers.judge(answer(503, error("SERVER_UNAVAILABLE"), Retry_After=header))
    assert failure is not None
    assert failure.retry_after == wait


@pytest.mark.parametrize(
    ("header", "readings"),
    [
        ("api-usage=18/15000", [Reading("daily", 15000, 14982)]),
        ("api-usage=18/15000, per-app-api-usage=17/250(appName=x)", [Reading("daily", 15000, 14982)]),
        ("per-app-api-usage=17/250(appName=x), api-usage=15001/15000", [Reading("daily", 15000, 0)]),
        ("api-usage=18/15000; api-bursts=1/750", [Reading("daily", 15000, 14982)]),
        ("per-app-api-usage=17/250", []),
        ("", []),
    ],
)
def test_every_answer_tells_of_the_quota(header: str, readings: list[Reading]) -> None:
    meter = Noted()
    answers.learn(meter, answer(200, None, Sforce_Limit_Info=header))
    assert (meter.readings, meter.closed) == (readings, [])


def test_a_refusal_for_want_of_quota_closes_it() -> None:
    meter = Noted()
    answers.learn(meter, answer(403, error("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")))
    answers.learn(meter, answer(403, error("REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests Limit exceeded.")))
    assert meter.closed == [("daily", 900.0), ("daily", 5.0)]


def test_bulk_csv_leaves_alone_and_clears() -> None:
    content = bulk.written([{"Id": "1", "A": None, "B": True}, {"Id": "2", "C": 'x,"y"\nz', "A": ""}])
    assert content == b'Id,A,B,C\n1,#N/A,true,\n2,#N/A,,"x,""y""\nz"\n'
    assert not bulk.Ingest.fits(Row(0, "lead", "Lead", "update", {"Id": "1", "A": "#N/A"}))
    assert not bulk.Ingest.fits(Row(0, "lead", "Lead", "create", {"A": "1"}))


@pytest.mark.parametrize(
    ("told", "code", "message", "field"),
    [
        ("REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --", "REQUIRED_FIELD_MISSING",
         "Required fields are missing: [LastName]", "LastName"),
        ("UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record:--", "UNABLE_TO_LOCK_ROW",
         "unable to obtain exclusive access to this record", None),
        ("", "HTTP_400", "Salesforce gives no reason", None),
    ],
)  # fmt: skip
def test_errors_of_bulk_rows(told: str, code: str, message: str, field: str | None) -> None:
    failure = bulk.bulk_failure(told, {})
    assert (failure.error.code, failure.error.message, failure.error.field) == (code, message, field)


def test_bulk_results_must_be_csv() -> None:
    assert bulk.parsed_csv(answer(200, b'\xef\xbb\xbf"Id","A"\n"1","x\ny"\n')) == [{"Id": "1", "A": "x\ny"}]
    for content in (b"<html>", b'"Id","A"\n"1', b"\xff"):
        with pytest.raises(CrmFailure):
            bulk.parsed_csv(answer(200, content))


def test_places_in_the_order() -> None:
    assert soql.after(None, "") == ""
    assert soql.after("2026-01-10T10:30:00.000+0000", "") == "SystemModstamp >= 2026-01-10T10:30:00.000Z"
    place = soql.after("2026-01-10T10:30:00.000Z", LEAD_ID)
    when = "2026-01-10T10:30:00.000Z"
    assert place == f"SystemModstamp >= {when} AND (SystemModstamp > {when} OR Id > '{LEAD_ID}')"


@given(st.text())
def test_no_text_ends_its_literal(text: str) -> None:
    literal = soql.text(text)
    inner = literal[1:-1].replace("\\\\", "")
    assert (literal[0], literal[-1]) == ("'", "'")
    assert "'" not in inner.replace("\\'", "")
    assert not inner.endswith("\\")
