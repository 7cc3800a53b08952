"""Tables that a batch appends rows to, and how: COPY for many rows, one INSERT for few.

No ON CONFLICT anywhere here: a row that exists already means that another copy handled the event meanwhile, and
undoes the whole transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hub.store.copying import copy_lines, whole
from hub.store.pool import Connection

_COPY_FROM_ROWS = 50  # below, COPY's extra round trips cost more than they save

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table's name and its columns with their types, in the order of the rows given."""

    name: str
    columns: dict[str, str]

    def insert(self) -> str:
        """One statement for any number of rows."""
        arrays = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(self.columns.values(), 1))
        return f"INSERT INTO leads.{self.name} ({', '.join(self.columns)}) SELECT * FROM unnest({arrays})"  # noqa: S608


@dataclass(frozen=True, slots=True)
class Addition:
    """Rows for a table, and, where they go by COPY, what is sent."""

    table: Table
    rows: Sequence[Row]
    copied: bytes | None


def addition(table: Table, rows: Sequence[Row], *, copy: bool) -> Addition:
    """Make rows ready. ``copy`` says whether this role may COPY (``hub.store.pool.may_copy``)."""
    many = copy and len(rows) >= _COPY_FROM_ROWS
    return Addition(table, rows, copy_lines(table.columns.values(), rows) if many else None)


async def append(connection: Connection, new: Addition) -> None:
    """Add rows."""
    if new.copied is not None:
        columns = tuple(new.table.columns)
        source = whole(new.copied)
        await connection.copy_to_table(new.table.name, source=source, schema_name="leads", columns=columns)
    elif new.rows:
        await connection.execute(new.table.insert(), *zip(*new.rows, strict=True))


LEAD = Table(
    "lead",
    {
        "account_id": "bigint",
        "id": "bigint",
        "version": "int",
        "fields": "jsonb",
        "clocks": "json",
        "email": "text",
        "phone": "text",
        "status": "text",
        "created_at": "timestamptz",
        "updated_at": "timestamptz",
    },
)
LINK = Table(
    "link",
    {
        "account_id": "bigint",
        "owner": "text",
        "external_id": "text",
        "lead_id": "bigint",
        "base": "json",
        "seen_at": "timestamptz",
    },
)
HISTORY = Table(
    "history",
    {
        "account_id": "bigint",
        "lead_id": "bigint",
        "version": "int",
        "at": "timestamptz",
        "event_id": "uuid",
        "source": "text",
        "actor": "text",
        "changes": "json",
    },
)
INBOX = Table(
    "inbox",
    {"account_id": "bigint", "event_id": "uuid", "outcome": "text", "lead_id": "bigint", "handled_at": "timestamptz"},
)
ISSUE = Table(
    "import_issue",
    {
        "account_id": "bigint",
        "import_id": "uuid",
        "event_id": "uuid",
        "field": "text",
        "position": "bigint",
        "severity": "text",
        "code": "text",
        "message": "text",
        "external_id": "text",
    },
)
