"""From what clients write to what is stored, field by field; the refusals are the API's."""

import re
from collections.abc import Callable
from typing import Any

from simulators.salesforce.errors import RowRefused, unreadable
from simulators.salesforce.fields import Field
from simulators.salesforce.ids import full_id
from simulators.salesforce.times import stored_day, stored_moment

Value = str | float | bool | None
_EMAIL = re.compile(r"[^@\s,;:<>()\[\]\\\"]+@[^@\s,;:<>()\[\]\\\".]+(\.[^@\s,;:<>()\[\]\\\".]+)+\Z")
_KINDS = {str: "VALUE_STRING", bool: "VALUE_TRUE", int: "VALUE_NUMBER_INT", float: "VALUE_NUMBER_FLOAT"}
_TRUTH = {"true": True, "1": True, "false": False, "0": False}


def stored(field: Field, given: Any) -> Value:
    """The stored form of a JSON value. Raises RowRefused, or Refused when the JSON is of the wrong kind."""
    if given is None or given == "":
        return False if field.type == "boolean" else None
    return _CONVERTERS.get(field.type, _text)(field, given)


def from_csv(field: Field, cell: str) -> Value:
    """The stored form of a cell. Raises RowRefused."""
    if field.type == "boolean":
        truth = _TRUTH.get(cell.lower())
        if truth is None:
            raise _type(field, "invalid boolean", cell)
        return truth
    if field.type in ("double", "currency", "percent", "int"):
        try:
            return _number(field, float(cell))
        except ValueError:
            raise _type(field, "invalid number", cell) from None
    return stored(field, cell)


def _text(field: Field, given: Any) -> Value:
    if not isinstance(given, str):
        raise wrong_kind("string", given)
    if field.length and len(given) > field.length:
        message = f"{field.label}: data value too large: {given} (max length={field.length})"
        raise RowRefused("STRING_TOO_LONG", message, [field.name])
    return given


def _email(field: Field, given: Any) -> Value:
    if not isinstance(given, str):
        raise wrong_kind("string", given)
    if not _EMAIL.match(given):
        raise RowRefused(
            "INVALID_EMAIL_ADDRESS", f"{field.label}: invalid email address: {given}", [field.name]
        )  # fmt: skip
    return _text(field, given)


def _picklist(field: Field, given: Any) -> Value:
    value = _text(field, given)
    if field.restricted:
        wanted = str(value).split(";") if field.type == "multipicklist" else [str(value)]
        offered = {choice.value for choice in field.choices if choice.active}
        bad = [each for each in wanted if each not in offered]
        if bad:
            message = f"{field.label}: bad value for restricted picklist field: {bad[0]}"
            raise RowRefused("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, [field.name])
    return value


def _boolean(_field: Field, given: Any) -> Value:
    if isinstance(given, bool):
        return given
    if isinstance(given, str) and given.lower() in _TRUTH:
        return _TRUTH[given.lower()]
    raise wrong_kind("boolean", given)


def _number(field: Field, given: Any) -> Value:
    if isinstance(given, bool) or not isinstance(given, int | float):
        try:
            given = float(given) if isinstance(given, str) else None
        except ValueError:
            given = None
        if given is None:
            raise wrong_kind("int" if field.type == "int" else "double", given)
    if given != given or abs(given) >= 10 ** (field.precision - field.scale):
        message = f"{field.label}: value outside of valid range on numeric field: {given}"
        raise RowRefused("NUMBER_OUTSIDE_VALID_RANGE", message, [field.name])
    return int(given) if field.type == "int" else round(float(given), field.scale)


def _date(field: Field, given: Any) -> Value:
    day = stored_day(given) if isinstance(given, str) else None
    if day is None:
        raise wrong_kind("date", given)
    return day


def _datetime(field: Field, given: Any) -> Value:
    moment = stored_moment(given) if isinstance(given, str) else None
    if moment is None:
        raise wrong_kind("datetime", given)
    return moment


def _reference(field: Field, given: Any) -> Value:
    record_id = full_id(given)
    if record_id is None:
        raise RowRefused("MALFORMED_ID", f"{field.label}: id value of incorrect type: {given}", [field.name])
    return record_id


def _address(field: Field, given: Any) -> Value:
    raise RowRefused("INVALID_FIELD", f"Cannot write the compound field {field.name}", [field.name])


_CONVERTERS: dict[str, Callable[[Field, Any], Value]] = {
    "email": _email, "picklist": _picklist, "multipicklist": _picklist, "boolean": _boolean, "double": _number,
    "currency": _number, "percent": _number, "int": _number, "date": _date, "datetime": _datetime,
    "reference": _reference, "id": _reference, "address": _address,
}  # fmt: skip


def wrong_kind(wanted: str, given: Any) -> Exception:
    """The JSON reader's complaint: a value of another kind than the field's."""
    kind = "START_OBJECT" if isinstance(given, dict) else "START_ARRAY" if isinstance(given, list) else None
    kind = kind or _KINDS.get(type(given), "VALUE_STRING")
    return unreadable(
        f"Cannot deserialize instance of {wanted} from {kind} value {given} or request may be missing a required field"
    )


def _type(field: Field, complaint: str, cell: str) -> RowRefused:
    return RowRefused("INVALID_TYPE_ON_FIELD_IN_RECORD", f"{field.label}: {complaint}: {cell}", [field.name])
