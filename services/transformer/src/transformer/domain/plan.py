"""What a batch does to the store: rows and events, decided before anything is written."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from hub.contracts.cloudevents import Event
from hub.leads.clocks import Clock
from hub.leads.merge import Changes
from transformer.domain.identity import LeadKey, LinkKey
from transformer.domain.incoming import Incoming


@dataclass(slots=True)
class LeadState:
    """A lead while the batch works on it."""

    account_id: int
    id: int
    version: int
    fields: dict[str, Any]
    clocks: dict[str, Clock]
    created_at: datetime
    updated_at: datetime
    is_new: bool = False


# Rows in the order of their tables' columns (transformer.adapters.tables).
HistoryRow = tuple[int, int, int, datetime, str, str, str, Changes]  # account, lead, version, at, event, source, actor
InboxRow = tuple[int, str, str, int | None, datetime]  # account, event, outcome, lead, handled at


class LinkRow(NamedTuple):
    """A source's record is a lead, and holds these values."""

    lead_id: int
    base: dict[str, Any]
    seen_at: datetime


class IssueRow(NamedTuple):
    """Something to tell about an import's record."""

    account_id: int
    import_id: str
    event_id: str
    field: str
    position: int
    severity: str
    code: str
    message: str
    external_id: str | None


@dataclass(slots=True)
class Plan:
    """The whole effect of a batch, decided at one moment."""

    now: datetime
    leads: dict[LeadKey, LeadState] = field(default_factory=dict)
    new_links: dict[LinkKey, LinkRow] = field(default_factory=dict)
    links: dict[LinkKey, LinkRow] = field(default_factory=dict)
    gone_links: set[LinkKey] = field(default_factory=set)
    history: list[HistoryRow] = field(default_factory=list)
    inbox: list[InboxRow] = field(default_factory=list)
    enrollments: list[Incoming] = field(default_factory=list)
    issues: list[IssueRow] = field(default_factory=list)
    progress: dict[tuple[int, str], dict[str, int]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
