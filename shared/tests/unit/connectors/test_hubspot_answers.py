"""What HubSpot's answers mean for the hub."""

from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from hub.connectors.calls import Answer
from hub.connectors.hubspot import answers
from hub.contracts.failures import CrmFailure, FailureKind
from hub.contracts.metering import Reading


def answer(status: int, document: Any = None, **headers: str) -> Answer:
    content = document if isinstance(document, bytes) else b"" if document is None else orjson.dumps(document)
    pairs = CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()})
    return Answer(status, pairs, content)


def failure(status: int, document: Any = None, **headers: str) -> CrmFailure:
    found = answers.judge(answer(status, document, **headers))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("status", "kind", "stored"),
    [
        (400, FailureKind.VALIDATION, False),
        (401, FailureKind.AUTH, False),
        (403, FailureKind.AUTH, False),
        (404, FailureKind.VALIDATION, False),
        (409, FailureKind.VALIDATION, False),
        (423, FailureKind.SERVER, False),
        (429, FailureKind.RATE_LIMIT, False),
        (477, FailureKind.SERVER, False),
        (500, FailureKind.SERVER, None),
        (502, FailureKind.SERVER, None),
        (521, FailureKind.SERVER, None),
    ],
)
def test_statuses(status: int, kind: FailureKind, stored: bool | None) -> None:
    found = failure(status, {"status": "error", "message": "m"})
    assert (found.kind, found.stored, found.error.status) == (kind, stored, status)


def test_success_is_success() -> None:
    for status in (200, 201, 204, 207):
        assert answers.judge(answer(status, {"results": []} if status != 204 else None)) is None


def test_an_error_under_a_status_of_success_is_one() -> None:
    found = failure(200, {"status": "error", "category": "INTERNAL", "message": "m"})
    assert (found.kind, found.error.code, found.stored) == (FailureKind.SERVER, "INTERNAL", None)


def test_a_web_page_is_called_one_and_is_no_refusal_of_the_token() -> None:
    found = failure(403, b"<html>blocked</html>")
    assert (found.kind, found.error.code, found.stored) == (FailureKind.SERVER, "HTML_ANSWER", False)
    assert failure(502, b"\n<html>").stored is None


VALUES = (
    'Property values were not valid: [{"isValid":false,"message":"Email address x is invalid","error":"INVALID_EMAIL",'
    '"name":"email"}]'
)


@pytest.mark.parametrize(
    ("status", "document", "code", "field"),
    [
        (400, {"category": "VALIDATION_ERROR", "message": VALUES}, "INVALID_EMAIL", "email"),
        (400, {"category": "VALIDATION_ERROR", "message": "bad"}, "VALIDATION_ERROR", None),
        (401, {"category": "EXPIRED_AUTHENTICATION", "message": "m"}, "EXPIRED_AUTHENTICATION", None),
        (403, {"category": "MISSING_SCOPES", "message": "m", "errors": [{"message": "x"}]}, "MISSING_SCOPES", None),
        (404, {"category": "OBJECT_NOT_FOUND", "message": "m"}, "OBJECT_NOT_FOUND", None),
        (409, {"category": "CONFLICT", "message": "Contact already exists. Existing ID: 123"}, "CONFLICT", None),
        (400, {"errors": [{"code": "C", "context": {"propertyName": ["zip"]}}]}, "C", "zip"),
        (
            400,
            {"message": "Cannot set PropertyValueCoordinates{portalId=1, propertyName=mpp_id, v}"},
            "HTTP_400",
            "mpp_id",
        ),
        (429, {"policyName": "DAILY", "errorType": "RATE_LIMIT", "message": "m"}, "DAILY", None),
        (429, {"category": "RATE_LIMITS", "message": "m"}, "RATE_LIMITS", None),
        (400, b"", "HTTP_400", None),
        (400, b"[]", "HTTP_400", None),
        (400, {"message": "a\x00b", "errors": "none"}, "HTTP_400", None),
    ],
)
def test_hubspots_own_words(status: int, document: Any, code: str, field: str | None) -> None:
    error = failure(status, document).error
    assert (error.code, error.field) == (code, field)
    assert "\x00" not in error.message
    assert error.message


def test_conflicts_name_the_record_in_the_way() -> None:
    assert answers.existing_id("Contact already exists. Existing ID: 123") == "123"
    assert answers.existing_id("Contact already exists.") is None


@pytest.mark.parametrize(
    ("document", "headers", "window", "seconds"),
    [
        ({"policyName": "DAILY"}, {}, "daily", 3600),
        ({"policyName": "TEN_SECONDLY_ROLLING"}, {}, "burst", 10),
        ({"policyName": "SECONDLY"}, {}, "search", 1),
        ({"message": "You have reached your ten_secondly_rolling limit."}, {}, "burst", 10),
        ({"message": "You have reached your daily limit."}, {}, "daily", 3600),
        ({}, {}, "burst", 10),
        ({"policyName": "SECONDLY"}, {"Retry_After": "7"}, "search", 7),
        ({"policyName": "SECONDLY"}, {"Retry_After": "soon"}, "search", 1),
    ],
)
def test_a_429_waits_by_its_policy_or_as_told(
    document: dict[str, str], headers: dict[str, str], window: str, seconds: float
) -> None:
    assert answers.refusal(answer(429, document, **headers)) == (window, seconds)
    assert failure(429, document, **headers).retry_after == seconds
    assert answers.refusal(answer(503)) is None


def test_waits_of_other_answers() -> None:
    assert failure(423).retry_after == 2
    assert failure(477, None, Retry_After="86400").retry_after == 86_400
    assert failure(503, None, Retry_After="9").retry_after == 9


def test_quota_is_learnt_from_headers() -> None:
    headers = {
        "X_HubSpot_RateLimit_Max": "190",
        "X_HubSpot_RateLimit_Remaining": "187",
        "X_HubSpot_RateLimit_Daily": "625000",
        "X_HubSpot_RateLimit_Daily_Remaining": "624001",
        "X_HubSpot_RateLimit_Secondly": "19",
    }
    assert answers.readings(answer(200, None, **headers)) == [
        Reading("burst", 190, 187),
        Reading("daily", 625_000, 624_001),
    ]
    assert answers.readings(answer(200, None, X_HubSpot_RateLimit_Max="many")) == []


def test_pages() -> None:
    assert answers.next_page({"paging": {"next": {"after": "5", "link": "https://evil.example"}}}) == "5"
    documents: list[dict[str, Any]] = [
        {},
        {"paging": None},
        {"paging": {"next": {}}},
        {"paging": {"next": {"after": ""}}},
    ]
    for document in documents:
        assert answers.next_page(document) is None
    answers_of_others: list[Any] = [None, [], {}, {"results": {}}, {"results": [1]}]
    for wrong in answers_of_others:
        with pytest.raises(CrmFailure):
            answers.results(wrong)


NAMES = st.sampled_from(["status", "message", "errors", "category", "context", "code", "policyName", "propertyName"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner),
    max_leaves=12,
)


@given(st.integers(100, 599), JSON.map(orjson.dumps) | st.binary(max_size=60), st.text(max_size=10))
def test_any_answer_is_judged(status: int, content: bytes, retry_after: str) -> None:
    found = answer(status, content, Retry_After=retry_after)
    answers.judge(found)
    answers.refusal(found)
    answers.readings(found)
    with suppress(CrmFailure):
        answers.results(found.json())
