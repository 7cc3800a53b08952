"""Values that cannot travel: found before a batch is made of them, so that each costs only its own record. Pure."""

import math
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any

from hub.connectors.registers import SAFE_INTEGER
from hub.contracts.failures import FailureKind, RecordError
from hub.contracts.pushing import PushItem, PushResult

_MAX_SHOWN = 200
Push = Callable[[Sequence[PushItem]], Awaitable[list[PushResult]]]


async def only_sendable(items: Sequence[PushItem], push: Push) -> list[PushResult]:
    """Push what can be sent; the others are refused by name. One result per item, in order."""
    refused = {place: error for place, item in enumerate(items) if (error := unsendable(item)) is not None}
    if not refused:
        return await push(items)
    told = iter(await push([item for place, item in enumerate(items) if place not in refused]))
    return [
        PushResult(False, item.external_id, kind=FailureKind.VALIDATION, error=refused[place])
        if place in refused
        else next(told)
        for place, item in enumerate(items)
    ]


def unsendable(item: PushItem) -> RecordError | None:
    """What is wrong with the first value that no CRM could be sent; None when there is none."""
    for field, value in _values(item):
        problem = _problem(field) or _problem(value)
        if problem is not None:
            code, message = problem
            return RecordError(code, message, _shown(field), attempted_value=_shown(value))
    return None


def _values(item: PushItem) -> Iterator[tuple[str, Any]]:
    yield "id", item.external_id
    yield "email", item.email
    parts: list[Mapping[str, Any]] = [item.record, item.fields, *(each.fields for each in item.companions)]
    for part in parts:
        yield from part.items()


def _problem(value: Any) -> tuple[str, str] | None:
    if isinstance(value, str):
        if "\x00" in value:
            return "NUL_CHARACTER", "NUL characters cannot be sent"
        if not value.isascii() and not _is_unicode(value):
            return "BROKEN_CHARACTER", "half a surrogate pair is no character"
        return None
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int):
        return None if -SAFE_INTEGER <= value <= SAFE_INTEGER else ("OUT_OF_RANGE", "the number is larger than 2^53")
    if isinstance(value, float):
        return None if math.isfinite(value) else ("OUT_OF_RANGE", "the number is not finite")
    return "UNSUPPORTED_VALUE", "objects and lists are not sent"


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(value: Any) -> str:
    """As it can be stored and shown."""
    text = str(value)[:_MAX_SHOWN].replace("\x00", "\N{REPLACEMENT CHARACTER}")
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
