"""What is wrong with a value, in one machine-readable word and one sentence."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import ValidationError


class Code(StrEnum):
    """Why a record or a request's field was refused."""

    WRONG_TYPE = "WRONG_TYPE"
    TOO_LONG = "TOO_LONG"
    TOO_SHORT = "TOO_SHORT"
    TOO_MANY = "TOO_MANY"
    UNKNOWN_VALUE = "UNKNOWN_VALUE"
    UNKNOWN_FIELD = "UNKNOWN_FIELD"
    INVALID_TEXT = "INVALID_TEXT"
    INVALID_TIME = "INVALID_TIME"
    INVALID_VALUE = "INVALID_VALUE"
    NUMBER_OUT_OF_RANGE = "NUMBER_OUT_OF_RANGE"
    MISSING_FIELD = "MISSING_FIELD"
    RECORD_TOO_LARGE = "RECORD_TOO_LARGE"
    INVALID_JSON = "INVALID_JSON"
    INVALID_UTF8 = "INVALID_UTF8"
    LINE_TOO_LONG = "LINE_TOO_LONG"
    WRONG_COLUMN_COUNT = "WRONG_COLUMN_COUNT"
    BROKEN_QUOTES = "BROKEN_QUOTES"
    DUPLICATE_COLUMN = "DUPLICATE_COLUMN"
    MISSING_COLUMNS = "MISSING_COLUMNS"


@dataclass(frozen=True, slots=True)
class Problem:
    """One refusal. ``field`` is the path in the record, such as ``custom_fields.budget``."""

    code: Code
    message: str
    field: str | None = None
    external_id: str | None = None


_CODES = {
    "missing": Code.MISSING_FIELD,
    "extra_forbidden": Code.UNKNOWN_FIELD,
    "enum": Code.UNKNOWN_VALUE,
    "literal_error": Code.UNKNOWN_VALUE,
    "string_too_long": Code.TOO_LONG,
    "string_too_short": Code.TOO_SHORT,
    "too_long": Code.TOO_MANY,
    "too_short": Code.TOO_SHORT,
    "string_unicode": Code.INVALID_TEXT,
    "value_error": Code.INVALID_TEXT,
    "string_pattern_mismatch": Code.INVALID_VALUE,
    "finite_number": Code.NUMBER_OUT_OF_RANGE,
    "int_parsing_size": Code.NUMBER_OUT_OF_RANGE,
    "greater_than_equal": Code.NUMBER_OUT_OF_RANGE,
    "greater_than": Code.NUMBER_OUT_OF_RANGE,
    "less_than_equal": Code.NUMBER_OUT_OF_RANGE,
    "less_than": Code.NUMBER_OUT_OF_RANGE,
}
_TIME_TYPES = ("datetime", "date", "timezone")
_TEXT_LIMIT = 200


def printable(text: str) -> str:
    """A text that may stand in an answer and in the database: no NUL, no lone surrogate, not long."""
    return text[:_TEXT_LIMIT].replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def problem_of(error: ValidationError) -> Problem:
    """The first thing that pydantic found wrong."""
    first: Any = error.errors(include_url=False, include_context=False)[0]
    path = [str(part) for part in first["loc"]]
    if path[:1] == ["custom_fields"] and len(path) > 1:  # the rest of the path names members of the union
        is_key = path[-1] == "[key]"
        return _custom_problem(path[1], first if is_key else {"input": first["input"]})
    kind: str = first["type"]
    code = _CODES.get(kind)
    if code is None:
        code = Code.INVALID_TIME if kind.startswith(_TIME_TYPES) else Code.WRONG_TYPE
    message = str(first["msg"]).removeprefix("Value error, ")
    return Problem(code, printable(message), printable(".".join(path)) or None)


def _custom_problem(name: str, found: dict[str, Any]) -> Problem:
    # pydantic reports one error per member of the union of scalars; the value itself says which of them matters.
    place, value = printable(f"custom_fields.{name}"), found["input"]
    if "type" in found:
        return Problem(_CODES.get(found["type"], Code.WRONG_TYPE), f"The name: {found['msg']}", place)
    if isinstance(value, str):
        if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value):
            return Problem(Code.INVALID_TEXT, "The text has characters that cannot be stored", place)
        return Problem(Code.TOO_LONG, "The text is too long", place)
    if isinstance(value, int | float):
        return Problem(Code.NUMBER_OUT_OF_RANGE, "The number is out of range", place)
    return Problem(Code.WRONG_TYPE, "A custom field is a text, a number, true, false or null", place)
