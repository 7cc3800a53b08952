"""When and by whom a register was written, at its source."""

from collections import Counter
from collections.abc import Mapping
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


def pack(fields: Mapping[str, Any], clocks: Mapping[str, Clock]) -> dict[str, Clock | None]:
    """Clocks as they are stored: the commonest one once, under ``*``, for every register that has a value.

    Mostly all registers of a lead were written at one moment. Listed beside it: registers with another clock, cleared
    ones (no value, but a clock), and ones that nobody ever wrote (a value, but no clock: ``null``).
    """
    if not clocks:
        return dict.fromkeys(fields)
    moments = list(clocks.values())
    if moments.count(moments[0]) == len(moments) and clocks.keys() == fields.keys():
        return {"*": moments[0]}
    commonest = Counter(moments).most_common(1)[0][0]
    packed: dict[str, Clock | None] = {"*": commonest}
    packed.update({name: clock for name, clock in clocks.items() if clock != commonest or name not in fields})
    packed.update({name: None for name in fields if name not in clocks})
    return packed


def unpack(fields: Mapping[str, Any], packed: Mapping[str, Any]) -> dict[str, Clock]:
    """The clocks again, one per register."""
    common = packed.get("*")
    clocks: dict[str, Clock] = dict.fromkeys(fields, (common[0], common[1])) if common else {}
    for name, clock in packed.items():
        if clock is None:
            clocks.pop(name, None)
        elif name != "*":
            clocks[name] = (clock[0], clock[1])
    return clocks


def _text(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
