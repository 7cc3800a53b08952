"""Values in a JSON document by a dotted path, as ``data.items`` or ``errors.0.message``. Pure."""

from typing import Any

MISSING = object()


def at(document: Any, path: str) -> Any:
    """The value at the path; MISSING where there is none. An empty path is the document itself."""
    value = document
    for part in path.split(".") if path else ():
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isascii() and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return MISSING
    return value


def first(document: Any, *paths: str) -> Any:
    """The first of the paths that leads to something other than null; MISSING when none does."""
    for path in paths:
        value = at(document, path)
        if value is not MISSING and value is not None:
            return value
    return MISSING


def nested(path: str, value: Any) -> Any:
    """The smallest document that has the value at the path."""
    for part in reversed(path.split(".") if path else []):
        value = {part: value}
    return value
