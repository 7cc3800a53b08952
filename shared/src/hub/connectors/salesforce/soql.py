"""Queries, written. Pure."""

from collections.abc import Iterable, Sequence
from urllib.parse import quote

from hub.connectors.salesforce.times import literal, parsed

_ESCAPES = str.maketrans(
    {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f", '"': '\\"'}
)


def text(value: str) -> str:
    """A text literal."""
    return f"'{value.translate(_ESCAPES)}'"


def texts(values: Iterable[str]) -> str:
    """The operand of IN."""
    return f"({','.join(text(value) for value in values)})"


def after(at: str | None, record_id: str) -> str:
    """The condition for what comes after a place in the order (SystemModstamp, Id); none at the beginning.

    Moments are whole seconds, so that many records share one. The first half lets an index be used.
    """
    moment = parsed(at)
    if moment is None:
        return ""
    when = literal(moment)
    if not record_id:
        return f"SystemModstamp >= {when}"
    return f"SystemModstamp >= {when} AND (SystemModstamp > {when} OR Id > {text(record_id)})"


def page(fields: Sequence[str], table: str, condition: str, limit: int) -> str:
    """A page in the order (SystemModstamp, Id)."""
    where = f" WHERE {condition}" if condition else ""
    return f"SELECT {','.join(fields)} FROM {table}{where} ORDER BY SystemModstamp ASC, Id ASC LIMIT {limit}"  # noqa: S608 - names come from the org's description, values are literals


def encoded(query: str) -> str:
    """For a URL."""
    return quote(query, safe="")
