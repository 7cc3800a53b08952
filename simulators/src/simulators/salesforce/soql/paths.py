"""From names in a query to the fields they mean, and to functions that fetch them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from simulators.salesforce.fields import Field
from simulators.salesforce.schema import ObjectType, Schema
from simulators.salesforce.soql.syntax import Path
from simulators.salesforce.soql.tokens import malformed
from simulators.salesforce.store import Record, Store

Fetch = Callable[[Mapping[str, Any]], Any]
_ADVICE = (
    "If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. "
    "Please reference your WSDL or the describe call for the appropriate names."
)
_ADDRESS = ("street", "city", "state", "postalCode", "country")


@dataclass(frozen=True, slots=True)
class Found:
    """A path's meaning. ``steps``: the relationship names on the way, as the schema spells them."""

    field: Field
    owner: ObjectType
    steps: tuple[str, ...]
    fetch: Fetch

    @property
    def direct(self) -> bool:
        """Whether it is a field of the queried object itself."""
        return not self.steps


class Paths:
    """Resolves names against one object."""

    def __init__(self, query: str, kind: ObjectType, schema: Schema, store: Store) -> None:
        self.query, self.kind, self._schema, self._store = query, kind, schema, store

    def resolve(self, path: Path) -> Found:
        """The field. Raises Refused (``INVALID_FIELD``)."""
        *relations, name = path.text.split(".")
        if relations and relations[0].lower() == self.kind.name.lower():
            relations = relations[1:]
        kind, fetches, steps = self.kind, [], []
        for relation in relations:
            by = kind.relations.get(relation.lower())
            target = self._target(by, name) if by else None
            if by is None or target is None:
                complaint = f"Didn't understand relationship '{relation}' in field path. {_ADVICE}"
                raise malformed(self.query, path.at, complaint, "INVALID_FIELD")
            fetches.append(by.name)
            steps.append(by.relationship or relation)
            kind = target
        field = kind.field(name)
        if field is None:
            complaint = f"No such column '{name}' on entity '{kind.name}'. {_ADVICE}"
            raise malformed(self.query, path.at, complaint, "INVALID_FIELD")
        return Found(field, kind, tuple(steps), self._fetcher(fetches, field))

    def type_of(self, record: Mapping[str, Any]) -> ObjectType:
        """The object that a record is of."""
        return self._schema.of_id(record["Id"]) or self.kind

    def _target(self, by: Field, name: str) -> ObjectType | None:
        kinds = [found for each in by.refers_to if (found := self._schema.find(each))]
        return next((kind for kind in reversed(kinds) if kind.field(name)), kinds[-1] if kinds else None)

    def _fetcher(self, references: list[str], field: Field) -> Fetch:
        name = field.name
        last: Fetch = (lambda record: address(record, name)) if field.type == "address" else lambda row: row.get(name)
        if not references:
            return last

        def through(record: Mapping[str, Any]) -> Any:
            related = self.follow(record, references)
            return last(related) if related else None

        return through

    def follow(self, record: Mapping[str, Any], references: list[str]) -> Record | None:
        """The record at the end of some references."""
        current: Mapping[str, Any] = record
        for name in references:
            record_id = current.get(name)
            kind = self._schema.of_id(record_id) if record_id else None
            found = self._store.table(kind).records.get(record_id) if kind and record_id else None
            if found is None:
                return None
            current = found
        return dict(current)


def address(record: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    """A compound address, null when all its parts are."""
    prefix = name.removesuffix("Address")
    parts = {part: record.get(prefix + part[0].upper() + part[1:]) for part in _ADDRESS}
    if not any(parts.values()):
        return None
    return {**parts, "geocodeAccuracy": None, "latitude": None, "longitude": None}
