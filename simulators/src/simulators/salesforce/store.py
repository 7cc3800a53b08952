"""The org's records in memory, found by id, external id, e-mail address and stamp; changes can be undone."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from simulators.salesforce.fields import Field
from simulators.salesforce.ids import made_id
from simulators.salesforce.schema import ObjectType
from simulators.salesforce.stamps import Stamps

Record = dict[str, Any]  # stored values by field name; what is null is not there
_NOTHING: Mapping[str, None] = {}


@dataclass(frozen=True, slots=True)
class Change:
    """A record before and after: created without ``before``; what is deleted stays, with IsDeleted."""

    table: "Table"
    before: Record | None
    after: Record


@dataclass(slots=True)
class Table:
    """All records of one object, deleted ones included. A record's dict is never changed, but replaced."""

    type: ObjectType
    records: dict[str, Record] = field(default_factory=dict)
    stamps: Stamps = field(default_factory=Stamps)
    indexes: dict[str, dict[str, dict[str, None]]] = field(default_factory=dict)  # field → folded value → ids
    last: int = 0

    def indexed(self, name: str) -> bool:
        """Whether records are found by that field without a scan."""
        known = self.type.field(name)
        return known is not None and is_indexed(known)

    def find(self, name: str, value: str) -> Iterable[str]:
        """Ids of the records with that value (in any case) in an indexed field, oldest first, deleted ones too."""
        index = self.indexes.get(name)
        if index is None:
            index = self._built(name)
        return list(index.get(value.casefold(), _NOTHING))

    def living(self, name: str, value: str) -> list[Record]:
        """The records that are not deleted, likewise."""
        found = (self.records[record_id] for record_id in self.find(name, value))
        return [record for record in found if not record["IsDeleted"]]

    def new_id(self) -> str:
        """An id that no record had or will have."""
        self.last += 1
        return made_id(self.type.prefix, self.last)

    def put(self, record: Record) -> None:
        """Store a record's new state."""
        record_id = record["Id"]
        before = self.records.get(record_id)
        self.records[record_id] = record
        self._index(before, record)
        if before is None or before["SystemModstamp"] != record["SystemModstamp"]:
            self.stamps.add(record["SystemModstamp"], record_id, replaces=before is not None)

    def forget(self, record_id: str) -> None:
        """Take a record out, as if it never was."""
        self._index(self.records.pop(record_id), {})

    def _index(self, before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> None:
        for name, index in self.indexes.items():
            old, new = (before or {}).get(name), after.get(name)
            if old == new:
                continue
            record_id = (before or after)["Id"]
            if old is not None:
                index[old.casefold()].pop(record_id, None)
            if new is not None:
                index.setdefault(new.casefold(), {})[record_id] = None

    def _built(self, name: str) -> dict[str, dict[str, None]]:
        index: dict[str, dict[str, None]] = {}
        for record_id, record in self.records.items():
            value = record.get(name)
            if isinstance(value, str):
                index.setdefault(value.casefold(), {})[record_id] = None
        self.indexes[name] = index
        return index


class Store:
    """The tables, and the transaction under way."""

    def __init__(self, types: Iterable[ObjectType]) -> None:
        self.tables = {each.name: Table(each) for each in types}
        self._changes: list[Change] = []
        self._depth = 0

    def table(self, kind: ObjectType) -> Table:
        """An object's records."""
        found = self.tables.get(kind.name)
        if found is None or found.type is not kind:
            found = self.tables[kind.name] = Table(kind)
        return found

    def write(self, table: Table, record: Record) -> None:
        """Store a record as part of the transaction."""
        self._changes.append(Change(table, table.records.get(record["Id"]), record))
        table.put(record)

    @property
    def outermost(self) -> bool:
        """Whether the transaction under way is inside no other."""
        return self._depth == 1

    @contextmanager
    def transaction(self) -> Iterator[list[Change]]:
        """Everything written inside, or, on an error, nothing. Nests; the list is of the outermost."""
        mark, outermost = len(self._changes), self._depth == 0
        self._depth += 1
        try:
            yield self._changes
        except BaseException:
            self._undo(mark)
            raise
        finally:
            self._depth -= 1
            if outermost:
                self._changes = []

    def _undo(self, mark: int) -> None:
        for change in reversed(self._changes[mark:]):
            if change.before is None:
                change.table.forget(change.after["Id"])
            else:
                change.table.put(change.before)
        del self._changes[mark:]


def is_indexed(known: Field) -> bool:
    """Whether a field is worth an index: what records are looked up by."""
    return known.external or known.unique or known.type in ("email", "reference") or known.name == "Username"
