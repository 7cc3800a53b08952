"""A portal's properties, as its answers tell them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hub.connectors.hubspot import wire
from hub.connectors.hubspot.names import custom_name
from hub.connectors.hubspot.values import from_wire, kind_of, to_wire
from hub.contracts.pulling import FieldSpec

_TYPES = {
    "string": "text", "phone_number": "text", "number": "number", "bool": "boolean", "date": "date",
    "datetime": "datetime",
}  # fmt: skip
_FIELD_TYPES = {"bool": "booleancheckbox", "number": "number", "string": "text"}
_SEVERAL = "checkbox"  # an enumeration's field type that takes several choices, joined by semicolons


@dataclass(frozen=True, slots=True)
class PropertySpec:
    """One property."""

    name: str
    label: str
    type: str
    field_type: str
    own: bool  # HubSpot's, not the customer's
    writable: bool
    unique: bool
    options: tuple[Mapping[str, Any], ...]
    open: bool  # the choices are elsewhere (owners), or there are none to keep to
    choices_fixed: bool

    @property
    def values(self) -> frozenset[str]:
        """The choices."""
        return frozenset(str(option.get("value")) for option in self.options)

    def takes(self, value: str) -> bool:
        """Whether a value is among the choices, or there are none to keep to. Clearing always goes."""
        if self.open or value == "":
            return True
        known = self.values
        return all(each in known for each in (value.split(";") if self.field_type == _SEVERAL else (value,)))

    def spec(self) -> FieldSpec:
        """In the hub's terms."""
        kind = _TYPES.get(self.type, "other")
        if self.name == wire.OWNER:
            kind = "reference"
        elif self.type == "enumeration":
            kind = "choices" if self.field_type == _SEVERAL else "choice"
        shown = tuple(str(option.get("value")) for option in self.options if not option.get("hidden"))
        return FieldSpec(
            self.name, self.label, kind, self.writable, custom=not self.own, choices=shown if not self.open else (),
            restricted=not self.open, unique=self.unique,
        )  # fmt: skip


class Schema:
    """An object type's properties by name."""

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        found = (_read(row) for row in rows if isinstance(row.get("name"), str) and row.get("archived") is not True)
        self.properties: dict[str, PropertySpec] = {each.name: each for each in found}

    def __contains__(self, name: str) -> bool:
        return name in self.properties

    def get(self, name: str) -> PropertySpec | None:
        """The property, if there is one."""
        return self.properties.get(name)

    def custom(self) -> list[str]:
        """The customer's own properties that a custom field of the hub can stand for."""
        return [name for name, each in self.properties.items() if not each.own and custom_name(name) is not None]

    def typed(self, name: str, value: Any) -> Any:
        """A customer's own property's value as the number or truth that it is; HubSpot's own stay texts."""
        found = self.properties.get(name)
        return value if found is None or found.own else from_wire(found.type, value)


def _read(row: Mapping[str, Any]) -> PropertySpec:
    about = row.get("modificationMetadata")
    about = about if isinstance(about, dict) else {}
    options = row.get("options")
    kept = tuple(each for each in options if isinstance(each, dict)) if isinstance(options, list) else ()
    kind = str(row.get("type") or "string")
    return PropertySpec(
        name=str(row["name"]),
        label=str(row.get("label") or row["name"]),
        type=kind,
        field_type=str(row.get("fieldType") or ""),
        own=bool(row.get("hubspotDefined")),
        writable=not about.get("readOnlyValue") and not row.get("calculated"),
        unique=bool(row.get("hasUniqueValue")),
        options=kept,
        open=kind != "enumeration" or bool(row.get("externalOptions")),
        choices_fixed=bool(about.get("readOnlyOptions")),
    )


def reference_property(config: wire.HubSpotConfig, group: str) -> dict[str, Any]:
    """The definition of the property that holds the hub's reference."""
    return {
        "name": config.reference_property, "label": wire.REFERENCE_LABEL, "type": "string", "fieldType": "text",
        "groupName": group, "hasUniqueValue": True, "description": "The record's id in the MyPremierPlans CRM hub",
    }  # fmt: skip


def new_property(name: str, sample: Any, group: str) -> dict[str, Any]:
    """The definition of a property for a custom field, of the kind of its first value."""
    kind = kind_of(sample)
    body: dict[str, Any] = {
        "name": name, "label": custom_name(name) or name, "type": kind, "fieldType": _FIELD_TYPES[kind],
        "groupName": group,
    }  # fmt: skip
    if kind == "bool":
        body["options"] = [_option(text.capitalize(), text, at) for at, text in enumerate(("true", "false"))]
    return body


def more_choices(found: PropertySpec, values: Sequence[Any]) -> dict[str, Any]:
    """The change that adds choices; HubSpot replaces the list as a whole."""
    texts = [to_wire(value) for value in values]
    return {"options": [*found.options, *(_option(text, text, -1) for text in texts)]}


def _option(label: str, value: str, order: int) -> dict[str, Any]:
    return {"label": label, "value": value, "displayOrder": order, "hidden": False}
