"""What Salesforce's answers mean. Pure: answers in, named failures out.

https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/errorcodes.htm
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from hub.connectors.answers import retry_after, storable
from hub.connectors.calls import Answer, not_json
from hub.connectors.salesforce.wire import DAILY, LIMIT_HEADER
from hub.contracts.failures import CrmFailure, FailureKind, RecordError
from hub.contracts.metering import Meter, Reading

MAX_MESSAGE, MAX_CODE = 500, 100
DAILY_PAUSE, CONCURRENT_PAUSE, LOCK_PAUSE = 900.0, 5.0, 1.0  # seconds; the vendor names none

# ``api-usage=18/15000, per-app-api-usage=…``: the second counts one app's share of the first
_USAGE = re.compile(r"(?<![\w-])api-usage=(\d{1,12})/(\d{1,12})")

_AUTH = frozenset(
    {"INVALID_SESSION_ID", "INVALID_AUTH_HEADER", "API_DISABLED_FOR_ORG", "API_CURRENTLY_DISABLED", "ORG_LOCKED"}
    | {"CLIENT_NOT_ACCESSIBLE_FOR_USER", "CLIENT_REQUIRE_API_ACCESS", "USER_LOCKED_OUT", "INACTIVE_OWNER_OF_SESSION"}
)
_RETRYABLE = frozenset(
    {"UNABLE_TO_LOCK_ROW", "SERVER_UNAVAILABLE", "UNKNOWN_EXCEPTION", "QUERY_TIMEOUT", "REQUEST_RUNNING_TOO_LONG"}
    | {"LOCKED", "INVALID_QUERY_LOCATOR", "ALL_OR_NONE_OPERATION_ROLLED_BACK", "PROCESSING_HALTED"}
)
GONE = frozenset({"ENTITY_IS_DELETED", "NOT_FOUND", "INVALID_CROSS_REFERENCE_KEY"})
QUOTA = "REQUEST_LIMIT_EXCEEDED"


def learn(meter: Meter, answer: Answer) -> None:
    """Tell the meter what an answer says about the org's daily calls, of which others use their part."""
    found = _USAGE.search(answer.headers.get(LIMIT_HEADER, ""))
    if found:
        used, most = int(found.group(1)), int(found.group(2))
        meter.learn([Reading(DAILY, limit=most, remaining=max(0, most - used))])
    if answer.status == 403 and QUOTA.encode() in answer.content:
        meter.exhausted(DAILY, CONCURRENT_PAUSE if b"Concurrent" in answer.content else DAILY_PAUSE)


def judge(answer: Answer) -> CrmFailure | None:
    """Whether a call did what it should; rows of a collection have outcomes of their own."""
    if 200 <= answer.status < 300:
        inside = _error_inside(answer.content)
        return failure(answer.status, inside, None) if inside else None
    wait = retry_after(answer.headers.get("Retry-After"))
    try:
        document = orjson.loads(answer.content) if answer.content else None
    except orjson.JSONDecodeError:
        kind = FailureKind.AUTH if answer.status == 401 else FailureKind.SERVER
        return CrmFailure(kind, not_json(answer), wait, stored=_stored(answer.status))
    if answer.status == 300:  # an array of addresses: several records have that external id
        told = RecordError("DUPLICATE_EXTERNAL_ID", "several records have that external id", status=300)
        return CrmFailure(FailureKind.VALIDATION, told)
    return failure(answer.status, _told(document), wait)


def failure(status: int, told: Mapping[str, Any], wait: float | None) -> CrmFailure:
    """A refused call from its status and the first error in its body."""
    error = record_error(told, status)
    kind = _kind(status, error.code)
    if kind is FailureKind.RATE_LIMIT and wait is None:
        wait = CONCURRENT_PAUSE if status == 429 or "Concurrent" in error.message else DAILY_PAUSE
    return CrmFailure(kind, error, wait, stored=_stored(status))


def row_failure(errors: Any, fields: Mapping[str, Any]) -> CrmFailure:
    """One refused row of a collection; there the code is called ``statusCode``."""
    told = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    error = record_error(told, None, fields)
    kind = _kind(400, error.code)
    return CrmFailure(kind, error, LOCK_PAUSE if kind is FailureKind.SERVER else None)


def record_error(told: Mapping[str, Any], status: int | None, fields: Mapping[str, Any] | None = None) -> RecordError:
    """An entry of an error array, with the value that was refused."""
    named = told.get("fields")
    field = storable(str(named[0]))[:MAX_CODE] if isinstance(named, list) and named else None
    value = (fields or {}).get(field) if field else None
    code = told.get("errorCode") or told.get("statusCode") or told.get("error")
    message = told.get("message") or told.get("error_description") or ""
    return RecordError(
        storable(str(code or ""))[:MAX_CODE] or f"HTTP_{status or 400}",
        storable(str(message))[:MAX_MESSAGE] or "Salesforce gives no reason",
        field or None,
        status,
        None if value is None else str(value)[:MAX_MESSAGE],
    )


def unexpected(what: str) -> CrmFailure:
    """An answer of the wrong shape: nobody knows what was stored."""
    return CrmFailure(FailureKind.SERVER, RecordError("UNEXPECTED_ANSWER", what), stored=None)


def rows_of(document: Any, count: int) -> Sequence[Mapping[str, Any]]:
    """The rows of a collection's answer, in the order of the request. Raises CrmFailure."""
    if not isinstance(document, list) or len(document) != count or not all(isinstance(row, dict) for row in document):
        raise unexpected("the answer does not have a row for each record")
    return document


def _kind(status: int, code: str) -> FailureKind:
    if code == QUOTA or status == 429:
        return FailureKind.RATE_LIMIT
    if code in _AUTH or status == 401:
        return FailureKind.AUTH
    if code in _RETRYABLE or status >= 500 or status == 408:
        return FailureKind.SERVER
    return FailureKind.VALIDATION


def _stored(status: int) -> bool | None:
    return None if status >= 500 or status < 300 or status == 408 else False


def _told(document: Any) -> Mapping[str, Any]:
    first = document[0] if isinstance(document, list) and document else document
    return first if isinstance(first, dict) else {}


def _error_inside(content: bytes) -> Mapping[str, Any] | None:
    """An error array under a status that says that all went well."""
    if not content.startswith(b"[{") or b'"errorCode"' not in content[:2000]:
        return None
    try:
        told = _told(orjson.loads(content))
    except orjson.JSONDecodeError:
        return None
    return told if "errorCode" in told and "message" in told else None
