"""What a custom CRM's answers mean. Pure: statuses, bodies and network errors in, named failures out."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from hub.connectors.custom.wire import RECORD_ID
from hub.contracts.failures import FailureKind, RecordError
from hub.contracts.pushing import PushItem, PushResult

MAX_MESSAGE, MAX_CODE, MAX_ID = 500, 100, 255
MAX_WAIT = 86_400.0  # seconds; a CRM that asks for more than a day is mistaken


class Failed(Exception):
    """A call did not do what was asked. ``stored`` is False when the CRM surely kept nothing, None when unknown."""

    def __init__(
        self, kind: FailureKind, error: RecordError, *, retry_after: float | None = None, stored: bool | None
    ) -> None:
        self.kind, self.error, self.retry_after, self.stored = kind, error, retry_after, stored
        super().__init__(error.message)


def read(status: int, headers: Mapping[str, str], content: bytes) -> Any:
    """The JSON of a 2xx answer; raises Failed for any other."""
    if 200 <= status < 300:
        if not content:
            return {}
        try:
            return orjson.loads(content)
        except orjson.JSONDecodeError:
            raise Failed(FailureKind.SERVER, _not_json(status, content), stored=None) from None
    if 300 <= status < 400:
        message = "the CRM answers with a redirect, which is not followed; correct base_url"
        raise Failed(FailureKind.SERVER, RecordError("REDIRECT_REFUSED", message, status=status), stored=False)
    wait = _retry_after(headers.get("Retry-After"))
    error = _error(status, content)
    if status == 429:
        raise Failed(FailureKind.RATE_LIMIT, error, retry_after=wait, stored=False)
    if status in (401, 403):
        raise Failed(FailureKind.AUTH, error, stored=False)
    if status >= 500 or status == 408:
        raise Failed(FailureKind.SERVER, error, retry_after=wait, stored=None)
    raise Failed(FailureKind.VALIDATION, error, stored=False)


def no_answer(error: BaseException, refused: bool, never_sent: bool) -> Failed:
    """A network error: the address is forbidden, the CRM could not be reached, or it went silent."""
    if refused:
        return Failed(
            FailureKind.NETWORK, RecordError("ADDRESS_REFUSED", "the CRM's address is not public"), stored=False
        )
    if never_sent:
        return Failed(FailureKind.NETWORK, RecordError("UNREACHABLE", "no connection to the CRM"), stored=False)
    if isinstance(error, asyncio.TimeoutError):
        return Failed(FailureKind.NETWORK, RecordError("TIMEOUT", "the CRM did not answer in time"), stored=None)
    return Failed(
        FailureKind.NETWORK, RecordError("CONNECTION_LOST", "the connection broke before an answer"), stored=None
    )


def push_result(failed: Failed, item: PushItem, secret: str) -> PushResult:
    """One item's failed call, without the secret that a careless CRM may repeat in its message."""
    field = failed.error.field
    attempted = item.record.get(field) if field else None
    clean = scrubbed(failed.error, secret)
    if attempted is not None:
        clean = replace(clean, attempted_value=str(attempted)[:MAX_MESSAGE])
    unknown = failed.stored is None
    return PushResult(False, kind=failed.kind, error=clean, retry_after=failed.retry_after, unknown_outcome=unknown)


def identifier(record: Any) -> str:
    """The record's id. Raises Failed when there is none, for then nobody knows what was stored."""
    value = record.get(RECORD_ID) if isinstance(record, dict) else None
    if isinstance(record, dict) and value is None and isinstance(record.get("data"), dict):
        value = record["data"].get(RECORD_ID)
    if isinstance(value, bool) or not isinstance(value, str | int) or not 0 < len(str(value)) <= MAX_ID:
        error = RecordError("NO_ID", "the CRM's answer does not name the record's id")
        raise Failed(FailureKind.SERVER, error, stored=None)
    return _storable(str(value))


def records(document: Any) -> list[Mapping[str, Any]]:
    """The records of a list answer: a bare array, or an array under data, leads, records, results or items."""
    rows = document
    if isinstance(document, dict):
        rows = next(
            (document[name] for name in ("data", "leads", "records", "results", "items") if name in document), None
        )
    if not isinstance(rows, list):
        error = RecordError("UNEXPECTED_ANSWER", "the CRM's answer is not a list of leads")
        raise Failed(FailureKind.SERVER, error, stored=False)
    return [row for row in rows if isinstance(row, dict)]


def _not_json(status: int, content: bytes) -> RecordError:
    if content.lstrip()[:1] == b"<":
        return RecordError(
            "HTML_ANSWER", "the CRM answers with a web page instead of JSON; check base_url", status=status
        )
    return RecordError("NOT_JSON", "the CRM's answer is not JSON", status=status)


def _error(status: int, content: bytes) -> RecordError:
    """The CRM's own words: ``{"error": {"code", "message", "field"}}`` or any of the usual variations."""
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        if content and status not in (401, 403, 429):
            return _not_json(status, content)
        document = {}
    body = document.get("error") or document.get("errors") or document
    if isinstance(body, list) and body:
        body = body[0]
    if not isinstance(body, dict):
        body = {"message": body}
    field = body.get("field")
    return RecordError(
        code=_storable(str(body.get("code") or f"HTTP_{status}"))[:MAX_CODE],
        message=_storable(str(body.get("message") or f"the CRM answered {status}"))[:MAX_MESSAGE],
        field=_storable(str(field))[:MAX_CODE] if field else None,
        status=status,
    )


def _retry_after(header: str | None) -> float | None:
    """Seconds to wait, from a Retry-After in seconds or as a date (RFC 9110, section 10.2.3)."""
    if not header:
        return None
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", header, re.ASCII):
        return min(float(header), MAX_WAIT)
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max(0.0, (moment - datetime.now(UTC)).total_seconds()), MAX_WAIT)


def _storable(text: str) -> str:
    """PostgreSQL's text and jsonb cannot hold NUL."""
    return text.replace("\x00", "")


def scrubbed(error: RecordError, secret: str) -> RecordError:
    """The error without the secret, should the CRM have repeated it."""
    if not secret:
        return error
    code, message = error.code.replace(secret, "[redacted]"), error.message.replace(secret, "[redacted]")
    return replace(error, code=code, message=message, field=error.field and error.field.replace(secret, "[redacted]"))
