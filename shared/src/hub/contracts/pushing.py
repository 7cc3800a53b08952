"""Records on their way to a CRM."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from hub.contracts.failures import FailureKind, RecordError


@dataclass(frozen=True, slots=True)
class Companion:
    """A record that follows the lead: the contact, opportunity or deal of an enrolment. Written idempotently."""

    object: str  # contact, opportunity, deal
    reference: str  # the hub's name for it, as MPP-123-opportunity
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PushItem:
    """A record to write, in the CRM's fields: created when ``external_id`` is None, else updated."""

    lead_id: int
    external_id: str | None
    reference: str  # the hub's name for the lead, MPP-123, which the CRM keeps
    fields: Mapping[str, Any]  # those that differ from what the CRM has
    record: Mapping[str, Any]  # all that the hub knows, for CRMs that replace a record whole
    companions: tuple[Companion, ...] = ()
    email: str | None = field(default=None, repr=False)  # to look up by, where a CRM has no upsert


Action = Literal["create", "update", "link", "delete"]


@dataclass(frozen=True, slots=True)
class PushResult:
    """What came of one item."""

    ok: bool
    external_id: str | None = None
    action: Action | None = None
    kind: FailureKind | None = None
    error: RecordError | None = None
    retry_after: float | None = None  # seconds, as the CRM told
    unknown_outcome: bool = False  # the CRM may have stored it all the same
    gone: bool = False  # the record that was to be updated is not there any more
    left_out: tuple[str, ...] = ()  # of the item's fields: not written, for the CRM has no place for such a value
