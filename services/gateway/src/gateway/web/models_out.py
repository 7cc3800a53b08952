"""What answers carry. OpenAPI is generated from these; a contract test holds the answers to them."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from hub.contracts.records import Lead


class AnswerModel(BaseModel):
    """An answer: nothing else is in it."""

    model_config = ConfigDict(extra="forbid")


class ErrorBody(AnswerModel):
    """The design document's error."""

    code: str
    message: str
    details: dict[str, Any]
    retry_after: str | None = None


class ErrorAnswer(AnswerModel):
    """Every refusal looks like this."""

    error: ErrorBody


class RecordError(AnswerModel):
    """A record that was refused, or a field that is doubtful."""

    index: int = Field(description="Position in the import: index from 0 (JSON) or line number (files).")
    code: str
    field: str | None
    message: str
    external_id: str | None


class ImportAnswer(AnswerModel):
    """The import is durable."""

    import_id: str
    status: Literal["accepted"]
    accepted: int
    rejected: int
    errors: list[RecordError] = Field(description="The first 20.")
    links: dict[str, str]


class ImportProgress(AnswerModel):
    """How far an import is."""

    import_id: str
    source: str
    format: str
    state: Literal["receiving", "processing", "completed", "aborted"]
    progress: float = Field(description="Per cent of the accepted records that are handled.")
    accepted: int
    created: int
    updated: int
    unchanged: int
    rejected: int = Field(description="Refused while reading and afterwards.")
    created_by: str
    created_at: str
    received_at: str | None
    updated_at: str | None


class ImportDetail(ImportProgress):
    """The same with a page of its rejections or warnings."""

    rejections: list[RecordError] = []
    warnings: list[RecordError] = []
    next_cursor: str | None = None


class LeadPage(AnswerModel):
    """A page of leads."""

    leads: list[Lead]
    next_cursor: str | None


class LeadDetail(Lead):
    """A lead with the records it is made of, and the CRMs it is pushed to."""

    links: list[dict[str, Any]]
    sync: list[dict[str, Any]]


class Version(AnswerModel):
    """One change of a lead."""

    version: int
    at: str
    event_id: str
    source: str
    actor: str
    changes: list[dict[str, Any]] = Field(description="`{field, from, to, rule}`")


class HistoryPage(AnswerModel):
    """A lead's versions, newest first."""

    history: list[Version]
    next_cursor: str | None


class ExportAnswer(AnswerModel):
    """The design document's export; each lead has `activities`."""

    leads: list[Lead]


class ConnectionStatus(AnswerModel):
    """One CRM connection's share."""

    id: int
    name: str
    crm_type: str
    status: str
    pending: int
    errors: int
    last_sync: str | None


class SyncStatus(AnswerModel):
    """The design document's sync status."""

    last_sync: str | None
    pending_updates: int
    sync_errors: int
    connected_crms: list[str]
    connections: list[ConnectionStatus] = []


class AuditEntry(AnswerModel):
    """The design document's audit entry."""

    event_id: str
    event: str
    timestamp: str
    user: str
    crm: str | None
    action: str
    fields_changed: list[str]
    ip_address: str | None
    subject: str
    causation_id: str | None
    details: dict[str, Any] | None


class AuditPage(AnswerModel):
    """A page of the audit trail, newest first."""

    entries: list[AuditEntry]
    next_cursor: str | None


class Accepted(AnswerModel):
    """The request is durable; what becomes of it is at `links.event`."""

    event_id: str
    status: Literal["accepted"]
    links: dict[str, str] = {}


class EnrollmentAccepted(Accepted):
    """The enrolment is durable."""

    enrollment_id: str


class EventAnswer(AnswerModel):
    """What became of an event."""

    event_id: str
    status: Literal["pending", "created", "updated", "unchanged", "rejected", "linked"]
    lead_id: int | None = None
    handled_at: str | None = None
    reason: dict[str, Any] | None = None


class Subscription(AnswerModel):
    """An outgoing webhook."""

    id: int
    webhook_url: str
    events: list[str]
    status: str
    paused_reason: str | None
    created_at: str


class SubscriptionList(AnswerModel):
    """All of an account's outgoing webhooks."""

    subscriptions: list[Subscription]


class Delivery(AnswerModel):
    """One event's way to one subscriber."""

    event_id: str
    event: str | None
    state: Literal["due", "delivered", "failed"]
    attempts: int
    next_attempt_at: str | None
    created_at: str
    delivered_at: str | None
    last_status: int | None
    last_error: str | None
    attempt_log: list[dict[str, Any]]


class DeliveryPage(AnswerModel):
    """A page of deliveries, newest event first."""

    deliveries: list[Delivery]
    next_cursor: str | None


class Connection(AnswerModel):
    """A CRM connection; nothing secret."""

    id: int
    crm_type: str
    name: str
    status: str
    config: dict[str, Any]
    webhook_mode: str
    webhooks: bool = Field(description="Whether it has a webhook secret.")
    created_at: str
    updated_at: str


class ConnectionList(AnswerModel):
    """All of an account's CRM connections."""

    connections: list[Connection]


class Today(AnswerModel):
    """What happened since midnight UTC."""

    imported: int
    updated: int
    errors: int


class Performance(AnswerModel):
    """Pushes of the last seven days, and this process's API."""

    avg_sync_seconds: float | None
    success_rate: float | None
    api_uptime: float = Field(description="Per cent of requests not answered with a server error, this process.")


class Panel(AnswerModel):
    """The design document's dashboard."""

    connected_crms: int
    last_sync: str | None
    pending_updates: int
    sync_errors: int
    today: Today
    performance: Performance
    leads: dict[str, int]
    connections: list[ConnectionStatus]
    recent_imports: list[ImportProgress]


class SessionAnswer(AnswerModel):
    """Who is signed in."""

    name: str
    scopes: list[str]
    expires_at: str


class WebhookAnswer(AnswerModel):
    """The webhook is durable; a repeated one gets the same answer."""

    status: Literal["accepted"]
    event_id: str
