"""What the org says about its lead object, and what follows from it for reading and writing. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.connectors.salesforce.mapping import KEPT, OWNER, OWNER_EMAIL, SalesforceFieldMap
from hub.connectors.salesforce.wire import SalesforceConfig
from hub.contracts.pulling import FieldSpec

_TYPES = {
    "string": "text", "email": "text", "phone": "text", "url": "text", "textarea": "text", "id": "text",
    "encryptedstring": "text", "combobox": "text", "picklist": "choice", "multipicklist": "choices",
    "boolean": "boolean", "int": "number", "long": "number", "double": "number", "currency": "number",
    "percent": "number", "date": "date", "datetime": "datetime", "reference": "reference",
}  # fmt: skip
_UNREADABLE = frozenset({"address", "location", "base64", "complexvalue", "anytype"})  # compound, or not for records
_SYSTEM = ("Id", "SystemModstamp", "IsDeleted", "MasterRecordId", "CreatedById")
_MOST_FIELDS = 480  # of one query


@dataclass(frozen=True, slots=True)
class Described:
    """One field."""

    name: str
    label: str
    type: str
    createable: bool
    updateable: bool
    required: bool = False
    custom: bool = False
    calculated: bool = False
    unique: bool = False
    external: bool = False
    restricted: bool = False
    choices: tuple[str, ...] = ()

    def spec(self) -> FieldSpec:
        """In the hub's terms."""
        return FieldSpec(
            self.name,
            self.label,
            _TYPES.get(self.type, "other"),
            writable=self.createable or self.updateable,
            required=self.required,
            custom=self.custom,
            choices=self.choices,
            restricted=self.restricted,
            unique=self.unique,
        )


@dataclass(frozen=True, slots=True)
class LeadObject:
    """The lead object of an org, as one connection uses it."""

    fields: Mapping[str, Described]  # by name in lower case: the API takes any
    reference: str | None  # the external id field, when the org has it
    createable: bool = True
    updateable: bool = True
    selected: tuple[str, ...] = field(default=())

    def get(self, name: str) -> Described | None:
        """A field by its name in any case."""
        return self.fields.get(name.lower())

    def writable(
        self, values: Mapping[str, Any], configured: frozenset[str], *, create: bool
    ) -> tuple[dict[str, Any], list[str]]:
        """The values that the org takes, under its own names; and the names that it has no place for.

        ``configured``: fields (lower case) mapped by name. A custom field that nobody mapped is only written where its
        name is exactly the same.
        """
        taken: dict[str, Any] = {}
        left_out: list[str] = []
        for name, value in values.items():
            known = self.get(name)
            same = known is not None and (known.name == name or name.lower() in configured)
            if known is None or not same or not (known.createable if create else known.updateable):
                left_out.append(name)
            else:
                taken[known.name] = False if value is None and known.type == "boolean" else value
        return taken, left_out


def read_description(document: Any, config: SalesforceConfig, mapping: SalesforceFieldMap) -> LeadObject:
    """From the answer of describe. Raises KeyError, TypeError or ValueError for another document."""
    fields = {each.name.lower(): each for each in map(_field, document["fields"])}
    wanted = fields.get((config.external_id_field or "").lower())
    reference = wanted.name if wanted and wanted.external and wanted.createable else None
    return LeadObject(
        fields,
        reference,
        bool(document.get("createable", True)),
        bool(document.get("updateable", True)),
        _selected(fields, config, mapping),
    )


def _field(told: Mapping[str, Any]) -> Described:
    choices = told.get("picklistValues") or ()
    return Described(
        str(told["name"]),
        str(told.get("label") or told["name"]),
        str(told.get("type", "")).lower(),
        bool(told.get("createable", False)),
        bool(told.get("updateable", False)),
        bool(told.get("createable") and not told.get("nillable", True) and not told.get("defaultedOnCreate")),
        bool(told.get("custom", False)),
        bool(told.get("calculated", False)),
        bool(told.get("unique", False)),
        bool(told.get("externalId", False)),
        bool(told.get("restrictedPicklist", False)),
        tuple(str(choice["value"]) for choice in choices if choice.get("active", True)),
    )


def _selected(
    fields: Mapping[str, Described], config: SalesforceConfig, mapping: SalesforceFieldMap
) -> tuple[str, ...]:
    """What a query asks for: mapped fields, custom fields, kept standard ones, and what a pull steers by."""
    mapped = {name.lower() for name in mapping.remote_fields()} | {(config.external_id_field or "").lower()}
    system = [fields[name.lower()].name for name in _SYSTEM if name.lower() in fields]
    others = [
        each.name
        for lower, each in fields.items()
        if each.type not in _UNREADABLE and each.name not in _SYSTEM and (lower in mapped or _kept(each))
    ]
    by_email = [OWNER_EMAIL] if config.owners_by_email and OWNER.lower() in fields else []
    return (*system, *by_email, *others[:_MOST_FIELDS])


def _kept(each: Described) -> bool:
    return each.name.endswith("__c") or each.name in KEPT


def flat(row: Mapping[str, Any], lead: LeadObject) -> dict[str, Any]:
    """A row of a query as flat fields: ``{"Owner": {"Email": x}}`` is ``Owner.Email``; moments end in Z, as in bulk."""
    fields: dict[str, Any] = {}
    for name, value in row.items():
        if name == "attributes":
            continue
        if isinstance(value, dict):
            fields |= {f"{name}.{inner}": each for inner, each in value.items() if inner != "attributes"}
        elif isinstance(value, str) and value.endswith(_ZONE) and _is_moment(name, lead):
            fields[name] = value[: -len(_ZONE)] + "Z"
        else:
            fields[name] = value
    return fields


def typed(row: Mapping[str, str], lead: LeadObject) -> dict[str, Any]:
    """A row of a bulk job, where all is text, with the values that a query would give."""
    fields: dict[str, Any] = {}
    for name, value in row.items():
        known = lead.get(name)
        reader = _READERS.get(known.type) if known else None
        fields[name] = None if value == "" else reader(value) if reader else value
    return fields


_ZONE = "+0000"


def _is_moment(name: str, lead: LeadObject) -> bool:
    known = lead.get(name)
    return known is not None and known.type == "datetime"


def _number(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text


def _whole(text: str) -> Any:
    try:
        return int(float(text))
    except (ValueError, OverflowError):
        return text


def _truth(text: str) -> Any:
    return text.lower() == "true"


_READERS: Mapping[str, Callable[[str], Any]] = {
    "boolean": _truth,
    "int": _whole,
    "long": _whole,
    "double": _number,
    "currency": _number,
    "percent": _number,
}
