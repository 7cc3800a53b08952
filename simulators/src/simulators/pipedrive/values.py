"""The values of custom fields: what API v2 accepts, and how API v1 and webhooks show the same."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from simulators.pipedrive.errors import invalid
from simulators.pipedrive.fields import Field

_TIME = re.compile(r"\d{2}:\d{2}(:\d{2})?\Z")
ADDRESS_PARTS = (
    "value", "country", "admin_area_level_1", "admin_area_level_2", "locality", "sublocality", "route",
    "street_number", "subpremise", "postal_code",
)  # fmt: skip


def is_int(value: Any) -> bool:
    """A JSON integer; true is none."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """A JSON number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_date(value: Any) -> bool:
    """``YYYY-MM-DD``, a day of the calendar."""
    if not isinstance(value, str) or len(value) != 10:
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def _is_time(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("value"), str) and bool(_TIME.match(value["value"]))


def _is_range(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and check(value.get("value")) and check(value.get("until"))


def _is_text(longest: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and len(value) <= longest


def _is_money(value: Any) -> bool:
    return isinstance(value, dict) and is_number(value.get("value")) and _is_text(3)(value.get("currency"))


def _is_address(value: Any) -> bool:
    parts = value.items() if isinstance(value, dict) else [("?", None)]
    return all(name in ADDRESS_PARTS and (part is None or isinstance(part, str)) for name, part in parts)


_SHAPES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "varchar": (_is_text(255), "a string of at most 255 characters"),
    "varchar_auto": (_is_text(255), "a string of at most 255 characters"),
    "phone": (_is_text(255), "a string of at most 255 characters"),
    "text": (_is_text(65_000), "a string"),
    "double": (is_number, "a number"),
    "date": (is_date, "a date, YYYY-MM-DD"),
    "daterange": (_is_range(is_date), "an object with the dates value and until"),
    "time": (_is_time, "an object with value, HH:MM:SS"),
    "timerange": (_is_range(lambda part: isinstance(part, str) and bool(_TIME.match(part))), "an object of two times"),
    "monetary": (_is_money, "an object with value (number) and currency"),
    "address": (_is_address, "an object with value"),
    "enum": (is_int, "an option id"),
    "set": (lambda value: isinstance(value, list) and bool(value) and all(map(is_int, value)), "a list of option ids"),
    "org": (is_int, "an integer"),
    "people": (is_int, "an integer"),
    "user": (is_int, "an integer"),
}


def check_custom(fields: Mapping[str, Field], given: Any) -> dict[str, Any]:
    """The ``custom_fields`` of a request. Raises Refused for an unknown key or a value of the wrong type."""
    if not isinstance(given, dict):
        raise invalid("custom_fields: Expected object")
    for key, value in given.items():
        field = fields.get(key)
        if field is None:
            raise invalid(f"custom_fields.{key}: unrecognized field")
        if value is None:
            continue
        fits, wanted = _SHAPES[field["field_type"]]
        if not fits(value):
            raise invalid(f"custom_fields.{key}: Expected {wanted}")
        if field["options"] is not None:
            known = {each["id"] for each in field["options"]}
            strange = [each for each in (value if isinstance(value, list) else [value]) if each not in known]
            if strange:
                raise invalid(f"custom_fields.{key}: no such option {strange[0]}")
    return given


def typed(field: Field, value: Any) -> Any:
    """As a webhook tells it: ``{"type": "enum", "id": 1}``."""
    kind = field["field_type"]
    if value is None:
        return None
    if kind in ("enum", "user", "org", "people"):
        return {"type": kind, "id": value}
    if kind == "set":
        return {"type": "set", "values": [{"id": each} for each in value]}
    if isinstance(value, dict):
        return {"type": kind, **value}
    return {"type": kind, "value": value}


def flat(fields: Mapping[str, Field], custom: Mapping[str, Any]) -> dict[str, Any]:
    """As API v1 tells it, beside the record's own members; what is not set is left out."""
    shown: dict[str, Any] = {}
    for key, value in custom.items():
        kind = fields[key]["field_type"] if key in fields else ""
        if value is None or not kind:
            continue
        if kind == "set":
            shown[key] = ",".join(map(str, value))
        elif kind == "enum":
            shown[key] = str(value)
        elif isinstance(value, dict):
            shown[key] = value.get("value")
            shown.update({f"{key}_{name}": part for name, part in value.items() if name != "value"})
        else:
            shown[key] = value
    return shown


def unflat(fields: Mapping[str, Field], body: Mapping[str, Any]) -> dict[str, Any]:
    """The custom fields among the members of a v1 request, as v2 would have them."""
    found: dict[str, Any] = {}
    for key, field in fields.items():
        if key not in body:
            continue
        value, kind = body[key], field["field_type"]
        if kind == "enum" and isinstance(value, str) and value.isascii() and value.isdigit():
            value = int(value)
        elif kind == "set" and isinstance(value, str):
            value = [
                int(each) for each in value.split(",") if each.strip().isascii() and each.strip().isdigit()
            ] or None
        elif value is not None and kind in ("monetary", "daterange", "time", "timerange", "address"):
            value = value if isinstance(value, dict) else _joined(kind, key, body)
        found[key] = value
    return found


def _joined(kind: str, key: str, body: Mapping[str, Any]) -> dict[str, Any]:
    rest = {name.removeprefix(f"{key}_"): value for name, value in body.items() if name.startswith(f"{key}_")}
    if kind == "monetary":
        rest.setdefault("currency", "USD")
    return {"value": body[key], **rest}
