"""Free-form JSON that is stored as it comes: what PostgreSQL and the bus can hold."""

from typing import Any

_MOST_VALUES = 5_000
_DEEPEST = 16


def check_plain(value: Any) -> Any:
    """The value itself. Raises ValueError when a text, a number or the nesting in it cannot be kept."""
    level, seen = [value], 0
    for _ in range(_DEEPEST):
        inner: list[Any] = []
        for each in level:
            if isinstance(each, dict):
                for name in each:
                    _check_text(name)
                inner.extend(each.values())
            elif isinstance(each, list):
                inner.extend(each)
            else:
                _check_scalar(each)
        seen += len(inner)
        if seen > _MOST_VALUES:
            raise ValueError(f"must not hold more than {_MOST_VALUES} values")
        if not inner:
            return value
        level = inner
    raise ValueError(f"must not nest more than {_DEEPEST} deep")


def _check_scalar(value: Any) -> None:
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, bool):
        return
    elif isinstance(value, int | float) and not abs(value) <= 1e15:
        raise ValueError("must not hold numbers beyond 10^15")


def _check_text(text: str) -> None:
    if "\x00" in text:
        raise ValueError("must not contain NUL characters")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("must not contain lone surrogates") from None
