"""What a CRM holds, as far as the hub knows, and how that differs from the lead. Pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

# A record may have been seen while our own write was on its way. Whichever was last, nobody can tell; so where the
# two disagree, the value counts as unknown and is sent again. Longer than any call lasts.
DOUBT = timedelta(seconds=60)

DOUBTFUL = object()  # equal to no value, blank or not


def known_base(
    sent: Mapping[str, Any], sent_at: datetime | None, seen: Mapping[str, Any] | None, seen_at: datetime | None
) -> dict[str, Any]:
    """Registers the CRM holds: what was sent, and what was seen in its records since (or before).

    A register whose value nobody knows is DOUBTFUL.
    """
    if seen is None or seen_at is None:
        return dict(sent)
    if sent_at is None or seen_at >= sent_at:
        return {**sent, **seen}
    base = {**seen, **sent}
    if seen_at > sent_at - DOUBT:
        for register, value in seen.items():
            if not same(sent.get(register, value), value):
                base[register] = DOUBTFUL
    return base


def differing(fields: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """The registers of the lead that the CRM does not hold as they are."""
    return {register: value for register, value in fields.items() if not same(value, base.get(register))}


def same(ours: Any, theirs: Any) -> bool:
    """Whether two values mean the same; absent, null and empty text all mean blank."""
    if is_blank(ours) or is_blank(theirs):
        return is_blank(ours) and is_blank(theirs)
    return (type(ours) is type(theirs) and bool(ours == theirs)) or _equal_numbers(ours, theirs)


def _equal_numbers(ours: Any, theirs: Any) -> bool:
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (ours, theirs))
    return numbers and bool(ours == theirs)


def is_blank(value: Any) -> bool:
    """Null or empty text."""
    return value is None or value == ""
