"""COUNT, MIN, MAX, SUM and AVG, with GROUP BY or over everything."""

from collections.abc import Iterable
from typing import Any

from simulators.salesforce.soql.paths import Found, Paths
from simulators.salesforce.soql.predicates import comparing
from simulators.salesforce.soql.syntax import Aggregate, Query
from simulators.salesforce.soql.tokens import malformed
from simulators.salesforce.store import Record

_ATTRIBUTES = {"attributes": {"type": "AggregateResult"}}


def is_grouped(query: Query) -> bool:
    """Whether the answer's rows are groups of records."""
    return bool(query.groups) or any(isinstance(item, Aggregate) for item in query.items)


def grouped(query: Query, paths: Paths, records: Iterable[Record]) -> list[dict[str, Any]]:
    """The rows. Raises Refused for a field that is neither grouped nor aggregated."""
    keys = [paths.resolve(path) for path in query.groups]
    names = {path.text.lower() for path in query.groups}
    for item in query.items:
        if not isinstance(item, Aggregate) and item.text.lower() not in names:
            raise malformed(query.text, item.at, f"Field must be grouped or aggregated: {item.text}")
    held = [comparing(key) for key in keys]
    groups: dict[tuple[Any, ...], list[Record]] = {} if keys else {(): []}
    for record in records:
        groups.setdefault(tuple(fetch(record) for fetch in held), []).append(record)
    rows = [_row(query, paths, keys, members) for _, members in sorted(groups.items(), key=lambda pair: repr(pair[0]))]
    return rows[query.offset :][: query.limit]


def _row(query: Query, paths: Paths, keys: list[Found], members: list[Record]) -> dict[str, Any]:
    row: dict[str, Any] = dict(_ATTRIBUTES)
    unnamed = 0
    for item in query.items:
        if not isinstance(item, Aggregate):
            found = paths.resolve(item)
            row[found.field.name] = found.fetch(members[0])
            continue
        name = item.alias
        if name is None:
            name, unnamed = f"expr{unnamed}", unnamed + 1
        row[name] = _value(item, paths, members)
    return row


def _value(item: Aggregate, paths: Paths, members: list[Record]) -> Any:
    fetch = paths.resolve(item.path).fetch if item.path else None
    values = [value for record in members if (value := fetch(record) if fetch else True) is not None]
    if item.function == "COUNT":
        return len(values)
    if item.function == "COUNT_DISTINCT":
        return len({str(value).casefold() for value in values})
    if not values:
        return None
    if item.function in ("MIN", "MAX"):
        return min(values) if item.function == "MIN" else max(values)
    total = float(sum(values))
    return total if item.function == "SUM" else total / len(values)
