"""What a custom CRM's answers mean for the hub."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.connectors.custom import answers
from hub.connectors.custom.answers import Failed
from hub.contracts.failures import FailureKind
from hub.contracts.pushing import PushItem

ITEM = PushItem(1, None, "MPP-1", {}, {"email": "john@example.com"})


def failure(status: int, content: bytes = b"{}", **headers: str) -> Failed:
    with pytest.raises(Failed) as caught:
        answers.read(status, {name.replace("_", "-"): value for name, value in headers.items()}, content)
    return caught.value


@pytest.mark.parametrize(
    ("status", "kind", "stored"),
    [
        (301, FailureKind.SERVER, False),
        (400, FailureKind.VALIDATION, False),
        (401, FailureKind.AUTH, False),
        (403, FailureKind.AUTH, False),
        (404, FailureKind.VALIDATION, False),
        (408, FailureKind.SERVER, None),
        (409, FailureKind.VALIDATION, False),
        (422, FailureKind.VALIDATION, False),
        (429, FailureKind.RATE_LIMIT, False),
        (500, FailureKind.SERVER, None),
        (503, FailureKind.SERVER, None),
    ],
)
def test_statuses(status: int, kind: FailureKind, stored: bool | None) -> None:
    failed = failure(status)
    assert (failed.kind, failed.stored, failed.error.status) == (kind, stored, status)


def test_retry_after_in_seconds_or_as_a_date() -> None:
    assert failure(429, Retry_After="7").retry_after == 7
    assert failure(503, Retry_After="0.5").retry_after == 0.5
    assert failure(429, Retry_After="soon").retry_after is None
    assert failure(429, Retry_After="-3").retry_after is None
    assert failure(429, Retry_After="999999999").retry_after == 86_400
    assert failure(429, Retry_After="nan").retry_after is None
    assert failure(429, Retry_After="inf").retry_after is None
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert 55 < (failure(429, Retry_After=at).retry_after or 0) <= 60


def test_a_web_page_is_called_one() -> None:
    failed = failure(200, b"\n<!doctype html>")
    assert (failed.error.code, failed.stored) == ("HTML_ANSWER", None)
    assert failure(404, b"<html>").error.code == "HTML_ANSWER"
    assert failure(200, b"OK").error.code == "NOT_JSON"


@pytest.mark.parametrize(
    ("body", "code", "message", "field"),
    [
        (b'{"error":{"code":"DUP","message":"m","field":"Email"}}', "DUP", "m", "Email"),
        (b'{"errors":[{"code":"DUP","message":"m"}]}', "DUP", "m", None),
        (b'{"message":"m"}', "HTTP_422", "m", None),
        (b'{"error":"m"}', "HTTP_422", "m", None),
        (b'{"error":{"message":"a\\u0000b"}}', "HTTP_422", "ab", None),
        (b"[]", "NOT_JSON", "the CRM's answer is not JSON", None),
        (b"", "HTTP_422", "the CRM answered 422", None),
    ],
)
def test_a_crm_s_own_words(body: bytes, code: str, message: str, field: str | None) -> None:
    error = failure(422, body).error
    assert (error.code, error.message, error.field) == (code, message, field)


def test_a_secret_that_a_crm_repeats_goes_no_further() -> None:
    failed = failure(422, b'{"error":{"code":"k-KEY1","message":"bad KEY1","field":"email"}}')
    result = answers.push_result(failed, ITEM, "KEY1")
    assert result.error is not None
    assert "KEY1" not in repr(result)
    assert (result.error.attempted_value, result.unknown_outcome) == ("john@example.com", False)


@pytest.mark.parametrize(
    "record", [None, [], {}, {"id": None}, {"id": True}, {"id": ""}, {"id": 1.5}, {"id": "x" * 256}]
)
def test_an_answer_without_an_id_leaves_the_outcome_open(record: Any) -> None:
    with pytest.raises(Failed) as caught:
        answers.identifier(record)
    assert answers.push_result(caught.value, ITEM, "").unknown_outcome


def test_ids_and_lists_come_in_several_shapes() -> None:
    assert answers.identifier({"id": 5}) == "5"
    assert answers.identifier({"data": {"id": "EXT-5"}}) == "EXT-5"
    assert answers.records([{"id": 1}, 2]) == [{"id": 1}]
    assert answers.records({"data": [{"id": 1}], "total": 1}) == [{"id": 1}]
    with pytest.raises(Failed):
        answers.records({"message": "hello"})


@given(st.integers(100, 599), st.binary(max_size=60), st.text(max_size=20))
def test_any_answer_is_read_or_fails_by_name(status: int, content: bytes, retry_after: str) -> None:
    with suppress(Failed):
        answers.read(status, {"Retry-After": retry_after}, content)
