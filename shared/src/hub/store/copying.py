"""Rows as lines of PostgreSQL's COPY text format: at a third of the price of handing the driver some thirty values a
lead to encode one by one.

Format: https://www.postgresql.org/docs/current/sql-copy.html (File Formats, Text Format).
"""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any

import orjson

_NULL = "\\N"
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\b": "\\b", "\f": "\\f", "\v": "\\v"})


def copy_lines(kinds: Iterable[str], rows: Sequence[tuple[Any, ...]]) -> bytes:
    """Rows of columns of these types as what COPY reads.

    Columns are encoded whole: mostly all values of one are plain, which is quick to see of all of them together.
    """
    columns = [_ENCODERS[kind](column) for kind, column in zip(kinds, zip(*rows, strict=True), strict=True)]
    return ("\n".join(map("\t".join, zip(*columns, strict=True))) + "\n").encode()


async def whole(content: bytes) -> AsyncIterator[bytes]:
    """Lines as a source for the driver, which would take bytes for a path, and reads files in threads."""
    yield content


Column = Sequence[Any]


def _texts(column: Column) -> Sequence[str]:
    try:
        joined = "".join(column)
    except TypeError:  # a None
        return [_NULL if value is None else _escaped(value) for value in column]
    return column if joined.isprintable() and "\\" not in joined else list(map(_escaped, column))


def _escaped(value: str) -> str:
    return value if value.isprintable() and "\\" not in value else value.translate(_ESCAPES)


def _documents(column: Column) -> Sequence[str]:
    """JSON, encoded or not. It has no raw control characters, but may have backslashes; None is a NULL."""
    return [_NULL if value is None else _document(value) for value in column]


def _document(value: Any) -> str:
    encoded = (value if value.__class__ is bytes else orjson.dumps(value)).decode()
    return encoded.replace("\\", "\\\\") if "\\" in encoded else encoded


def _numbers(column: Column) -> Sequence[str]:
    if None in column:
        return [_NULL if value is None else str(value) for value in column]
    return list(map(str, column))


def _moments(column: Column) -> Sequence[str]:
    first = column[0]
    if column.count(first) == len(column):  # a batch has one moment
        return [first.isoformat()] * len(column)
    return [moment.isoformat() for moment in column]


_ENCODERS: dict[str, Callable[[Column], Sequence[str]]] = {
    "bigint": _numbers,
    "int": _numbers,
    "text": _texts,
    "uuid": _texts,
    "json": _documents,
    "jsonb": _documents,
    "timestamptz": _moments,
}
