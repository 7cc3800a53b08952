"""The search index: behind the records by a settable lag, and blind to case."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from simulators.kit.clock import Clock
from simulators.pipedrive.fields import Fields
from simulators.pipedrive.tables import Row

Place = tuple[str, Any]  # kind, id


SEARCHABLE = ("address", "varchar", "text", "varchar_auto", "double", "monetary", "phone")  # types of custom fields


@dataclass(frozen=True, slots=True)
class Entry:
    """What the index knows of a record: the row as it was then, and its texts by search field."""

    row: Row
    texts: Mapping[str, tuple[str, ...]]


class SearchIndex:
    """Records by what they say. ``lag``: seconds until a change can be found."""

    def __init__(self, clock: Clock, fields: Mapping[str, Fields]) -> None:
        self.lag = 0.0
        self._clock, self._fields = clock, fields
        self._waiting: deque[tuple[float, Place, Row | None]] = deque()
        self._entries: dict[str, dict[Any, Entry]] = {}
        self._exact: dict[tuple[str, str, str], dict[Any, None]] = {}  # kind, field, text → ids, oldest first

    def tell(self, kind: str, record_id: Any, row: Row | None, extra_lag: float = 0.0) -> None:
        """A record was stored (or deleted: None)."""
        lag = self.lag + extra_lag
        if lag <= 0 and not self._waiting:
            self._enter((kind, record_id), row)
        else:
            self._waiting.append((self._clock.time() + lag, (kind, record_id), row))

    def exact(self, kind: str, field: str, term: str) -> Iterator[Entry]:
        """Records whose field is the term."""
        self._catch_up()
        entries = self._entries.get(kind, {})
        return (entries[each] for each in list(self._exact.get((kind, field, term.strip().lower()), ())))

    def containing(self, kind: str, fields: Iterable[str], term: str) -> Iterator[Entry]:
        """Records with the term anywhere in one of the fields; reads them all."""
        self._catch_up()
        wanted, names = term.strip().lower(), list(fields)
        for entry in list(self._entries.get(kind, {}).values()):
            if any(wanted in text.lower() for field in names for text in entry.texts.get(field, ())):
                yield entry

    def _catch_up(self) -> None:
        now = self._clock.time()
        if any(due <= now for due, _, _ in self._waiting):
            late = [each for each in self._waiting if each[0] > now]
            for due, place, row in self._waiting:
                if due <= now:
                    self._enter(place, row)
            self._waiting = deque(late)

    def _enter(self, place: Place, row: Row | None) -> None:
        kind, record_id = place
        entries = self._entries.setdefault(kind, {})
        old = entries.pop(record_id, None)
        if old is not None:
            for key in _keys(kind, old.texts):
                self._exact[key].pop(record_id, None)
                if not self._exact[key]:
                    del self._exact[key]
        if row is not None:
            custom = self._fields["deal" if kind == "lead" else kind].custom
            keys = [key for key, field in custom.items() if field["field_type"] in SEARCHABLE]
            texts = texts_of(kind, row, keys)
            entries[record_id] = Entry(row, texts)
            for key in _keys(kind, texts):
                self._exact.setdefault(key, {})[record_id] = None


def texts_of(kind: str, row: Row, keys: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """What can be searched, by search field; custom fields (``keys``) under ``custom_fields`` and their own keys."""
    name = "title" if kind in ("deal", "lead") else "name"
    texts: dict[str, tuple[str, ...]] = {name: (str(row[name]),)}
    for field, members in (("email", "emails"), ("phone", "phones")):
        if row.get(members):
            texts[field] = tuple(each["value"] for each in row[members])
    if kind == "organization" and row.get("address"):
        texts["address"] = (str(row["address"].get("value", "")),)
    found = []
    for key in keys:
        value = row["custom_fields"].get(key)
        text = value.get("value") if isinstance(value, dict) else value
        if text is not None:
            texts[key] = (str(text),)
            found.append(str(text))
    texts["custom_fields"] = tuple(found)
    return texts


def _keys(kind: str, texts: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, str, str]]:
    lowered = ((field, text.strip().lower()) for field, values in texts.items() for text in values)
    return ((kind, field, text) for field, text in dict.fromkeys(lowered))
