"""Runs queries."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from simulators.salesforce.schema import Schema
from simulators.salesforce.soql.groups import grouped, is_grouped
from simulators.salesforce.soql.parser import parse
from simulators.salesforce.soql.paths import Fetch, Found, Paths
from simulators.salesforce.soql.plan import Source, source
from simulators.salesforce.soql.predicates import comparing, compiled
from simulators.salesforce.soql.select import selected, shape
from simulators.salesforce.soql.syntax import Order, Query
from simulators.salesforce.soql.tokens import malformed
from simulators.salesforce.store import Record, Store, Table
from simulators.salesforce.times import told

RECYCLE_BIN = timedelta(days=15)


@dataclass(frozen=True, slots=True)
class Result:
    """What a query found: ids, whose records are shown when asked for, or finished ``rows`` (groups)."""

    table: Table
    ids: list[str]
    rows: list[dict[str, Any]]
    fields: list[Found]
    paths: Paths
    deleted: bool
    total: int

    def page(self, start: int, size: int, version: str) -> list[dict[str, Any]]:
        """Some rows as they are now; what was deleted meanwhile is left out, unless deleted ones were asked for."""
        if self.rows:
            return self.rows[start : start + size]
        show = shape(self.fields, self.paths, version)
        return [show(record) for record in self.records(start, size)]

    def records(self, start: int, size: int) -> Iterable[Record]:
        """The stored records of some rows."""
        for record_id in self.ids[start : start + size]:
            record = self.table.records.get(record_id)
            if record is not None and (self.deleted or not record["IsDeleted"]):
                yield record


class Engine:
    """Queries against the org."""

    def __init__(self, schema: Schema, store: Store) -> None:
        self._schema, self._store = schema, store

    def run(self, text: str, now: datetime, *, deleted: bool = False) -> Result:
        """Find; ``deleted``: also what is in the recycle bin. Raises Refused."""
        query = parse(text)
        kind = self._schema.find(query.source)
        if kind is None:
            complaint = (
                f"sObject type '{query.source}' is not supported. If you are attempting to use a custom object, be "
                "sure to append the '__c' after the entity name. Please reference your WSDL or the describe call for "
                "the appropriate names."
            )
            raise malformed(text, query.source_at, complaint, "INVALID_TYPE")
        paths = Paths(text, kind, self._schema, self._store)
        table = self._store.table(kind)
        way = source(query, table)
        found = _matching(query, paths, way, now, deleted)
        if is_grouped(query):
            rows = grouped(query, paths, found)
            return Result(table, [], rows, [], paths, deleted, len(rows))
        fields = selected(query, paths)
        ids = _ordered(query, paths, found, in_order=way.ordered)
        return Result(table, [] if query.count else ids, [], fields, paths, deleted, len(ids))


def _ordered(query: Query, paths: Paths, found: Iterable[Record], *, in_order: bool) -> list[str]:
    keys = [(comparing(paths.resolve(key.path)), key) for key in query.order]
    if keys and not in_order:
        rows = list(found)
        for fetch, key in reversed(keys):
            rows = _sorted(rows, fetch, key)
        found = rows
    end = None if query.limit is None else query.offset + query.limit
    return [record["Id"] for record in islice(found, query.offset, end)]


def _matching(query: Query, paths: Paths, way: Source, now: datetime, deleted: bool) -> Iterable[Record]:
    test = compiled(query.where, paths, now) if query.where else None
    gone = told(now - RECYCLE_BIN)
    for record in way.records:
        if record["IsDeleted"] and (not deleted or record["SystemModstamp"] < gone):
            continue
        if test is None or test(record):
            yield record


def _sorted(rows: list[Record], fetch: Fetch, key: Order) -> list[Record]:
    """Stable; nulls come first unless told otherwise, whichever the direction."""
    nulls = [record for record in rows if fetch(record) is None]
    held = sorted((record for record in rows if fetch(record) is not None), key=fetch, reverse=key.descending)
    return held + nulls if key.nulls_last else nulls + held
