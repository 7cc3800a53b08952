"""Search: from a query to a page, without sorting everything anew for every call."""

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from itertools import chain, groupby

from simulators.hubspot.filters import RANGES, Filter, Query, comparable
from simulators.hubspot.index import Document, SearchIndex
from simulators.hubspot.schema import Schema

_REMEMBERED = 8
_FAR = 1 << 62
Entry = tuple[int, int]  # updated, id


class Searcher:
    """Answers queries of one object type; the last results are remembered until the index changes."""

    def __init__(self, schema: Schema, index: SearchIndex) -> None:
        self._schema, self._index = schema, index
        self._modified = schema.kind.modified
        self._results: OrderedDict[object, Sequence[int]] = OrderedDict()
        self._generation = -1

    def find(self, query: Query) -> tuple[list[int], int]:
        """The ids of the page, and how many records match in all."""
        self._index.refresh()
        if self._generation != self._index.generation:
            self._results.clear()
            self._generation = self._index.generation
        key = (tuple(tuple(map(_identity, group)) for group in query.groups), query.text, query.sort)
        found = self._results.get(key)
        if found is None:
            found = self._results[key] = self._all(query)
            if len(self._results) > _REMEMBERED:
                self._results.popitem(last=False)
        return list(found[query.after : query.after + query.limit]), len(found)

    def _all(self, query: Query) -> Sequence[int]:
        groups = query.groups or ((),)
        parts = [self._group(group, query.text) for group in groups]
        entries = parts[0] if len(parts) == 1 else _united(parts)
        name, descending = query.sort or ("hs_object_id", False)
        if name == self._modified:
            ordered = [number for _, number in entries]
            return ordered[::-1] if descending else ordered
        if name == "hs_object_id":
            return sorted((number for _, number in entries), reverse=descending)
        found = self._schema.active(name)
        documents = self._index.documents

        def rank(number: int) -> tuple[bool, object, int]:
            value = documents[number].properties.get(name)
            compared = None if value is None else comparable(found, value)
            return (True, compared, number) if compared is not None else (False, 0, number)

        return sorted((number for _, number in entries), key=rank, reverse=descending)

    def _group(self, group: Sequence[Filter], text: str) -> list[Entry]:
        """What one group matches, in order of change."""
        entries, rest = self._candidates(group)
        if text:
            entries = [entry for entry in entries if self._mentions(entry[1], text)]
        if not rest:
            return entries
        documents = self._index.documents
        return [entry for entry in entries if all(each.test(documents[entry[1]]) for each in rest)]

    def _candidates(self, group: Sequence[Filter]) -> tuple[list[Entry], list[Filter]]:
        """The fewest entries that an index can tell, and the filters still to be tried on them."""
        for each in group:
            if each.operator in ("EQ", "IN") and (each.name in self._index.keyed or each.name == "hs_object_id"):
                ids = self._keyed(each)
                known = (self._index.documents[number] for number in ids if number in self._index.documents)
                return sorted((found.updated, found.id) for found in known), list(group)
        low, high, rest = 0, _FAR, []
        for each in group:
            if each.name != self._modified or each.operator not in (*RANGES, "EQ"):
                rest.append(each)
                continue
            at = each.values[0]
            if each.operator in ("GT", "GTE", "EQ", "BETWEEN"):
                low = max(low, at + (each.operator == "GT"))
            if each.operator in ("LT", "LTE", "EQ", "BETWEEN"):
                high = min(high, each.values[-1] + (each.operator != "LT"))
        order = self._index.by_change
        return order[bisect_left(order, (low, -1)) : bisect_left(order, (high, -1))], rest

    def _keyed(self, found: Filter) -> set[int]:
        if found.name == "hs_object_id":
            return {int(value) for value in found.values}
        index = self._index.by_value.get(found.name, {})
        return set().union(*(index.get(str(value).lower(), set()) for value in found.values))

    def _mentions(self, number: int, text: str) -> bool:
        properties = self._index.documents[number].properties
        whole = " ".join(properties.get(name, "") for name in self._schema.kind.searched).lower()
        return all(word in whole for word in text.lower().split())


def _united(parts: Sequence[list[Entry]]) -> list[Entry]:
    """What any part holds, once, in order; parts are in order already, which makes sorting cheap."""
    return [entry for entry, _ in groupby(sorted(chain.from_iterable(parts)))]


def _identity(found: Filter) -> tuple[object, ...]:
    """What makes two filters the same; links may change between calls, so those are never the same."""
    return found.name, found.operator, found.values, found.test if found.operator == "ASSOCIATED" else None


def documents_of(index: SearchIndex, ids: Iterable[int]) -> list[Document]:
    """The records as the index knows them."""
    return [index.documents[number] for number in ids]
