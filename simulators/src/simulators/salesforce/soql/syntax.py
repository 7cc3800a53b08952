"""What a query says, as a tree."""

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Path:
    """A field, perhaps of a related record: ``Owner.Name``. ``at``: where in the text."""

    text: str
    at: int


@dataclass(frozen=True, slots=True)
class Aggregate:
    """``COUNT(Id) leads``."""

    function: str
    path: Path | None
    alias: str | None


@dataclass(frozen=True, slots=True)
class Literals:
    """The right side of a comparison. ``kind`` says how it was written."""

    kind: Literal["string", "number", "boolean", "null", "date", "datetime", "period", "list"]
    value: Any  # text, number, bool, None, stored date or moment; of a list, a tuple of Literals


@dataclass(frozen=True, slots=True)
class Comparison:
    """``field operator value``; operators in capitals."""

    path: Path
    operator: str
    value: Literals


@dataclass(frozen=True, slots=True)
class Both:
    """All of them hold."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Either:
    """One of them holds."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Negation:
    """It does not hold."""

    part: "Condition"


Condition = Comparison | Both | Either | Negation


@dataclass(frozen=True, slots=True)
class Order:
    """One key of ORDER BY."""

    path: Path
    descending: bool
    nulls_last: bool


@dataclass(frozen=True, slots=True)
class Query:
    """A whole query. ``count``: SELECT COUNT()."""

    text: str
    items: tuple[Path | Aggregate, ...]
    count: bool
    source: str
    source_at: int
    where: Condition | None
    groups: tuple[Path, ...]
    order: tuple[Order, ...]
    limit: int | None
    offset: int
