"""What Pipedrive's answers mean. Pure: answers in, named failures out.

Bodies are ``{"success": false, "error", "error_info", "code"?, "errorCode"?}``; of a 429 only the status is sure.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from hub.connectors.answers import document_of, retry_after, storable
from hub.connectors.calls import Answer, not_json
from hub.connectors.pipedrive.wire import BURST, BURST_SECONDS, DAILY, SEARCH
from hub.contracts.failures import CrmFailure, FailureKind, RecordError
from hub.contracts.metering import Reading

MAX_MESSAGE, MAX_CODE = 500, 100
FIREWALL_PAUSE, DAILY_PAUSE = 60.0, 900.0  # seconds; Pipedrive names none
_GONE = frozenset({404, 410})
_MISSING = object()
_FIELD = re.compile(r"(?:Validation failed: )?\"?([A-Za-z_][\w.]{0,120})\"?(?=[: ])", re.ASCII)
_AUTH = re.compile(r"scope|unauthori[sz]ed|token|permission to use the api", re.IGNORECASE)


def judge(answer: Answer) -> CrmFailure | None:
    """Whether a call did what it should, by its status."""
    status = answer.status
    if 200 <= status < 300:
        return None
    wait = retry_after(answer.headers.get("Retry-After"))
    document = document_of(answer)
    if not isinstance(document, dict):
        return _without_words(answer, wait)
    error = record_error(document, status)
    kind = _kind(status, error)
    unknown = kind is FailureKind.SERVER
    return CrmFailure(kind, error, wait, stored=None if unknown else False, document=answer)


def refusal_inside(document: Any, status: int) -> CrmFailure | None:
    """An error under a status that says that all went well."""
    if isinstance(document, dict) and document.get("success") is not False:
        return None
    told = document if isinstance(document, dict) else {"error": "the answer is not what Pipedrive answers"}
    error = record_error(told, status)
    if error.code.startswith("HTTP_"):
        error = RecordError("UNSUCCESSFUL", error.message, error.field, status)
    return CrmFailure(FailureKind.SERVER, error, stored=None)


def record_error(told: Mapping[str, Any], status: int) -> RecordError:
    """Pipedrive's own words."""
    message = storable(str(told.get("error") or told.get("message") or "")) or f"Pipedrive answered {status}"
    info = told.get("error_info")
    code = told.get("code") if isinstance(told.get("code"), str) else None
    found = _FIELD.match(message) if status in (400, 422) else None
    detail = f" ({info})" if isinstance(info, str) and info and "developers.pipedrive.com" not in info else ""
    return RecordError(
        storable(code or "")[:MAX_CODE] or f"HTTP_{status}",
        storable(message + detail)[:MAX_MESSAGE],
        found.group(1)[:MAX_CODE] if found and ("_" in found.group(1) or ":" in message) else None,
        status,
    )


def is_gone(failure: CrmFailure) -> bool:
    """Whether the record is not there (any more)."""
    return failure.kind is FailureKind.VALIDATION and failure.error.status in _GONE


def readings(answer: Answer) -> list[Reading]:
    """What the headers tell about the two seconds and the day."""
    limit, left, reset, day = (
        _number(answer.headers.get(name))
        for name in ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "x-daily-requests-left")
    )
    found = []
    if left is not None:
        found.append(Reading(BURST, limit=limit, remaining=left, resets_in=None if reset is None else float(reset)))
    if day is not None:
        found.append(Reading(DAILY, remaining=day))
    return found


def spent(failure: CrmFailure, answer: Answer, *, search: bool, now: float) -> tuple[str, float]:
    """After a 429 (or the firewall's 403): the window that is spent, and for how many seconds."""
    if failure.error.status == 403:
        return BURST, failure.retry_after or FIREWALL_PAUSE
    headers = answer.headers
    words = failure.error.message.casefold()
    left = _number(headers.get("x-ratelimit-remaining"))
    reset = _number(headers.get("x-ratelimit-reset"))
    # A few calls may be left again by the time that the headers of a burst's refusal are written.
    burst_is_free = left is not None and left > (_number(headers.get("x-ratelimit-limit")) or 0) / 2
    if "daily" in words or headers.get("x-daily-requests-left") == "0" or (burst_is_free and not search):
        return DAILY, failure.retry_after or min(DAILY_PAUSE, _until_midnight(now))
    return SEARCH if search and left != 0 else BURST, failure.retry_after or float(reset or BURST_SECONDS)


def rows_of(document: Mapping[str, Any], *, inner: str = "") -> list[Mapping[str, Any]]:
    """The records of a list; null is none of them. Raises CrmFailure: there is no list."""
    data = document.get("data", _MISSING)
    if inner and isinstance(data, dict):
        data = data.get(inner, _MISSING)
    if data is None:
        return []
    if not isinstance(data, list) or not all(isinstance(row, dict) for row in data):
        raise unexpected("the answer is not a list")
    return data


def unexpected(what: str) -> CrmFailure:
    """An answer of the wrong shape: nobody knows what was stored."""
    return CrmFailure(FailureKind.SERVER, RecordError("UNEXPECTED_ANSWER", what), stored=None)


def _kind(status: int, error: RecordError) -> FailureKind:
    if status == 429:
        return FailureKind.RATE_LIMIT
    if status in (401, 402) or (status == 403 and error.code == "HTTP_403" and _AUTH.search(error.message)):
        return FailureKind.AUTH
    return FailureKind.SERVER if status >= 500 or status in (408, 409, 423) else FailureKind.VALIDATION


def _without_words(answer: Answer, wait: float | None) -> CrmFailure:
    """No JSON: the firewall, something in between, or nothing at all."""
    status = answer.status
    if status in (403, 429):
        message = "Pipedrive's firewall holds back calls after too many over the limit"
        told = RecordError("FIREWALL", message, status=status)
        return CrmFailure(FailureKind.RATE_LIMIT, told, wait or FIREWALL_PAUSE, document=answer)
    error = not_json(answer) if answer.content else RecordError(f"HTTP_{status}", "no reason given", status=status)
    if status == 401:
        return CrmFailure(FailureKind.AUTH, error)
    return CrmFailure(FailureKind.SERVER, error, wait, stored=None if status >= 500 else False)


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"[0-9]{1,12}", text, re.ASCII) else None


def _until_midnight(now: float) -> float:
    moment = datetime.fromtimestamp(now, UTC)
    midnight = (moment + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return max(1.0, (midnight - moment).total_seconds())
