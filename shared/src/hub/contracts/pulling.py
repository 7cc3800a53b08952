"""Records on their way from a CRM."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Cursor = Mapping[str, Any]  # JSON; the connector's own, whatever it needs to go on exactly here


class PullMode(StrEnum):
    """What a run reads."""

    FULL = "full"  # every record
    CHANGES = "changes"  # what changed, was deleted or merged since the cursor of the run before


@dataclass(frozen=True, slots=True)
class RemoteRecord:
    """A CRM's record, as the vendor shapes it."""

    record_id: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    modified_at: str | None = None  # RFC 3339
    deleted: bool = False  # or archived
    merged_into: str | None = None  # deleted, and lives on in that one


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of a pull.

    ``cursor`` continues after this page, even after a crash. With ``done`` it is where the next CHANGES run begins:
    it lies far enough back that nothing written meanwhile is missed (records may come twice; that does no harm).
    """

    records: Sequence[RemoteRecord]
    cursor: Cursor
    done: bool
    total: int | None = None  # records of the whole run, if the CRM tells


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """A field of a CRM's object."""

    name: str
    label: str
    type: str  # text, number, boolean, date, datetime, choice, choices, reference, other
    writable: bool
    required: bool = False  # to create a record
    custom: bool = False
    choices: tuple[str, ...] = ()  # values, active ones
    restricted: bool = False  # no other values are taken
    unique: bool = False


@dataclass(frozen=True, slots=True)
class Owner:
    """A user (or queue) who records can belong to."""

    id: str
    name: str
    email: str | None = None
    active: bool = True


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a connection talks to."""

    tenant: str | None  # org id, portal id, company id
    account: str | None = None  # its name
    user: str | None = None  # who granted access
    remarks: tuple[str, ...] = ()  # what works less well than it could, in words: a missing external id field …
