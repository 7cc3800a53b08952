"""What HubSpot's answers mean. Pure: statuses, headers and bodies in; named failures and quota readings out.

https://developers.hubspot.com/docs/api-reference/error-handling. Every member of an error's body is optional.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from hub.connectors.answers import retry_after
from hub.connectors.calls import Answer, not_json
from hub.connectors.hubspot import wire
from hub.contracts.failures import CrmFailure, FailureKind, RecordError
from hub.contracts.metering import Reading

MAX_MESSAGE, MAX_CODE = 500, 100
LOCKED_WAIT = 2.0  # seconds, as HubSpot asks for after a 423
LOCKED, MIGRATING = 423, 477  # 477: the portal is moving between data centres
DAILY_WAIT = 3600.0  # seconds: the day ends at the portal's midnight, which the answer does not tell

# policyName of a 429 → (window, seconds until it is worth while again)
POLICIES = {
    "DAILY": (wire.DAILY, DAILY_WAIT),
    "TEN_SECONDLY_ROLLING": (wire.BURST, 10.0),
    "SECONDLY": (wire.SEARCH, 1.0),
}
_INNER = re.compile(r"Property values were not valid: (\[.*)", re.DOTALL)
_COORDINATES = re.compile(r"\bpropertyName=([a-z0-9_]+)")
_EXISTING = re.compile(r"Existing ID: ([0-9]{1,20})")
_WRONG_KEY = re.compile(r"\bnon-unique\b|\bnot a unique property\b", re.IGNORECASE)
_GONE = frozenset({"OBJECT_NOT_FOUND"})
_MISSING_PROPERTY = frozenset({"PROPERTY_DOESNT_EXIST"})


def judge(answer: Answer) -> CrmFailure | None:
    """None for a call that did what it should."""
    document = _object(answer)
    if 200 <= answer.status < 300:
        # An envelope of failure under a status of success.
        if document.get("status") != "error" or "results" in document:
            return None
        return CrmFailure(FailureKind.SERVER, error_of(document, answer.status), stored=None)
    wait = retry_after(answer.headers.get("Retry-After"))
    if not document and answer.content.lstrip()[:1] == b"<" and answer.status not in (401, 429):
        stored = None if answer.status >= 500 else False
        return CrmFailure(FailureKind.SERVER, not_json(answer), wait, stored)
    error = error_of(document, answer.status)
    if answer.status == 429:
        return CrmFailure(FailureKind.RATE_LIMIT, error, wait if wait is not None else _policy(document)[1])
    if answer.status in (401, 403):
        return CrmFailure(FailureKind.AUTH, error)
    if answer.status in (LOCKED, MIGRATING):
        return CrmFailure(FailureKind.SERVER, error, wait if wait is not None else LOCKED_WAIT)
    if answer.status >= 500 or answer.status == 408:
        return CrmFailure(FailureKind.SERVER, error, wait, stored=None)
    return CrmFailure(FailureKind.VALIDATION, error)


def error_of(document: Mapping[str, Any], status: int) -> RecordError:
    """HubSpot's own words: the most exact code, the property and its message where one is named."""
    message = _text(document.get("message"), MAX_MESSAGE * 8) or f"HubSpot answered {status}"
    inner = _inner(message)
    if inner:
        first = inner[0]
        return RecordError(
            code=_text(first.get("error"), MAX_CODE) or "VALIDATION_ERROR",
            message=_text(first.get("message"), MAX_MESSAGE) or message[:MAX_MESSAGE],
            field=_text(first.get("name"), MAX_CODE) or None,
            status=status,
        )
    first = _first(document.get("errors"))
    names = (document.get("policyName"), first.get("code"), document.get("category"), document.get("errorType"))
    context = first.get("context")
    field = _first_text(context.get("propertyName")) if isinstance(context, dict) else ""
    if not field and (found := _COORDINATES.search(message)):  # another record has the unique value
        field = found.group(1)
    code = next((_text(name, MAX_CODE) for name in names if _text(name, MAX_CODE)), f"HTTP_{status}")
    return RecordError(code, message[:MAX_MESSAGE], field or None, status)


def existing_id(message: str) -> str | None:
    """The record that a conflict names."""
    found = _EXISTING.search(message)
    return found.group(1) if found else None


def is_conflict(error: RecordError) -> bool:
    """Whether another record has the unique value already."""
    return error.status == 409 or error.code == "CONFLICT" or existing_id(error.message) is not None


def is_gone(error: RecordError) -> bool:
    """Whether the record is not there."""
    return error.code in _GONE


def is_missing_property(error: RecordError) -> bool:
    """Whether a property is not there."""
    return error.code in _MISSING_PROPERTY


def is_wrong_key(error: RecordError) -> bool:
    """Whether the property to write by is not (or no longer) a unique one: no fault of any record."""
    return _WRONG_KEY.search(error.message) is not None


def row_errors(document: Any) -> list[Mapping[str, Any]]:
    """What a batch's answer says of inputs that failed."""
    told = document.get("errors") if isinstance(document, dict) else None
    return [each for each in told if isinstance(each, dict)] if isinstance(told, list) else []


def row_kind(document: Mapping[str, Any]) -> FailureKind:
    """What kind of failure one row of a 207 is."""
    category = str(document.get("category") or "")
    if category == "RATE_LIMITS":
        return FailureKind.RATE_LIMIT
    return FailureKind.SERVER if category in ("INTERNAL_ERROR", "SERVER_ERROR", "LOCKED") else FailureKind.VALIDATION


def readings(answer: Answer) -> Sequence[Reading]:
    """What the headers tell of quota; answers of searches have none."""
    found = []
    for window, most, left in (
        (wire.BURST, "X-HubSpot-RateLimit-Max", "X-HubSpot-RateLimit-Remaining"),
        (wire.DAILY, "X-HubSpot-RateLimit-Daily", "X-HubSpot-RateLimit-Daily-Remaining"),
    ):
        limit, remaining = _number(answer.headers.get(most)), _number(answer.headers.get(left))
        if limit is not None or remaining is not None:
            found.append(Reading(window, limit, remaining))
    return found


def refusal(answer: Answer) -> tuple[str, float] | None:
    """The window that a 429 says is exhausted, and for how long."""
    if answer.status != 429:
        return None
    window, seconds = _policy(_object(answer))
    wait = retry_after(answer.headers.get("Retry-After"))
    return window, seconds if wait is None else wait


def results(document: Any) -> list[Mapping[str, Any]]:
    """The records of an answer. Raises CrmFailure when it is none of HubSpot's."""
    found = document.get("results") if isinstance(document, dict) else None
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise CrmFailure(
            FailureKind.SERVER, RecordError("UNEXPECTED_ANSWER", "the answer holds no results"), stored=None
        )
    return found


def next_page(document: Mapping[str, Any]) -> str | None:
    """``paging.next.after``; its link is never followed."""
    paging = document.get("paging")
    following = paging.get("next") if isinstance(paging, dict) else None
    after = following.get("after") if isinstance(following, dict) else None
    return str(after) if isinstance(after, str | int) and after != "" else None


def _policy(document: Mapping[str, Any]) -> tuple[str, float]:
    told = f"{document.get('policyName') or ''} {document.get('message') or ''}".upper()
    return next((POLICIES[name] for name in POLICIES if name in told), POLICIES["TEN_SECONDLY_ROLLING"])


def _object(answer: Answer) -> Mapping[str, Any]:
    if 200 <= answer.status < 300 and not answer.content.startswith(b'{"status":"error"'):
        return {}  # judged at once: large pages are parsed only where they are used
    try:
        document = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        return {}
    return document if isinstance(document, dict) else {}


def _inner(message: str) -> list[Mapping[str, Any]]:
    """The JSON that HubSpot puts inside the message's text."""
    found = _INNER.search(message)
    if not found:
        return []
    try:
        rows = orjson.loads(found.group(1))
    except orjson.JSONDecodeError:
        return []
    return [each for each in rows if isinstance(each, dict)] if isinstance(rows, list) else []


def _first(errors: Any) -> Mapping[str, Any]:
    return errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}


def _first_text(values: Any) -> str:
    return _text(values[0], MAX_CODE) if isinstance(values, list) and values else _text(values, MAX_CODE)


def _text(value: Any, most: int) -> str:
    return value.replace("\x00", "")[:most] if isinstance(value, str) else ""


def _number(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch(r"[0-9]{1,12}", text, re.ASCII) else None
