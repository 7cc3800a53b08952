"""Records in order of (SystemModstamp, Id), for incremental reading without sorting everything for each query."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from typing import Any

_STAMP = "SystemModstamp"


class Stamps:
    """A list that is mostly appended to. An entry is stale once its record has another stamp; that is swept later."""

    def __init__(self) -> None:
        self._entries: list[tuple[str, str]] = []
        self._stale = 0
        self._sorted = True

    def add(self, stamp: str, record_id: str, *, replaces: bool) -> None:
        """Note a record's new stamp."""
        entry = (stamp, record_id)
        if self._entries and entry < self._entries[-1]:
            self._sorted = False
        self._entries.append(entry)
        self._stale += replaces

    def between(self, low: str, high: str | None, records: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
        """Ids of the records with low <= stamp <= high, in order."""
        self._tidy(records)
        place, last = bisect_left(self._entries, (low, "")), ("", "")
        entries = self._entries
        for index in range(place, len(entries)):
            entry = entries[index]
            if high is not None and entry[0] > high:
                return
            record = records.get(entry[1])
            if record is not None and record[_STAMP] == entry[0] and entry != last:
                last = entry
                yield entry[1]

    def _tidy(self, records: Mapping[str, Mapping[str, Any]]) -> None:
        if self._stale > 1000 and self._stale * 2 > len(self._entries):
            self._entries = [(record[_STAMP], record_id) for record_id, record in records.items()]
            self._stale, self._sorted = 0, False
        if not self._sorted:
            self._entries.sort()
            self._sorted = True
