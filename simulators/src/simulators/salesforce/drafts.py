"""What a client sent for a record, read against the object's fields: names put right, values in stored form."""

from collections.abc import Mapping
from typing import Any

from simulators.salesforce.errors import RowRefused
from simulators.salesforce.fields import Field
from simulators.salesforce.ids import full_id
from simulators.salesforce.schema import ObjectType, Schema
from simulators.salesforce.store import Record, Store
from simulators.salesforce.values import from_csv, stored, wrong_kind

_RIGHTS = "Please check the security settings of this field and verify that it is read/write for your profile"
_IGNORED = ("attributes",)


class Drafts:
    """Reads drafts. ``csv`` values are cells: an empty one is not there, ``#N/A`` is null."""

    def __init__(self, schema: Schema, store: Store) -> None:
        self._schema, self._store = schema, store

    def read(self, kind: ObjectType, given: Mapping[str, Any], *, creating: bool, csv: bool = False) -> Record:
        """Stored values by field name, None for what is to be null. Raises RowRefused."""
        draft: Record = {}
        for name, value in given.items():
            if name in _IGNORED or (csv and value == ""):
                continue
            if isinstance(value, dict) or (csv and "." in name):
                target, record_id = self._related(kind, name, value)
                draft[target] = record_id
                continue
            known = kind.needed(name)
            if not (known.createable if creating else known.updateable):
                raise _read_only(known, creating)
            if csv:
                draft[known.name] = None if value == "#N/A" else from_csv(known, value)
            else:
                draft[known.name] = stored(known, value)
        self._check_references(kind, draft)
        return draft

    def _check_references(self, kind: ObjectType, draft: Record) -> None:
        for name, value in draft.items():
            known = kind.needed(name)
            if known.type != "reference" or value is None:
                continue
            other = self._schema.of_id(value)
            if other is None or (known.refers_to and other.name not in known.refers_to):
                raise RowRefused("MALFORMED_ID", f"{known.label}: id value of incorrect type: {value}", [name])
            found = self._store.table(other).records.get(value)
            if found is None or found["IsDeleted"]:
                raise RowRefused("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [name])

    def _related(self, kind: ObjectType, name: str, value: Any) -> tuple[str, str | None]:
        """The reference field and the id meant by ``{"Account": {"ExtId__c": "7"}}`` or a column Account.ExtId__c."""
        relation, _, path = name.partition(".")
        by = kind.relations.get(relation.lower())
        if by is None:
            if kind.field(relation) and isinstance(value, dict):
                raise wrong_kind("string", value)
            raise RowRefused("INVALID_FIELD", f"No such column '{name}' on sobject of type {kind.name}")
        pairs = [(path, value)] if path else [pair for pair in value.items() if pair[0] != "attributes"]
        if len(pairs) == 1 and pairs[0][1] == "#N/A":
            return by.name, None
        for target in by.refers_to:
            other = self._schema.needed(target)
            known = other.external(pairs[0][0]) if len(pairs) == 1 else None
            if known is None:
                continue
            found = self._matches(other, known, str(pairs[0][1]))
            if len(found) == 1:
                return by.name, found[0]["Id"]
        shown = f"{pairs[0][0]} : {pairs[0][1]}" if pairs else name
        raise RowRefused("INVALID_FIELD", f"Foreign key external ID: {shown} not found for field {by.name}", [by.name])

    def _matches(self, kind: ObjectType, known: Field, value: str) -> list[Record]:
        table = self._store.table(kind)
        if known.type != "id":
            return table.living(known.name, value)
        record = table.records.get(full_id(value) or "")
        return [record] if record and not record["IsDeleted"] else []


def _read_only(known: Field, creating: bool) -> RowRefused:
    if known.type == "id" and creating:
        return RowRefused("INVALID_FIELD_FOR_INSERT_UPDATE", "cannot specify Id in an insert call", ["Id"])
    message = f"Unable to create/update fields: {known.name}. {_RIGHTS} or permission set."
    return RowRefused("INVALID_FIELD_FOR_INSERT_UPDATE", message, [known.name])
