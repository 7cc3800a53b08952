"""What all CRMs' answers have in common."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from hub.connectors.calls import Answer
from hub.contracts.failures import CrmFailure, FailureKind, RecordError

MAX_WAIT = 86_400.0  # seconds; a CRM that asks for more than a day is mistaken


def document_of(answer: Answer) -> Any:
    """The body as JSON; None when it is none."""
    try:
        return orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        return None


def token_document(status: int, body: bytes, title: str, kind: FailureKind = FailureKind.SERVER) -> Mapping[str, Any]:
    """A token endpoint's JSON object. Raises CrmFailure of that kind: it is none. ``title`` is the vendor's."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        document = None
    if isinstance(document, dict):
        return document
    code = "HTML_ANSWER" if body.lstrip()[:1] == b"<" else "NOT_JSON"
    raise CrmFailure(kind, RecordError(code, f"{title}'s token answer is not JSON", status=status))


def retry_after(header: str | None) -> float | None:
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


def storable(text: str) -> str:
    """PostgreSQL's text and jsonb cannot hold NUL."""
    return text.replace("\x00", "")
