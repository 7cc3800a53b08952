"""Properties: what an object has, and which values they take."""

import math
import re
from dataclasses import asdict, dataclass, field
from typing import Any

from simulators.hubspot.times import is_midnight, iso, moment

MULTIPLE = ("checkbox",)
TYPES = (
    "bool", "enumeration", "date", "datetime", "string", "number", "object_coordinates", "json", "phone_number",
)  # fmt: skip
_EMAIL = re.compile(r"[^@\s,;<>()]+@[^@\s,;<>()]+\.[^@\s.,;<>()]+\Z")
_LONGEST = 65_536


class BadValue(Exception):
    """A value that the property does not take: HubSpot's code and words."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


@dataclass(slots=True)
class Property:
    """One property's definition. ``created``/``updated``: milliseconds; 0 for HubSpot's own."""

    name: str
    label: str
    type: str = "string"
    field_type: str = "text"
    group: str = ""
    description: str = ""
    options: list[dict[str, Any]] = field(default_factory=list)
    unique: bool = False
    read_only: bool = False
    calculated: bool = False
    hubspot_defined: bool = False
    hidden: bool = False
    form_field: bool = False
    external_options: bool = False
    display_order: int = -1
    archived_at: int | None = None
    created: int = 0
    updated: int = 0

    def document(self) -> dict[str, Any]:
        """As the properties API tells it."""
        own = self.hubspot_defined
        body: dict[str, Any] = {
            "updatedAt": iso(self.updated), "createdAt": iso(self.created), "name": self.name, "label": self.label,
            "type": self.type, "fieldType": self.field_type, "description": self.description,
            "groupName": self.group, "options": self.options, "displayOrder": self.display_order,
            "calculated": self.calculated, "externalOptions": self.external_options,
            "archived": self.archived_at is not None, "hasUniqueValue": self.unique, "hidden": self.hidden,
            "modificationMetadata": {
                "archivable": not own, "readOnlyDefinition": own, "readOnlyValue": self.read_only,
                **({"readOnlyOptions": own} if self.type == "enumeration" else {}),
            },
            "formField": self.form_field,
        }  # fmt: skip
        if own:
            body["hubspotDefined"] = True
        if self.archived_at is not None:
            body["archivedAt"] = iso(self.archived_at)
        return body

    def copy(self) -> "Property":
        """One of its own."""
        return Property(**asdict(self))

    def value(self, given: Any) -> str | None:
        """The value as stored; None clears. Raises BadValue."""
        if given is None or given == "":
            return None
        text = _text(given)
        if len(text) > _LONGEST:
            raise BadValue("VALUE_TOO_LONG", f"{self.name} was too long")
        convert = _BY_TYPE.get(self.type)
        if self.name == "email":
            return _email(text)
        return convert(self, text) if convert else text


def _text(given: Any) -> str:
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, float) and given.is_integer():
        return str(int(given))
    return str(given)


def _email(text: str) -> str:
    address = text.strip().lower()
    if len(address) > 254 or not _EMAIL.match(address):
        raise BadValue("INVALID_EMAIL", f"Email address {text} is invalid")
    return address


def _number(found: Property, text: str) -> str:
    try:
        finite = math.isfinite(float(text))
    except ValueError:
        finite = False
    if not finite or "_" in text:
        raise BadValue("INVALID_DOUBLE", f"{text} was not a valid number.")
    return text.strip()


def _bool(found: Property, text: str) -> str:
    if text.lower() not in ("true", "false"):
        raise BadValue("INVALID_OPTION", f"{text} was not one of the allowed options: [true, false]")
    return text.lower()


def _datetime(found: Property, text: str) -> str:
    when = moment(text)
    if when is None:
        raise BadValue("INVALID_DATE", f"{text} was not a valid long.")
    return iso(when)


def _date(found: Property, text: str) -> str:
    when = moment(text)
    if when is None:
        raise BadValue("INVALID_DATE", f"{text} was not a valid date.")
    if not is_midnight(when):
        raise BadValue("INVALID_DATE", f"{text} is at {iso(when)[11:]}, not midnight!")
    return iso(when)[:10]


def _enumeration(found: Property, text: str) -> str:
    if found.external_options:
        return text
    allowed = {option["value"] for option in found.options}
    chosen = [each for each in text.split(";") if each] if found.field_type in MULTIPLE else [text]
    for each in chosen:
        if each not in allowed:
            names = ", ".join(option["value"] for option in found.options)
            raise BadValue("INVALID_OPTION", f"{each} was not one of the allowed options: [{names}]")
    return ";".join(chosen)


_BY_TYPE = {"number": _number, "bool": _bool, "datetime": _datetime, "date": _date, "enumeration": _enumeration}
