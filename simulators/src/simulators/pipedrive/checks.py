"""What API v2 and the leads of API v1 accept in a request: one table per kind, strict about types."""

import re
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from simulators.pipedrive.errors import bad, forbidden, invalid
from simulators.pipedrive.values import ADDRESS_PARTS, is_date, is_int, is_number

Check = Callable[[Any], bool]
Rule = tuple[Check, str]  # whether a value fits, and what would
MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(Z|[+-]\d{2}:\d{2})\Z")  # RFC 3339 without fractions


def _text(longest: int = 255) -> Rule:
    return (lambda value: isinstance(value, str) and 0 < len(value) <= longest), "string"


def _or_null(rule: Rule) -> Rule:
    return (lambda value: value is None or rule[0](value)), f"{rule[1]} or null"


def is_moment(value: Any) -> bool:
    """``2026-01-01T00:00:00Z``: RFC 3339, no fractional seconds."""
    if not isinstance(value, str) or not MOMENT.match(value):
        return False
    try:
        utc(value)
    except (ValueError, OverflowError):
        return False
    return True


def utc(text: str) -> str:
    """The same moment as records keep it: ``2026-01-01T00:00:00Z``."""
    return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _is_contact_list(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(each, dict)
        and set(each) <= {"value", "primary", "label"}
        and isinstance(each.get("value"), str)
        and isinstance(each.get("primary", False), bool)
        and isinstance(each.get("label", ""), str)
        for each in value
    )


def _is_address(value: Any) -> bool:
    return isinstance(value, dict) and set(value) <= set(ADDRESS_PARTS)


def _is_uuid(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(uuid.UUID(value))
    except ValueError:
        return False


def _is_code(value: Mapping[str, Any]) -> bool:
    return isinstance(value.get("currency"), str) and len(value["currency"]) == 3


def _list_of(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(map(check, value))


INT: Rule = (is_int, "number")
NUMBER: Rule = (is_number, "number")
BOOL: Rule = ((lambda value: isinstance(value, bool)), "boolean")
DATE: Rule = (is_date, "date")
TIME: Rule = (is_moment, "datetime")
IDS: Rule = (_list_of(is_int), "array of numbers")
CONTACTS: Rule = (_is_contact_list, "array of {value, primary, label}")
VISIBLE: Rule = ((lambda value: value in (1, 3, 5, 7) and is_int(value)), "one of 1, 3, 5, 7")
CUSTOM: Rule = ((lambda value: isinstance(value, dict)), "object")
CONTACT_SYNC = ("job_title", "notes", "im", "birthday", "postal_address")

PERSON: dict[str, Rule] = {
    "name": _text(), "owner_id": INT, "org_id": _or_null(INT), "add_time": TIME, "emails": CONTACTS, "phones": CONTACTS,
    "visible_to": VISIBLE, "label_ids": IDS, "custom_fields": CUSTOM,
    "marketing_status": ((lambda value: value in ("no_consent", "unsubscribed", "subscribed", "archived")), "status"),
    "job_title": _or_null(_text()), "notes": _or_null(_text(65_000)), "im": CONTACTS, "birthday": _or_null(DATE),
    "postal_address": _or_null((_is_address, "address")),
}  # fmt: skip
ORGANIZATION: dict[str, Rule] = {
    "name": _text(), "owner_id": INT, "add_time": TIME, "visible_to": VISIBLE, "label_ids": IDS,
    "address": _or_null((_is_address, "address")), "website": _or_null(_text()), "linkedin": _or_null(_text()),
    "industry": _or_null(INT), "annual_revenue": _or_null(NUMBER), "employee_count": _or_null(INT),
    "custom_fields": CUSTOM,
}  # fmt: skip
DEAL: dict[str, Rule] = {
    "title": _text(), "owner_id": INT, "person_id": _or_null(INT), "org_id": _or_null(INT), "pipeline_id": INT,
    "stage_id": INT, "value": _or_null(NUMBER), "currency": _text(3), "is_deleted": BOOL, "is_archived": BOOL,
    "archive_time": _or_null(TIME), "status": ((lambda value: value in ("open", "won", "lost")), "open, won or lost"),
    "probability": _or_null(((lambda value: is_number(value) and 0 <= value <= 100), "number from 0 to 100")),
    "lost_reason": _or_null(_text(150)), "visible_to": VISIBLE, "close_time": _or_null(TIME),
    "won_time": _or_null(TIME), "lost_time": _or_null(TIME), "expected_close_date": _or_null(DATE), "label_ids": IDS,
    "add_time": TIME, "update_time": TIME, "stage_change_time": TIME, "custom_fields": CUSTOM,
}  # fmt: skip
LEAD: dict[str, Rule] = {
    "title": _text(), "owner_id": INT, "label_ids": (_list_of(_is_uuid), "array of uuids"), "person_id": _or_null(INT),
    "organization_id": _or_null(INT), "is_archived": BOOL, "expected_close_date": _or_null(DATE), "was_seen": BOOL,
    "value": _or_null((
        (lambda value: isinstance(value, dict) and is_number(value.get("amount")) and _is_code(value)),
        "object with amount and currency",
    )),
    "visible_to": ((lambda value: value in ("1", "3", "5", "7")), "one of 1, 3, 5, 7"),
    "origin_id": _or_null(_text()), "channel": _or_null(INT), "channel_id": _or_null(_text()), "custom_fields": CUSTOM,
}  # fmt: skip
RULES = {"person": PERSON, "organization": ORGANIZATION, "deal": DEAL, "lead": LEAD}
REQUIRED = {"person": "name", "organization": "name", "deal": "title", "lead": "title"}


def checked(kind: str, body: Any, *, new: bool, contact_sync: bool = False) -> dict[str, Any]:
    """The members of a request. Raises Refused naming the first that does not fit."""
    refuse = bad if kind == "lead" else invalid
    if not isinstance(body, dict):
        raise refuse("Expected object")
    rules = RULES[kind]
    for name, value in body.items():
        if name not in rules:
            raise refuse(f"{name}: Unrecognized key")
        fits, wanted = rules[name]
        if not fits(value):
            raise refuse(f"{name}: Expected {wanted}")
    if new and REQUIRED[kind] not in body:
        raise refuse(f"{REQUIRED[kind]}: Required")
    if kind == "person" and not contact_sync and any(name in body for name in CONTACT_SYNC):
        raise forbidden("Contact Sync is not enabled for this company")
    moments = [name for name in body if name.endswith("_time") and body[name] is not None]
    return {**body, **{name: utc(body[name]) for name in moments}}


def contacts(given: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """E-mails or phones as stored: exactly one is primary, each has a label."""
    primary = next((place for place, each in enumerate(given) if each.get("primary")), 0)
    return [
        {"value": each["value"], "primary": place == primary, "label": each.get("label") or "work"}
        for place, each in enumerate(given)
        if each["value"]
    ]
