"""The search index: the records as search knows them, which may be some time behind."""

import heapq
from bisect import bisect_left, insort
from collections.abc import Mapping
from itertools import count
from typing import NamedTuple

from simulators.kit.clock import Clock


class Document(NamedTuple):
    """A record as indexed. ``updated``: milliseconds."""

    updated: int
    id: int
    properties: Mapping[str, str]


class Pending(NamedTuple):
    """A change on its way into the index; ``document`` None: the record leaves it."""

    due: float
    version: int
    id: int
    document: Document | None


class SearchIndex:
    """Documents by id, by time of change, and by the values that identify them."""

    def __init__(self, clock: Clock, keyed: set[str]) -> None:
        self.documents: dict[int, Document] = {}
        self.by_change: list[tuple[int, int]] = []  # (updated, id), in order
        self.by_value: dict[str, dict[str, set[int]]] = {}
        self.keyed = keyed  # names of the identifying properties; may grow
        self.generation = 0  # goes up with each change that took effect
        self._clock, self._versions = clock, count()
        self._applied: dict[int, int] = {}  # id → version in force
        self._pending: list[Pending] = []

    def put(self, number: int, document: Document | None, lag: float) -> None:
        """Index a record's new state, ``lag`` seconds from now."""
        change = Pending(self._clock.time() + lag, next(self._versions), number, document)
        if lag > 0:
            heapq.heappush(self._pending, change)
        else:
            self._apply(change)

    def fill(self, documents: list[Document]) -> None:
        """Index many new records at once."""
        for each in documents:
            self.documents[each.id] = each
            self._key(each)
        self.by_change = sorted([*self.by_change, *((each.updated, each.id) for each in documents)])
        self.generation += 1

    def refresh(self) -> None:
        """Let what is due take effect."""
        now = self._clock.time()
        while self._pending and self._pending[0].due <= now:
            self._apply(heapq.heappop(self._pending))

    def _apply(self, change: Pending) -> None:
        if self._applied.get(change.id, -1) > change.version:
            return  # a later state overtook this one
        self._applied[change.id] = change.version
        self.generation += 1
        old = self.documents.pop(change.id, None)
        if old is not None:
            del self.by_change[bisect_left(self.by_change, (old.updated, old.id))]
            self._unkey(old)
        if change.document is not None:
            self.documents[change.id] = change.document
            insort(self.by_change, (change.document.updated, change.id))
            self._key(change.document)

    def _key(self, document: Document) -> None:
        for name in self.keyed:
            if value := document.properties.get(name):
                self.by_value.setdefault(name, {}).setdefault(value.lower(), set()).add(document.id)

    def _unkey(self, document: Document) -> None:
        for name in self.keyed:
            if value := document.properties.get(name):
                self.by_value.get(name, {}).get(value.lower(), set()).discard(document.id)
