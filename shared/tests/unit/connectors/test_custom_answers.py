"""What a custom CRM's answers mean for the hub."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.connectors.calls import Answer, scrubbed
from hub.connectors.custom import answers
from hub.connectors.custom.wire import Errors, read_config
from hub.contracts.failures import CrmFailure, FailureKind
from hub.contracts.pushing import PushItem

ITEM = PushItem(1, None, "MPP-1", {}, {"email": "john@example.com"})


CONFIG = read_config({"base_url": "https://crm.example.com"})


def failure(status: int, content: bytes = b"{}", **headers: str) -> CrmFailure:
    answer = Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, content)
    failed = answers.judge(answer, Errors())
    assert failed is not None
    return failed


@pytest.mark.parametrize(
    ("status", "kind", "stored"),
    [
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
    for content, code in ((b"\n<!doctype html>", "HTML_ANSWER"), (b"OK", "NOT_JSON")):
        with pytest.raises(CrmFailure) as caught:
            answers.written(Answer(200, {}, content), Errors(), (200,))
        assert (caught.value.error.code, caught.value.stored) == (code, None)
    assert failure(404, b"<html>").error.code == "HTML_ANSWER"


@pytest.mark.parametrize(
    ("body", "code", "message", "field"),
    [
        (b'{"error":{"code":"DUP","message":"m","field":"Email"}}', "DUP", "m", "Email"),
        (b'{"errors":[{"code":"DUP","message":"m"}]}', "DUP", "m", None),
        (b'{"message":"m"}', "HTTP_422", "m", None),
        (b'{"error":"m"}', "HTTP_422", "m", None),
        (b'{"error":{"message":"a\\u0000b"}}', "HTTP_422", "ab", None),
        (b"[]", "HTTP_422", "the CRM answered 422", None),
        (b"That address is taken.", "HTTP_422", "That address is taken.", None),
        (b'"That address is taken."', "HTTP_422", "That address is taken.", None),
        (b'{"half', "NOT_JSON", "the CRM's answer is not JSON", None),
        (b"\x89PNG\x00\xff\x01", "NOT_JSON", "the CRM's answer is not JSON", None),
        (b"<html>", "HTML_ANSWER", "the CRM answers with a web page instead of JSON", None),
        (b"", "HTTP_422", "the CRM answered 422", None),
    ],
)
def test_a_crm_s_own_words(body: bytes, code: str, message: str, field: str | None) -> None:
    error = failure(422, body).error
    assert (error.code, error.message, error.field) == (code, message, field)


def test_a_secret_that_a_crm_repeats_goes_no_further() -> None:
    failed = failure(422, b'{"error":{"code":"k-KEY1","message":"bad KEY1","field":"email"}}')
    result = answers.push_result(scrubbed(failed, "KEY1"), ITEM)
    assert result.error is not None
    assert "KEY1" not in repr(result)
    assert (result.error.attempted_value, result.unknown_outcome) == ("john@example.com", False)


@pytest.mark.parametrize(
    "record", [None, [], {}, {"id": None}, {"id": True}, {"id": ""}, {"id": 1.5}, {"id": "x" * 256}]
)
def test_an_answer_without_an_id_names_none(record: Any) -> None:
    assert answers.identifier(record) is None


def test_ids_and_lists_come_in_several_shapes() -> None:
    assert answers.identifier({"id": 5}) == "5"
    assert answers.identifier({"data": {"id": "EXT-5"}}) == "EXT-5"
    assert answers.identifier("EXT-5") == answers.identifier({"result": {"key": "EXT-5"}}, "result.key") == "EXT-5"
    assert answers.records([{"id": 1}], CONFIG) == [{"id": 1}]
    assert answers.records({"data": [{"id": 1}], "total": 1}, CONFIG) == [{"id": 1}]
    assert answers.identifier({"id": "5\x00"}) is None
    for strange in ({"message": "hello"}, [{"id": 1}, 2], "leads"):
        with pytest.raises(CrmFailure):
            answers.records(strange, CONFIG)


@pytest.mark.parametrize("body", [b'{"success":false,"message":"m"}', b'{"error":{"message":"m"}}', b'{"ok":false}'])
def test_a_refusal_that_calls_itself_200_is_one(body: bytes) -> None:
    with pytest.raises(CrmFailure) as caught:
        answers.written(Answer(200, {}, body), Errors(), (200,))
    assert (caught.value.kind, caught.value.stored) == (FailureKind.VALIDATION, False)


def test_errors_are_where_the_configuration_says() -> None:
    errors = Errors(code_path="fault.kind", message_path="fault.text", field_path="fault.where.0")
    content = b'{"fault":{"kind":"E7","text":"no","where":["Mail"]}}'
    failed = answers.judge(Answer(400, {}, content), errors)
    assert failed is not None
    assert (failed.error.code, failed.error.message, failed.error.field) == ("E7", "no", "Mail")


@given(st.integers(100, 599), st.binary(max_size=60), st.text(max_size=20))
def test_any_answer_is_read_or_fails_by_name(status: int, content: bytes, retry_after: str) -> None:
    answer = Answer(status, {"Retry-After": retry_after}, content)
    with suppress(CrmFailure):
        if answers.judge(answer, Errors()) is None:
            answers.identifier(answers.written(answer, Errors(), (200, 201)))
