"""Property values on the wire: always texts. Pure."""

from typing import Any

_TRUE_FALSE = {"true": True, "false": False}


def to_wire(value: Any) -> str:
    """A register's value as HubSpot takes it; empty text clears."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def from_wire(kind: str, value: Any) -> Any:
    """A property's text as the value it stands for; ``kind`` is HubSpot's type. What does not fit stays text."""
    if not isinstance(value, str):
        return value
    if value == "":
        return None
    if kind == "bool":
        return _TRUE_FALSE.get(value.lower(), value)
    return _number(value) if kind == "number" else value


def kind_of(value: Any) -> str:
    """HubSpot's type for a new property that is to hold such values."""
    if isinstance(value, bool):
        return "bool"
    return "number" if isinstance(value, int | float) else "string"


def _number(text: str) -> Any:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        return text
    return number if number == number and abs(number) != float("inf") else text
