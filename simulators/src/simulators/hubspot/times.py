"""Moments: milliseconds since the epoch inside, ISO 8601 in UTC outside."""

from datetime import UTC, datetime
from functools import lru_cache

_DAY = 86_400_000
_YEARS = 9_000 * 366 * _DAY  # beyond what dates can hold


@lru_cache(maxsize=8192)
def iso(moment: int) -> str:
    """``2026-01-31T08:09:10.123Z``."""
    return datetime.fromtimestamp(moment // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{moment % 1000:03}Z"


@lru_cache(maxsize=8192)
def moment(text: str) -> int | None:
    """Milliseconds from digits or ISO 8601 (no zone: UTC); None if it is neither."""
    digits = text.removeprefix("-")
    if digits.isascii() and digits.isdigit():
        value = int(text) if len(digits) < 17 else _YEARS
        return value if abs(value) < _YEARS else None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    aware = found if found.tzinfo else found.replace(tzinfo=UTC)
    return round(aware.timestamp() * 1000)


def is_midnight(value: int) -> bool:
    """Whether a moment is a day's first in UTC."""
    return value % _DAY == 0
