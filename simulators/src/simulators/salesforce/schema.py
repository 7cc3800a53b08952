"""The objects of the org and their fields; an administrator may add and remove some."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from simulators.salesforce.errors import RowRefused, not_found
from simulators.salesforce.fields import Choice, Field
from simulators.salesforce.standard import OBJECTS, Definition


@dataclass(slots=True)
class ObjectType:
    """An object: its definition, and its fields by name in lower case, since the API takes any case."""

    name: str
    label: str
    plural: str
    prefix: str
    writable: bool
    fields: dict[str, Field] = field(default_factory=dict)
    relations: dict[str, Field] = field(default_factory=dict)  # by relationship name in lower case
    changed: str = ""  # when its fields last changed, as stored; empty: never

    def field(self, name: str) -> Field | None:
        """A field by its name in any case."""
        return self.fields.get(name) or self.fields.get(name.lower())

    def needed(self, name: str) -> Field:
        """A field that must exist. Raises RowRefused (``INVALID_FIELD``)."""
        found = self.field(name)
        if found is None:
            raise RowRefused("INVALID_FIELD", f"No such column '{name}' on sobject of type {self.name}")
        return found

    def external(self, name: str) -> Field | None:
        """The field by which records may be upserted, if it is one."""
        found = self.field(name)
        return found if found and (found.external or found.id_lookup or found.type == "id") else None

    def put(self, new: Field) -> None:
        """Add or replace a field."""
        self.fields[new.name.lower()] = new
        if new.relationship:
            self.relations[new.relationship.lower()] = new

    def drop(self, name: str) -> bool:
        """Remove a field; whether it was there."""
        gone = self.fields.pop(name.lower(), None)
        if gone and gone.relationship:
            self.relations.pop(gone.relationship.lower(), None)
        return gone is not None

    def offer(self, name: str, values: Iterable[str], *, active: bool = True) -> Field:
        """Add values to a picklist, or switch them on or off."""
        known = self.needed(name)
        changed = {choice.value: choice for choice in known.choices}
        for value in values:
            changed[value] = Choice(value, value, active)
        new = replace(known, choices=tuple(changed.values()))
        self.put(new)
        return new


class Schema:
    """All objects, by name in any case and by the first three characters of their ids."""

    def __init__(self, definitions: Iterable[Definition] = OBJECTS) -> None:
        self._types: dict[str, ObjectType] = {}
        for definition in definitions:
            self.add(definition)

    def add(self, definition: Definition) -> ObjectType:
        """Add or replace an object."""
        new = ObjectType(
            definition.name, definition.label, definition.plural, definition.prefix, definition.writable
        )  # fmt: skip
        for each in definition.fields:
            new.put(each)
        self._types[new.name.lower()] = new
        return new

    def find(self, name: str) -> ObjectType | None:
        """An object by name, or None."""
        return self._types.get(name.lower())

    def needed(self, name: str) -> ObjectType:
        """An object that must exist. Raises Refused (``NOT_FOUND``)."""
        found = self.find(name)
        if found is None:
            raise not_found()
        return found

    def of_id(self, record_id: str) -> ObjectType | None:
        """The object that an id belongs to."""
        return next((each for each in self._types.values() if each.prefix == record_id[:3]), None)

    def __iter__(self) -> Iterator[ObjectType]:
        return iter(self._types.values())
