"""What answers about CRM connections carry."""

from typing import Any, Literal

from pydantic import Field

from gateway.web.models_out import AnswerModel, ErrorBody


class Authorization(AnswerModel):
    """Where the customer's browser goes next."""

    authorization_url: str
    state: str
    expires_at: str


class LastRun(AnswerModel):
    """The newest reading, in short."""

    run_id: str
    kind: str
    mode: str
    state: str
    records: int
    finished_at: str | None


class CrmConnection(AnswerModel):
    """A CRM connection; nothing secret."""

    id: int
    crm_type: str
    name: str
    auth_type: Literal["api_key", "oauth2"]
    status: Literal["pending", "connected", "paused", "needs_reauth", "disconnected"]
    status_reason: str | None = Field(description="Why it is not connected, in words.")
    tenant: str | None = Field(description="The CRM's name for the customer: org, portal or company id.")
    config: dict[str, Any]
    schedule: str
    next_run_at: str | None
    webhook_url: str
    webhook_mode: str
    webhooks: bool = Field(description="Whether it has a webhook secret.")
    pending: int = Field(description="Leads that wait to be pushed.")
    errors: int = Field(description="Leads whose push failed for good: `/api/v1/external/sync/errors` lists them.")
    last_sync: str | None = Field(description="The last push, page read or webhook.")
    last_run: LastRun | None
    created_at: str
    updated_at: str
    checked_at: str | None = Field(description="When the CRM last accepted the credentials.")


class CrmConnectionList(AnswerModel):
    """An account's CRM connections."""

    connections: list[CrmConnection]


class Budget(AnswerModel):
    """API quota: so many units in so many seconds."""

    name: str
    limit: int
    used: float = Field(description="As last worked out (rolling: it has drained since).")
    seconds: float
    fixed: bool = Field(description="All of it returns at once, when the window ends.")
    since: str
    closed_until: str | None = Field(description="The CRM refused a call for want of quota.")
    learnt_at: str | None = Field(description="When the CRM last told.")


class Drift(AnswerModel):
    """Something about the CRM's fields that the mapping does not expect."""

    field: str
    kind: Literal["field_vanished", "unknown_choice", "type_changed", "not_writable"]
    detail: str
    found_at: str


class CrmConnectionDetail(CrmConnection):
    """The same with quota and drift."""

    linked: int = Field(description="Leads that have a record there.")
    budgets: list[Budget]
    drift: list[Drift]


class TestResult(AnswerModel):
    """What the CRM said."""

    ok: bool
    tenant: str | None = None
    account: str | None = None
    user: str | None = None
    kind: str | None = Field(default=None, description="rate_limit, network, auth, validation or server.")
    code: str | None = None
    message: str | None = None
    remarks: list[str] = Field(default=[], description="What the hub would rather have there, though it works without.")


class Connected(AnswerModel):
    """A connection was made, or made anew."""

    connection: CrmConnection
    test: TestResult | None
    reconnected: bool = False
    webhook_secret: str | None = Field(default=None, description="Shown this once.")


class Reconnecting(AnswerModel):
    """With new credentials, the connection; by OAuth, where to authorise."""

    connection: CrmConnection | None = None
    test: TestResult | None = None
    authorization: Authorization | None = None
    webhook_secret: str | None = Field(default=None, description="A new one, where the old one was erased.")


class Tested(AnswerModel):
    """The CRM was asked."""

    status: str
    test: TestResult


class Resumed(AnswerModel):
    """Work goes on; should the CRM be away, as soon as it is back."""

    connection: CrmConnection
    test: TestResult | None


class Disconnected(AnswerModel):
    """The credentials are erased here."""

    status: Literal["disconnected"]
    revoked: bool | None = Field(description="At the CRM; null where there was nothing to revoke.")
    problems: list[str]


class NewWebhookSecret(AnswerModel):
    """Shown this once."""

    webhook_url: str
    webhook_secret: str


class Run(AnswerModel):
    """One reading of a CRM."""

    run_id: str
    connection_id: int
    kind: Literal["scheduled", "on_demand", "backfill"]
    mode: Literal["full", "changes"]
    state: Literal["queued", "running", "paused", "done", "failed", "cancelled"]
    records: int
    deleted: int
    total: int | None = Field(description="If the CRM told.")
    pages: int
    percent: float | None
    rate: float | None = Field(description="Records a second.")
    eta_seconds: float | None
    error: dict[str, Any] | None = Field(description="The last setback: `{code, message, status}`.")
    requested_by: str
    created_at: str
    started_at: str | None
    page_at: str | None = Field(description="When the last page was durable.")
    finished_at: str | None


class RunPage(AnswerModel):
    """Runs, newest first."""

    runs: list[Run]
    next_cursor: str | None


class SyncError(AnswerModel):
    """A push that failed; `error` is the design document's envelope."""

    lead_id: int
    external_id: str
    connection_id: int
    connection: str
    crm_type: str
    record_id: str | None = Field(description="The CRM's record, if there is one.")
    attempts: int
    since: str
    error: ErrorBody


class SyncErrorPage(AnswerModel):
    """Failed pushes by connection and lead."""

    errors: list[SyncError]
    next_cursor: str | None


class Redriven(AnswerModel):
    """So many pushes are due again."""

    redriven: int
