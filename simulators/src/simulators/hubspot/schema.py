"""The properties of one object type, and what may be written to them."""

import re
from collections.abc import Mapping
from typing import Any

from simulators.hubspot.catalogue import Kind, groups, properties
from simulators.hubspot.errors import HubSpotRefused, invalid_json, invalid_values, not_found, validation
from simulators.hubspot.properties import TYPES, BadValue, Property

MAX_UNIQUE = 10
_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}\Z")
_CHANGEABLE = {
    "label": "label", "description": "description", "fieldType": "field_type", "groupName": "group",
    "options": "options", "hidden": "hidden", "formField": "form_field", "displayOrder": "display_order",
    "type": "type",
}  # fmt: skip


class Schema:
    """Properties by name."""

    def __init__(self, kind: Kind, portal_id: int) -> None:
        self.kind, self._portal_id = kind, portal_id
        self.properties = {each.name: each for each in properties(kind)}
        self.groups = {each["name"]: each for each in groups(kind)}
        self.unique = ["email"] if kind.name == "contacts" else []  # by which a record can be addressed

    def get(self, name: str, *, archived: bool = False) -> Property:
        """A property. Raises HubSpotRefused (404)."""
        found = self.properties.get(name)
        if found is None or (found.archived_at is not None) is not archived:
            raise not_found(f"There is no property named '{name}' on object type {self.kind.type_id}")
        return found

    def active(self, name: str) -> Property | None:
        """A property that is in use, or None."""
        found = self.properties.get(name)
        return found if found and found.archived_at is None else None

    def all(self, *, archived: bool = False) -> list[Property]:
        """All of them."""
        return [each for each in self.properties.values() if (each.archived_at is not None) is archived]

    def values(self, given: Any) -> dict[str, str | None]:
        """A request's ``properties`` as stored; None clears. Raises HubSpotRefused naming every bad one."""
        if not isinstance(given, Mapping):
            raise invalid_json(
                "Cannot deserialize value of type `java.util.LinkedHashMap` from the value of properties"
            )
        stored: dict[str, str | None] = {}
        problems = []
        for name, value in given.items():
            if isinstance(value, (dict, list)):
                raise invalid_json(f"Cannot deserialize value of type `java.lang.String` for property {name}")
            found = self.active(name)
            try:
                if found is None:
                    raise BadValue("PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist')
                if found.read_only or found.calculated:
                    raise BadValue("READ_ONLY_VALUE", f"{name} is a read only property; its value cannot be set.")
                stored[name] = found.value(value)
            except BadValue as bad:
                problems.append(self._problem(name, value, bad))
        if problems:
            raise invalid_values(problems)
        return stored

    def create(self, wish: Mapping[str, Any], now: int) -> Property:
        """Add a property. Raises HubSpotRefused."""
        name = str(wish.get("name") or "").lower()
        for needed in ("name", "label", "type", "fieldType", "groupName"):
            if not isinstance(wish.get(needed), str):
                raise invalid_json(f"Some required fields were not set: [{needed}]")
        if not _NAME.match(name):
            raise validation(
                f"Property name {name} is invalid: letters, digits and underscores, beginning with a letter"
            )
        if self.active(name) is not None:
            raise HubSpotRefused(409, "OBJECT_ALREADY_EXISTS", f"A property named '{name}' already exists.")
        if wish["type"] not in TYPES:
            raise invalid_json(f"Enum type must be one of: [{', '.join(TYPES)}]")
        unique = wish.get("hasUniqueValue") is True
        if unique and sum(each.unique for each in self.all()) >= MAX_UNIQUE:
            raise validation(f"You may have at most {MAX_UNIQUE} properties with unique values per object type.")
        made = Property(name, wish["label"], wish["type"], wish["fieldType"], unique=unique, created=now)
        self._set(made, {key: value for key, value in wish.items() if key != "type"}, now)
        self.properties[name] = made
        self.unique = [*self.unique, name] if unique else self.unique
        return made

    def change(self, name: str, wish: Mapping[str, Any], now: int) -> Property:
        """Change a definition. Raises HubSpotRefused."""
        found = self.get(name)
        draft = found.copy()
        self._set(draft, wish, now)
        self.properties[name] = draft
        return draft

    def archive(self, name: str, now: int) -> None:
        """Take a property out of use. Raises HubSpotRefused."""
        found = self.get(name)
        if found.hubspot_defined:
            raise validation(f"Property {name} is defined by HubSpot and cannot be archived")
        found.archived_at = now
        self.unique = [each for each in self.unique if each != name]

    def _set(self, found: Property, wish: Mapping[str, Any], now: int) -> None:
        for key, attribute in _CHANGEABLE.items():
            if wish.get(key) is None:
                continue
            if type(wish[key]) is not type(getattr(found, attribute)):
                raise invalid_json(f"Cannot deserialize the value of {key}")
            setattr(found, attribute, wish[key])
        if found.group not in self.groups:
            raise validation(f"Property group {found.group} does not exist for object type {self.kind.type_id}")
        if not all(isinstance(each, dict) and isinstance(each.get("value"), str) for each in found.options):
            raise invalid_json("options must have a value and a label")
        found.options = [{"hidden": False, "displayOrder": -1, "description": "", **each} for each in found.options]
        found.updated = now

    def _problem(self, name: str, value: Any, bad: BadValue) -> dict[str, Any]:
        return {
            "isValid": False, "message": str(bad), "error": bad.code, "name": name, "localizedErrorMessage": str(bad),
            "portalId": self._portal_id, "propertyValue": value,
        }  # fmt: skip
