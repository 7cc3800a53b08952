"""From conditions to functions of a record."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from operator import ge, gt, le, lt
from typing import Any

from simulators.salesforce.ids import full_id
from simulators.salesforce.soql.paths import Fetch, Found, Paths
from simulators.salesforce.soql.periods import stretch
from simulators.salesforce.soql.syntax import Both, Comparison, Condition, Either, Literals, Negation
from simulators.salesforce.soql.tokens import malformed
from simulators.salesforce.times import told

Test = Callable[[Mapping[str, Any]], bool]
_ORDERED = {"<": lt, "<=": le, ">": gt, ">=": ge}
_NUMBERS = ("double", "currency", "percent", "int")
_WRITTEN = {
    "boolean": ("boolean",), "date": ("date", "period"), "datetime": ("datetime", "period"),
    **dict.fromkeys(_NUMBERS, ("number",)),
}  # fmt: skip
_SAID = {"datetime": "dateTime"}
_IDS = ("id", "reference")
_EXACT = (*_IDS, "date", "datetime", "boolean", *_NUMBERS)


def compiled(condition: Condition, paths: Paths, now: datetime) -> Test:
    """A function that tells whether a record fits. Raises Refused for a value of the wrong kind."""
    if isinstance(condition, Negation):
        part = compiled(condition.part, paths, now)
        return lambda record: not part(record)
    if isinstance(condition, Both):
        tests = [compiled(each, paths, now) for each in condition.parts]
        return lambda record: all(test(record) for test in tests)
    if isinstance(condition, Either):
        tests = [compiled(each, paths, now) for each in condition.parts]
        return lambda record: any(test(record) for test in tests)
    return _comparison(condition, paths, now)


def _comparison(condition: Comparison, paths: Paths, now: datetime) -> Test:
    found, operator = paths.resolve(condition.path), condition.operator
    held = comparing(found)
    for each in condition.value.value if condition.value.kind == "list" else (condition.value,):
        _check(found, each, condition, paths.query)
    if operator in ("INCLUDES", "EXCLUDES"):
        return _among(condition, found)
    if operator == "LIKE":
        pattern = _like(condition.value.value)
        return lambda record: bool(pattern.match(found.fetch(record) or ""))
    if operator in ("IN", "NOT IN"):
        wanted = {comparable(found, each) for each in condition.value.value}
        if operator == "IN":
            return lambda record: held(record) in wanted
        return lambda record: held(record) not in wanted
    if condition.value.kind == "period":
        return _within(condition, found, now, paths.query)
    value = comparable(found, condition.value)
    if operator == "=":
        return lambda record: held(record) == value
    if operator == "!=":
        return lambda record: held(record) != value
    compare = _ORDERED[operator]

    def ordered(record: Mapping[str, Any]) -> bool:
        left = held(record)
        return left is not None and value is not None and bool(compare(left, value))

    return ordered


def comparable(found: Found, literal: Literals) -> Any:
    """A literal as stored values are compared: text without regard to case, ids in full."""
    if found.field.type in _IDS and literal.kind == "string":
        return full_id(literal.value) or literal.value
    return _folded(literal.value) if found.field.type not in _EXACT else literal.value


def comparing(found: Found) -> Fetch:
    """Fetches a field's value in the form in which values are compared and sorted."""
    if found.field.type in _EXACT:
        return found.fetch
    return lambda record: _folded(found.fetch(record))


def _folded(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value


def _check(found: Found, literal: Literals, condition: Comparison, query: str) -> None:
    kind, name = found.field.type, found.field.name
    if kind == "address":
        raise malformed(
            query, condition.path.at, f"field '{name}' can not be filtered in a query call", "INVALID_FIELD"
        )
    if literal.kind == "null":
        return
    allowed = _WRITTEN.get(kind, ("string",))
    if literal.kind not in allowed:
        quotes = "should be" if allowed == ("string",) else "should not be"
        complaint = (
            f"value of filter criterion for field '{name}' must be of type {_SAID.get(kind, kind)} "
            f"and {quotes} enclosed in quotes"
        )
        raise malformed(query, condition.path.at, complaint, "INVALID_FIELD")
    exact = kind in _IDS and condition.operator in ("=", "!=", "IN", "NOT IN")
    if exact and literal.value and full_id(literal.value) is None:
        complaint = f"invalid ID field: {literal.value}"
        raise malformed(query, condition.path.at, complaint, "INVALID_QUERY_FILTER_OPERATOR")


def _like(pattern: str) -> re.Pattern[str]:
    parts = re.findall(r"\\.|%|_|[^\\%_]+", pattern, re.DOTALL)
    translated = "".join(
        {"%": ".*", "_": "."}.get(part) or re.escape(part[1:] if part[0] == "\\" else part) for part in parts
    )  # fmt: skip
    return re.compile(translated + r"\Z", re.IGNORECASE | re.DOTALL)


def _among(condition: Comparison, found: Found) -> Test:
    wanted = [set(str(each.value).casefold().split(";")) for each in condition.value.value]

    def includes(record: Mapping[str, Any]) -> bool:
        held = set(str(found.fetch(record) or "").casefold().split(";"))
        return any(each <= held for each in wanted)

    return includes if condition.operator == "INCLUDES" else lambda record: not includes(record)


def _within(condition: Comparison, found: Found, now: datetime, query: str) -> Test:
    span = stretch(condition.value.value, now)
    if span is None:
        raise malformed(query, condition.path.at, f"unexpected token: '{condition.value.value}'")
    size = 10 if found.field.type == "date" else None
    start, end = (told(moment)[:size] for moment in span)
    tests: dict[str, Callable[[Any], bool]] = {
        "=": lambda held: start <= held < end, "!=": lambda held: not start <= held < end,
        "<": lambda held: held < start, "<=": lambda held: held < end,
        ">": lambda held: held >= end, ">=": lambda held: held >= start,
    }  # fmt: skip
    test = tests[condition.operator]

    def fits(record: Mapping[str, Any]) -> bool:
        held = found.fetch(record)
        return condition.operator == "!=" if held is None else test(held)

    return fits
