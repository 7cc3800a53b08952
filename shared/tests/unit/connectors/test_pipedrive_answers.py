"""What Pipedrive's answers mean."""

from typing import Any

import orjson
import pytest

from hub.connectors.calls import Answer
from hub.connectors.pipedrive.answers import judge, readings, refusal_inside, spent
from hub.contracts.failures import FailureKind

MIDNIGHT = 1_767_225_600.0  # 2026-01-01T00:00:00Z


def answer(status: int, body: Any = None, **headers: str) -> Answer:
    document = body or {"success": False, "error": "request over limit"}
    content = body if isinstance(body, bytes) else orjson.dumps(document)
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, content)


@pytest.mark.parametrize(
    ("status", "body", "kind", "code", "field"),
    [
        (401, {"success": False, "error": "unauthorized access", "errorCode": 401}, FailureKind.AUTH, "HTTP_401", None),
        (403, {"success": False, "error": "Scope and URL mismatch"}, FailureKind.AUTH, "HTTP_403", None),
        (
            403,
            {"success": False, "error": "x", "code": "feature_capping_deals_limit"},
            FailureKind.VALIDATION,
            "feature_capping_deals_limit",
            None,
        ),
        (403, b"<html>", FailureKind.RATE_LIMIT, "FIREWALL", None),
        (404, {"success": False, "error": "Person not found"}, FailureKind.VALIDATION, "HTTP_404", None),
        (
            400,
            {"error": "Validation failed: emails: Expected array", "code": "ERR_SCHEMA_VALIDATION_FAILED"},
            FailureKind.VALIDATION,
            "ERR_SCHEMA_VALIDATION_FAILED",
            "emails",
        ),
        (
            400,
            {"error": "Validation failed: custom_fields.aa11: Expected string"},
            FailureKind.VALIDATION,
            "HTTP_400",
            "custom_fields.aa11",
        ),
        (422, {"error": "owner_id: 77 does not exist"}, FailureKind.VALIDATION, "HTTP_422", "owner_id"),
        (400, {"error": "Bad request"}, FailureKind.VALIDATION, "HTTP_400", None),
        (429, {"success": False, "error": "request over limit"}, FailureKind.RATE_LIMIT, "HTTP_429", None),
        (429, b"slow down", FailureKind.RATE_LIMIT, "FIREWALL", None),
        (500, {"success": False, "error": "\u0000"}, FailureKind.SERVER, "HTTP_500", None),
        (502, b"", FailureKind.SERVER, "HTTP_502", None),
        (409, {"error": "locked"}, FailureKind.SERVER, "HTTP_409", None),
        (401, b"<html>", FailureKind.AUTH, "HTML_ANSWER", None),
    ],
)
def test_refusals(status: int, body: Any, kind: FailureKind, code: str, field: str | None) -> None:
    failure = judge(answer(status, body))
    assert failure
    assert (failure.kind, failure.error.code, failure.error.field) == (kind, code, field)
    assert failure.stored is (None if kind is FailureKind.SERVER else False)
    assert "\x00" not in failure.error.message


def test_success_that_is_none() -> None:
    assert judge(answer(200, {"success": True})) is None
    assert refusal_inside({"success": True, "data": None}, 200) is None
    documents: list[Any] = [{"success": False, "error": "Something went wrong"}, [], None, "x"]
    for document in documents:
        failure = refusal_inside(document, 200)
        assert failure
        assert (failure.kind, failure.error.code, failure.stored) == (FailureKind.SERVER, "UNSUCCESSFUL", None)


def test_headers() -> None:
    told = {"x_ratelimit_limit": "80", "x_ratelimit_remaining": "79", "x_ratelimit_reset": "2"}
    (burst,) = readings(answer(200, **told))
    assert (burst.window, burst.limit, burst.remaining, burst.resets_in) == ("burst", 80, 79, 2.0)
    assert [each.remaining for each in readings(answer(200, **told, x_daily_requests_left="7"))] == [79, 7]
    assert readings(answer(200, x_ratelimit_remaining="many")) == []


@pytest.mark.parametrize(
    ("headers", "search", "now", "window", "seconds"),
    [
        ({}, False, MIDNIGHT, "burst", 2.0),
        ({}, True, MIDNIGHT, "search", 2.0),
        ({"x_ratelimit_remaining": "0", "x_ratelimit_reset": "1"}, False, MIDNIGHT, "burst", 1.0),
        ({"x_ratelimit_remaining": "0", "x_ratelimit_reset": "1"}, True, MIDNIGHT, "burst", 1.0),
        ({"x_ratelimit_remaining": "5", "Retry_After": "9"}, True, MIDNIGHT, "search", 9.0),
        ({"x_ratelimit_remaining": "5"}, False, MIDNIGHT, "daily", 900.0),
        ({"x_ratelimit_remaining": "90", "x_ratelimit_limit": "160"}, False, MIDNIGHT, "daily", 900.0),
        # the burst was spent when it was refused, and a call came free while the answer was written
        (
            {"x_ratelimit_remaining": "1", "x_ratelimit_limit": "160", "x_ratelimit_reset": "1"},
            False,
            MIDNIGHT,
            "burst",
            1.0,
        ),
        ({"x_daily_requests_left": "0"}, False, MIDNIGHT - 60, "daily", 60.0),
    ],
)
def test_which_budget_is_spent(headers: Any, search: bool, now: float, window: str, seconds: float) -> None:
    refused = answer(429, **headers)
    failure = judge(refused)
    assert failure
    assert spent(failure, refused, search=search, now=now) == (window, seconds)
