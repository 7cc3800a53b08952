"""Identifiers: event ids, import ids, and the public form of a lead's id."""

import re
import time
from datetime import UTC, datetime
from functools import lru_cache

import uuid_utils

LEAD_PREFIX = "MPP-"
_LEAD_EXTERNAL_ID = re.compile(r"MPP-([1-9][0-9]{0,18})\Z")
MAX_BIGINT = 2**63 - 1


def new_id() -> str:
    """A UUIDv7 (RFC 9562) as text: unique, and ordered by time, so that index inserts stay at the right edge."""
    return str(uuid_utils.uuid7())


def lead_external_id(lead_id: int) -> str:
    """The id by which other systems know a lead: ``MPP-123``."""
    return f"{LEAD_PREFIX}{lead_id}"


def parse_lead_external_id(text: object) -> int | None:
    """The lead's id in ``MPP-123``; None when the text is anything else."""
    match = _LEAD_EXTERNAL_ID.match(text) if isinstance(text, str) else None
    lead_id = int(match.group(1)) if match else None
    return lead_id if lead_id is not None and lead_id <= MAX_BIGINT else None


def now_text() -> str:
    """The present moment, UTC, RFC 3339 with microseconds: ``2026-01-10T10:30:00.123456Z``."""
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    return f"{_second_text(seconds)}.{nanoseconds // 1000:06d}Z"


@lru_cache(maxsize=4)  # every event asks for the time: within one second only the fraction differs
def _second_text(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def rfc3339(moment: datetime) -> str:
    """An aware datetime as RFC 3339 in UTC."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
