"""When and by whom a register was written, at its source."""

from datetime import UTC, datetime
from typing import Any

import orjson

# (microseconds since 1970-01-01 UTC, owner such as 'crm/7' or 'import/salesforce'); stored as a JSON array.
Clock = tuple[int, str]
NEVER: Clock = (-(2**62), "")


def micros(rfc3339: str) -> int:
    """Microseconds since 1970 of an RFC 3339 time; one without a zone is taken as UTC. Raises ValueError."""
    moment = datetime.fromisoformat(rfc3339)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    delta = moment - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def wins(new_clock: Clock, new_value: Any, old_clock: Clock, old_value: Any) -> bool:
    """Whether the new write is the later one. A total order, so that every replica decides the same.

    Equal moments are decided by owner, then by the value itself: arbitrary, but the same everywhere.
    """
    if new_clock != old_clock:
        return new_clock > old_clock
    return _text(new_value) > _text(old_value)


def _text(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
