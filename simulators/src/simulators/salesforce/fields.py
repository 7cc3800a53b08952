"""What a field is."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypedDict, Unpack


@dataclass(frozen=True, slots=True)
class Choice:
    """A picklist's value."""

    value: str
    label: str
    active: bool = True
    default: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """A field of an object, in the words of describe."""

    name: str
    label: str
    type: str = "string"
    length: int = 0
    precision: int = 0
    scale: int = 0
    required: bool = False  # on create
    defaulted: bool = False  # on create
    createable: bool = True
    updateable: bool = True
    external: bool = False
    unique: bool = False
    id_lookup: bool = False
    restricted: bool = False
    refers_to: tuple[str, ...] = ()
    relationship: str | None = None
    choices: tuple[Choice, ...] = field(default_factory=tuple)
    compound: str | None = None  # the field that this one is a part of

    @property
    def custom(self) -> bool:
        """Whether an administrator made it."""
        return self.name.endswith("__c")


class Options(TypedDict, total=False):
    """The less usual properties of a field."""

    length: int
    required: bool
    defaulted: bool
    createable: bool
    updateable: bool
    external: bool
    unique: bool
    id_lookup: bool
    restricted: bool
    compound: str | None


def plain(name: str, label: str, kind: str = "string", **more: Unpack[Options]) -> Field:
    """A field of a type without properties of its own; a string has 255 characters unless told."""
    if kind == "string":
        more = {"length": 255, **more}
    return Field(name, label, kind, **more)


def managed(name: str, label: str, kind: str = "string", **more: Unpack[Options]) -> Field:
    """A field that only Salesforce writes."""
    more["createable"] = more["updateable"] = False
    return plain(name, label, kind, **more)


def picklist(
    name: str, label: str, values: Sequence[str], *, default: str | None = None, kind: str = "picklist",
    **more: Unpack[Options],
) -> Field:  # fmt: skip
    """A choice of values, told by themselves."""
    choices = tuple(Choice(value, value, True, value == default) for value in values)
    more["length"] = 4099 if kind == "multipicklist" else 255
    more.setdefault("defaulted", default is not None)
    return Field(name, label, kind, choices=choices, **more)


def reference(
    name: str, label: str, refers_to: Sequence[str], relationship: str | None, **more: Unpack[Options]
) -> Field:
    """An id of another record."""
    options: Options = {"length": 18, **more}
    return Field(name, label, "reference", refers_to=tuple(refers_to), relationship=relationship, **options)


def number(
    name: str, label: str, kind: str = "double", *, precision: int = 18, scale: int = 2, **more: Unpack[Options]
) -> Field:
    """A number: double, currency, percent or int."""
    return Field(name, label, kind, precision=precision, scale=scale, **more)
