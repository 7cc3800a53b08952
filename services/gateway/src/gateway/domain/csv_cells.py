"""Values as cells of a CSV file that people open in spreadsheets. Pure."""

from typing import Any

import orjson

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def cell(value: Any) -> Any:
    """The value as a cell; lists and objects as JSON."""
    if isinstance(value, dict | list):
        return orjson.dumps(value).decode() if value else ""
    # A spreadsheet would run a text that begins like a formula; the quote makes it text. Phone numbers stay.
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS) and not value[1:].isdigit():
        return "'" + value
    return value
