"""Moments and days as the API writes and reads them.

A stored moment is text in UTC to the second, ``2021-11-06T17:38:40.000+0000``, so texts sort as moments do.
"""

import re
from datetime import UTC, date, datetime

_MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s?(Z|[+-]\d\d:?\d\d)?)?\Z",
    re.ASCII | re.IGNORECASE,
)


def told(moment: datetime) -> str:
    """A moment as REST tells it; fractions of a second are cut off, as the database keeps none."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def told_in_bulk(stored: str) -> str:
    """A stored moment as Bulk CSV tells it."""
    return stored[:-5] + "Z"


def parsed(text: str) -> datetime | None:
    """The moment that a client wrote (ISO 8601, a missing zone is UTC); None if it is none."""
    found = _MOMENT.match(text)
    if not found:
        return None
    day, clock, second, fraction, zone = found.groups()
    offset = "+00:00" if zone is None or zone in "Zz" else f"{zone[:3]}:{zone[-2:]}"
    try:
        return datetime.fromisoformat(
            f"{day}T{clock or '00:00'}:{second or '00'}.{(fraction or '0')[:6]:0<6}{offset}"
        ).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def stored_moment(text: str) -> str | None:
    """A client's moment as stored, or None."""
    moment = parsed(text)
    return told(moment) if moment else None


def literal(text: str) -> str | None:
    """A moment in a query, to the millisecond: comparable with stored ones as text."""
    moment = parsed(text)
    return f"{told(moment)[:20]}{moment.microsecond // 1000:03}+0000" if moment else None


def stored_day(text: str) -> str | None:
    """A client's day (``2026-01-31``, or a moment, whose day counts) as stored, or None."""
    try:
        return date.fromisoformat(text[:10]).isoformat() if len(text) == 10 or parsed(text) else None
    except ValueError:
        return None


def moment_of(stored: str) -> datetime:
    """A stored text back as a moment."""
    return datetime.strptime(stored, "%Y-%m-%dT%H:%M:%S.000%z")
