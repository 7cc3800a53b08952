"""Which records a query need look at: those an index names, those since a moment, or all."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeGuard

from simulators.salesforce.ids import full_id
from simulators.salesforce.soql.syntax import Both, Comparison, Condition, Either, Query
from simulators.salesforce.store import Record, Table

# SystemModstamp is never before these.
_EARLIER = ("systemmodstamp", "lastmodifieddate", "createddate")


@dataclass(frozen=True, slots=True)
class Source:
    """Records to look at, and whether they come as the query orders them."""

    records: Iterator[Record]
    ordered: bool


def source(query: Query, table: Table) -> Source:
    """The cheapest way in."""
    keys = _keys(query.where, table) if query.where else None
    if keys is not None:
        return Source((table.records[each] for each in sorted(keys) if each in table.records), _by(query, "id"))
    low, high = (_low(query.where), _high(query.where)) if query.where else (None, None)
    by_stamp = _by(query, "systemmodstamp")
    if low is not None or by_stamp:
        ids = table.stamps.between(low or "", high, table.records)
        return Source((table.records[each] for each in ids), by_stamp)
    return Source(iter(list(table.records.values())), _by(query, "id"))


def _by(query: Query, name: str) -> bool:
    """Whether the query orders by that field (and then at most by Id), ascending."""
    keys = [(each.path.text.lower(), each.descending) for each in query.order]
    return keys in ([(name, False)], [(name, False), ("id", False)]) or (name == "id" and not keys)


def _keys(condition: Condition, table: Table) -> set[str] | None:
    """Ids that include all that fit, or None when no index tells."""
    if isinstance(condition, Both):
        found = [keys for part in condition.parts if (keys := _keys(part, table)) is not None]
        return min(found, key=len) if found else None
    if isinstance(condition, Either):
        parts = [_keys(part, table) for part in condition.parts]
        return None if None in parts else {key for part in parts for key in part or ()}
    if not isinstance(condition, Comparison) or condition.operator not in ("=", "IN"):
        return None
    literals = condition.value.value if condition.value.kind == "list" else (condition.value,)
    if any(each.kind != "string" for each in literals):
        return None
    known = table.type.field(condition.path.text)
    if known is None:
        return None
    if known.type == "id":
        return {full_id(each.value) or "" for each in literals}
    if not table.indexed(known.name):
        return None
    values = ((full_id(each.value) or "") if known.type == "reference" else each.value for each in literals)
    return {key for value in values for key in table.find(known.name, value)}


def _low(condition: Condition) -> str | None:
    """A stamp before which nothing fits."""
    if isinstance(condition, Both):
        return max((low for part in condition.parts if (low := _low(part)) is not None), default=None)
    if isinstance(condition, Either):
        lows = [_low(part) for part in condition.parts]
        return None if None in lows else min(low for low in lows if low is not None)
    if _bounds(condition, (">", ">=", "="), _EARLIER):
        return f"{condition.value.value[:20]}000+0000"
    return None


def _high(condition: Condition) -> str | None:
    """A stamp after which nothing fits."""
    if isinstance(condition, Both):
        return min((high for part in condition.parts if (high := _high(part)) is not None), default=None)
    if isinstance(condition, Either):
        highs = [_high(part) for part in condition.parts]
        return None if None in highs else max(high for high in highs if high is not None)
    if _bounds(condition, ("<", "<=", "="), ("systemmodstamp",)):
        return str(condition.value.value)
    return None


def _bounds(condition: Condition, operators: tuple[str, ...], names: tuple[str, ...]) -> TypeGuard[Comparison]:
    return (
        isinstance(condition, Comparison)
        and condition.operator in operators
        and condition.value.kind == "datetime"
        and condition.path.text.lower() in names
    )
