"""The records of one object type, with the indexes that the API reads by."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from simulators.hubspot.times import iso

Key = tuple[str, str]  # object type, id


@dataclass(slots=True)
class Record:
    """One record. ``properties`` is replaced, never changed in place, so that the search index may keep an old one."""

    id: int
    properties: dict[str, str]
    created: int  # milliseconds
    updated: int
    archived_at: int | None = None
    merged_into: int | None = None
    history: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # earlier values, newest first

    def state(self, kind: str) -> dict[str, Any]:
        """Everything, for the control API."""
        body: dict[str, Any] = {
            "id": str(self.id), "object": kind, "properties": self.properties, "createdAt": iso(self.created),
            "updatedAt": iso(self.updated), "archived": self.archived_at is not None,
        }  # fmt: skip
        if self.archived_at is not None:
            body["archivedAt"] = iso(self.archived_at)
        if self.merged_into is not None:
            body["mergedInto"] = str(self.merged_into)
        return body


class Table:
    """Records by id and by unique value; live and archived ids in order."""

    def __init__(self) -> None:
        self.records: dict[int, Record] = {}
        self.unique: dict[str, dict[str, int]] = {}
        self.merged: dict[int, Record] = {}  # what was merged away, by its old id
        self._live: list[int] = []
        self._archived: list[int] = []

    def __len__(self) -> int:
        return len(self._live)

    def add(self, record: Record) -> None:
        """Keep a new record; its id is above all others, or insertion is slower."""
        self.records[record.id] = record
        ids = self._live if record.archived_at is None else self._archived
        if ids and ids[-1] > record.id:
            insort(ids, record.id)
        else:
            ids.append(record.id)

    def by_id(self, text: str) -> Record | None:
        """A record, live or archived; the id of one merged away finds the winner."""
        if not (text.isascii() and text.isdigit() and len(text) < 19):
            return None
        number = int(text)
        while number in self.merged:
            number = self.merged[number].merged_into or 0
        return self.records.get(number)

    def by_value(self, name: str, value: str) -> Record | None:
        """A live record by a unique value."""
        number = self.unique.get(name, {}).get(value)
        found = None if number is None else self.records.get(number)
        return found if found and found.archived_at is None else None

    def page(self, after: int, limit: int, *, archived: bool) -> tuple[list[Record], bool]:
        """Records with ids above ``after``, in order, and whether more follow."""
        ids = self._archived if archived else self._live
        start = bisect_right(ids, after)
        chosen = [self.records[each] for each in islice(ids, start, start + limit)]
        return chosen, start + limit < len(ids)

    def all(self, *, archived: bool) -> Iterator[Record]:
        """Live records in order of id, or archived ones."""
        return (self.records[each] for each in list(self._archived if archived else self._live))

    def archive(self, record: Record, now: int) -> None:
        """Move a record out of the living."""
        _take(self._live, record.id)
        insort(self._archived, record.id)
        record.archived_at = now

    def restore(self, record: Record) -> None:
        """And back."""
        _take(self._archived, record.id)
        insort(self._live, record.id)
        record.archived_at = None

    def forget(self, record: Record) -> None:
        """Remove a record altogether."""
        _take(self._live if record.archived_at is None else self._archived, record.id)
        del self.records[record.id]

    def claim(self, record: Record, names: list[str], before: Mapping[str, str], after: Mapping[str, str]) -> None:
        """Move the unique index from a record's old values to its new ones."""
        for name in names:
            old, new = before.get(name), after.get(name)
            if old == new:
                continue
            index = self.unique.setdefault(name, {})
            if old is not None and index.get(old) == record.id:
                del index[old]
            if new is not None:
                index[new] = record.id


def _take(ids: list[int], number: int) -> None:
    place = bisect_left(ids, number)
    if place < len(ids) and ids[place] == number:
        del ids[place]
