"""A person's names, e-mail addresses and phone numbers: flat on the hub's side, composed on Pipedrive's. Pure.

Pipedrive keeps one name and splits it itself, and lists of addresses and numbers of which the hub knows the primary.
"""

import re
from collections.abc import Mapping
from typing import Any

from hub.connectors.pipedrive.wire import EMAIL, FIRST, LAST, PHONE
from hub.contracts.ids import parse_lead_external_id

_DIGITS = re.compile(r"\D+")
MAX_NAME = 255
_DEAL = " enrollment"
Contact = Mapping[str, Any]


def full_name(record: Mapping[str, Any], reference: str) -> str:
    """The name of the person; Pipedrive wants one, so an address or the reference stands in. It may be too long."""
    parts = [str(record.get(name) or "").strip() for name in (FIRST, LAST)]
    return " ".join(part for part in parts if part) or str(record.get(EMAIL) or reference)


def deal_title(record: Mapping[str, Any], reference: str) -> str:
    """What a person's deal or inbox item is called when it is made."""
    return f"{full_name({**record, EMAIL: None}, reference)[: MAX_NAME - len(_DEAL)]}{_DEAL}"


def name_hint(record: Mapping[str, Any]) -> str | None:
    """``last, first`` where the words of the name leave open how to split it; else None."""
    first, last = (str(record.get(name) or "").strip() for name in (FIRST, LAST))
    if not last or (first and len(f"{first} {last}".split()) == 2):
        return None if len(first.split()) < 2 else f", {first}"
    return f"{last}, {first}"


def flat_person(row: Mapping[str, Any], custom: Mapping[str, Any], name_field: str) -> dict[str, Any]:
    """A person and its custom fields (by name) in one, without the owner."""
    email = primary(row.get("emails"))
    first, last = split_name(row, custom.get(name_field), email)
    own = {FIRST: first, LAST: last, EMAIL: email, PHONE: primary(row.get("phones"))}
    return {**{name: value for name, value in custom.items() if name != name_field}, **own}


def split_name(row: Mapping[str, Any], hint: Any, email: str | None) -> tuple[str | None, str | None]:
    """First and last name: as the hub wrote them, if the name is still that; else as Pipedrive says."""
    name = str(row.get("name") or "").strip()
    if not name or parse_lead_external_id(name) is not None or (email and name.casefold() == email.casefold()):
        return None, None
    if isinstance(hint, str):
        for last, first in _splits(hint):
            if " ".join(part for part in (first, last) if part) == name:
                return first or None, last or None
    if row.get(FIRST) or row.get(LAST):
        return row.get(FIRST), row.get(LAST)
    first, _, last = name.partition(" ")
    return first or None, last.strip() or None


def _splits(hint: str) -> list[tuple[str, str]]:
    """A last name may hold a comma too."""
    places = [found.start() for found in re.finditer(",", hint)]
    return [(hint[:place].strip(), hint[place + 1 :].strip()) for place in places]


def primary(contacts: Any) -> str | None:
    """The value of the primary entry."""
    entries = _entries(contacts)
    chosen = next((each for each in entries if each.get("primary")), entries[0] if entries else None)
    return str(chosen["value"]) if chosen else None


def _entries(contacts: Any) -> list[Contact]:
    listed = contacts if isinstance(contacts, list) else ()
    return [each for each in listed if isinstance(each, dict) and each.get("value")]


def merged(field: str, current: Any, value: Any) -> list[dict[str, Any]]:
    """The list with the hub's value as its primary; what else the customer keeps there stays."""
    entries = [_entry(each) for each in _entries(current)]
    place = next((place for place, each in enumerate(entries) if each["primary"]), 0)
    text = str(value).strip() if value is not None else ""
    same = next((i for i, each in enumerate(entries) if text and _same(field, each["value"], text)), None)
    if not text:
        entries = entries[:place] + entries[place + 1 :]
        place = 0
    elif same is not None:
        place = same
        entries[same]["value"] = text
    elif entries:
        entries[place]["value"] = text
    else:
        entries = [{"value": text, "label": "work"}]
    return [{**each, "primary": index == place} for index, each in enumerate(entries)]


def _entry(contact: Contact) -> dict[str, Any]:
    found = {"value": str(contact["value"]), "primary": bool(contact.get("primary"))}
    return found | ({"label": contact["label"]} if contact.get("label") else {})


def _same(field: str, left: str, right: str) -> bool:
    if field == PHONE:
        return _DIGITS.sub("", left) == _DIGITS.sub("", right) != ""
    return left.strip().casefold() == right.strip().casefold()
