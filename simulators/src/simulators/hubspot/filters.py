"""Search requests: read, checked and turned into predicates."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from simulators.hubspot.errors import HubSpotRefused, invalid_json, validation
from simulators.hubspot.index import Document
from simulators.hubspot.properties import Property
from simulators.hubspot.schema import Schema
from simulators.hubspot.times import moment

MAX_GROUPS, MAX_PER_GROUP, MAX_FILTERS, MAX_LIMIT, MAX_RESULTS = 5, 6, 18, 200, 10_000
RANGES = ("LT", "LTE", "GT", "GTE", "BETWEEN")
OPERATORS = (
    "BETWEEN", "CONTAINS_TOKEN", "EQ", "GT", "GTE", "HAS_PROPERTY", "IN", "LT", "LTE", "NEQ", "NOT_CONTAINS_TOKEN",
    "NOT_HAS_PROPERTY", "NOT_IN",
)  # fmt: skip
Test = Callable[[Document], bool]
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition. ``values``: as compared: numbers for numbers and moments, else text."""

    name: str
    operator: str
    values: tuple[Any, ...]
    test: Test


@dataclass(frozen=True, slots=True)
class Query:
    """A search request. ``sort``: property and whether descending."""

    groups: tuple[tuple[Filter, ...], ...]
    text: str
    sort: tuple[str, bool] | None
    properties: tuple[str, ...]
    limit: int
    after: int


def read_query(body: Any, schema: Schema, associated: Callable[[str, str], set[int]]) -> Query:
    """The request, checked. ``associated``: ids linked to a record of another type. Raises HubSpotRefused."""
    if not isinstance(body, Mapping):
        raise invalid_json("Cannot deserialize value of type `PublicObjectSearchRequest`")
    groups = _list(body, "filterGroups") or ([{"filters": body["filters"]}] if _list(body, "filters") else [])
    if len(groups) > MAX_GROUPS:
        raise validation(f"The maximum number of filterGroups is {MAX_GROUPS}, but {len(groups)} were given.")
    read = tuple(tuple(_filter(each, schema, associated) for each in _list(group, "filters")) for group in groups)
    if any(len(group) > MAX_PER_GROUP for group in read) or sum(map(len, read)) > MAX_FILTERS:
        raise validation(f"The maximum number of filters is {MAX_PER_GROUP} in a group and {MAX_FILTERS} in all.")
    limit, after = _number(body, "limit", 10), _number(body, "after", 0)
    if not 1 <= limit <= MAX_LIMIT:
        raise validation(f"The maximum size of a result set is {MAX_LIMIT} items and the minimum is 1")
    if after + limit > MAX_RESULTS:
        raise validation(f"The paging offset (after={after}, limit={limit}) goes past the first {MAX_RESULTS} results.")
    properties = tuple(str(each) for each in _list(body, "properties"))
    return Query(read, str(body.get("query") or ""), _sort(body, schema), properties, limit, after)


def comparable(found: Property | None, text: str) -> Any:
    """A stored value in the form in which it is ordered; None if it has none."""
    if found is None or found.type not in ("number", "date", "datetime"):
        return text.lower() if found is None or found.type != "enumeration" else text
    if found.type == "number":
        try:
            number = float(text)
        except ValueError:
            return None
        return number if math.isfinite(number) else None
    return moment(text)


def contains(text: str, wanted: str) -> bool:
    """Whether every word of ``wanted`` (``*`` stands for anything) is a word of ``text``."""
    low = text.lower()
    words = {low, *low.split(), *_WORD.findall(low)}
    return all(any(fnmatchcase(word, each.replace("[", "[[]")) for word in words) for each in wanted.lower().split())


def _filter(given: Any, schema: Schema, associated: Callable[[str, str], set[int]]) -> Filter:
    if not isinstance(given, Mapping):
        raise invalid_json("Cannot deserialize value of type `Filter`")
    name, operator = str(given.get("propertyName") or ""), str(given.get("operator") or "")
    if operator not in OPERATORS:
        raise invalid_json(f"Enum operator must be one of: [{', '.join(OPERATORS)}]")
    if name.startswith("associations."):
        chosen = associated(name.removeprefix("associations."), str(given.get("value")))
        return Filter(name, "ASSOCIATED", (), lambda document: document.id in chosen)
    found = schema.active(name)
    if found is None:
        raise _problem(f"There is no property named '{name}' on object type {schema.kind.type_id}")
    values = _values(given, operator, found)
    return Filter(name, operator, values, _test(name, operator, values, found))


def _values(given: Mapping[str, Any], operator: str, found: Property) -> tuple[Any, ...]:
    if operator in ("HAS_PROPERTY", "NOT_HAS_PROPERTY"):
        return ()
    if operator in ("IN", "NOT_IN"):
        texts = [str(each) for each in _list(given, "values")]
        if not texts:
            raise _problem(f"operator {operator} requires values")
        if found.type not in ("number", "date", "datetime"):
            return tuple(texts)  # compared as given: for text in mixed case that finds nothing
    else:
        needed = ("value", "highValue") if operator == "BETWEEN" else ("value",)
        if any(given.get(each) is None for each in needed):
            raise _problem(f"operator {operator} requires a value")
        texts = [str(given[each]) for each in needed]
    if "TOKEN" in operator:
        return tuple(texts)
    read = tuple(comparable(found, each) for each in texts)
    if None in read:
        raise _problem(f"value {texts} is not valid for property {found.name} of type {found.type}")
    return read


_COMPARE: Mapping[str, Callable[[Any, tuple[Any, ...]], bool]] = {
    "EQ": lambda value, given: bool(value == given[0]),
    "NEQ": lambda value, given: bool(value != given[0]),
    "LT": lambda value, given: bool(value < given[0]),
    "LTE": lambda value, given: bool(value <= given[0]),
    "GT": lambda value, given: bool(value > given[0]),
    "GTE": lambda value, given: bool(value >= given[0]),
    "BETWEEN": lambda value, given: bool(given[0] <= value <= given[1]),
    "IN": lambda value, given: value in given,
    "NOT_IN": lambda value, given: value not in given,
}


def _test(name: str, operator: str, values: tuple[Any, ...], found: Property) -> Test:
    if operator == "HAS_PROPERTY":
        return lambda document: name in document.properties
    if operator == "NOT_HAS_PROPERTY":
        return lambda document: name not in document.properties
    if "TOKEN" in operator:
        wanted = operator == "CONTAINS_TOKEN"
        return lambda document: contains(document.properties.get(name, ""), values[0]) is wanted
    compare = _COMPARE[operator]

    def test(document: Document) -> bool:
        text = document.properties.get(name)
        value = None if text is None else comparable(found, text)
        return value is not None and compare(value, values)

    return test


def _sort(body: Mapping[str, Any], schema: Schema) -> tuple[str, bool] | None:
    sorts = _list(body, "sorts")
    if len(sorts) > 1:
        raise validation("Only one sort is allowed.")
    if not sorts:
        return None
    first = sorts[0]
    name = first.get("propertyName") if isinstance(first, Mapping) else str(first)
    descending = isinstance(first, Mapping) and first.get("direction") == "DESCENDING"
    if isinstance(first, str) and first.startswith("-"):
        name, descending = first[1:], True
    if not isinstance(name, str) or schema.active(name) is None:
        raise _problem(f"There is no property named '{name}' on object type {schema.kind.type_id}")
    return name, descending


def _problem(message: str) -> HubSpotRefused:
    detail = {"message": message, "code": "INVALID_FILTER"}
    return validation(f"There was a problem with the request: {message}", errors=[detail])


def _list(body: Any, name: str) -> list[Any]:
    found = body.get(name) if isinstance(body, Mapping) else None
    if found is not None and not isinstance(found, list):
        raise invalid_json(f"Cannot deserialize value of type `java.util.ArrayList` for {name}")
    return found or []


def _number(body: Mapping[str, Any], name: str, default: int) -> int:
    found = body.get(name)
    text = str(default) if found in (None, "") else str(found)
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise invalid_json(f'Cannot deserialize value of type `int` from String "{text}" for {name}')
    return int(text)
