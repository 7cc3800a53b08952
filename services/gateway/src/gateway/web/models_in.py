"""What requests carry: bodies and query parameters. OpenAPI is generated from these."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Strict, WithJsonSchema

from gateway.domain.plain_json import check_plain
from hub.contracts.ids import MAX_BIGINT, parse_lead_external_id
from hub.contracts.records import Key, LeadFields, LeadStatus, Short, Text

Limit = Annotated[int, Field(ge=1, le=500, description="Most items of a page.")]
CursorText = Annotated[str, Field(min_length=1, max_length=200, description="`next_cursor` of the page before.")]


def _lead_number(value: Any) -> Any:
    return parse_lead_external_id(value) or value


LeadId = Annotated[
    int,
    Strict(),
    Field(ge=1, le=MAX_BIGINT),
    BeforeValidator(_lead_number),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": "^MPP-[1-9][0-9]*$"}]}),
]
SubscribedEvent = Literal["lead.created", "lead.updated", "enrollment.completed"]


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _first_moment(value: Any) -> Any:
    day = _day(value)
    if day:
        return datetime.combine(day, time.min, UTC)
    # pydantic would read a number as seconds since 1970; nobody means that in a query.
    return "not a time" if isinstance(value, str) and value.lstrip("+-").replace(".", "").isdigit() else value


def _last_moment(value: Any) -> Any:
    day = _day(value)
    if day is None:
        return _first_moment(value)
    # The last day that there is has no next one; it is out of range anyway.
    return datetime.combine(min(day, date.max - timedelta(days=1)), time.min, UTC) + timedelta(days=1)


def _day(value: Any) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) and len(value) == 10 else None
    except ValueError:
        return None


_RANGE = Field(ge=datetime(1970, 1, 1, tzinfo=UTC), le=datetime(2200, 1, 1, tzinfo=UTC))
Moment = Annotated[datetime, BeforeValidator(_first_moment), AfterValidator(_aware), _RANGE]
LastMoment = Annotated[datetime, BeforeValidator(_last_moment), AfterValidator(_aware), _RANGE]
_FROM = "RFC 3339, or a date: from its first moment in UTC."
_UNTIL = "RFC 3339 (not included), or a date: to its end in UTC."
_ARCHIVED = "Archived leads too: those whose record was deleted in the last CRM that held it."


class QueryModel(BaseModel):
    """Query parameters: no others are taken."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class BodyModel(BaseModel):
    """A JSON body: nothing else may be in it."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Page(QueryModel):
    """Paging."""

    limit: Limit = 100
    cursor: CursorText | None = None


class LeadsQuery(Page):
    """Which leads."""

    status: LeadStatus | None = None
    updated_since: Moment | None = Field(default=None, description=_FROM)
    email: Short | None = None
    phone: Short | None = Field(default=None, description="In any usual form; matched as E.164.")
    q: Annotated[Short, Field(min_length=2, max_length=100)] | None = Field(
        default=None, description="Part of a name, company or e-mail address; or an id such as MPP-123."
    )
    archived: bool = Field(default=False, description=_ARCHIVED)
    order: Literal["oldest", "newest"] = "oldest"


class ExportQuery(QueryModel):
    """Which leads, and how they are written."""

    status: LeadStatus | None = None
    date_from: Moment | None = Field(default=None, description=f"Leads that changed since. {_FROM}")
    date_to: LastMoment | None = Field(default=None, description=f"Leads that changed until. {_UNTIL}")
    archived: bool = Field(default=False, description=_ARCHIVED)
    format: Literal["json", "csv", "ndjson"] = "json"


class IssuesQuery(Page):
    """Paging of an import's rejections or warnings."""

    severity: Literal["rejected", "warning"] = "rejected"


class AuditQuery(Page):
    """Which entries."""

    event: Short | None = Field(default=None, description="Such as `lead.synced`.")
    crm: Short | None = None
    user: Short | None = Field(default=None, description="Who caused it.")
    actor: Short | None = Field(default=None, description="The same as `user`.")
    action: Short | None = None
    subject: Short | None = Field(default=None, description="Such as `lead/123` or `import/<id>`.")
    lead_id: Annotated[str, Field(pattern=r"^(MPP-)?[1-9][0-9]{0,17}$")] | None = None
    from_: Moment | None = Field(default=None, alias="from", description=_FROM)
    to: LastMoment | None = Field(default=None, description=_UNTIL)


class DeliveriesQuery(Page):
    """Which deliveries."""

    state: Literal["due", "delivered", "failed"] | None = None


class FileQuery(QueryModel):
    """What a file import is called; JSON bodies name their source themselves."""

    source: Key | None = Field(default=None, description="The system that the file comes from (NDJSON and CSV).")


class LeadRecord(LeadFields):
    """A lead as somebody sends it. Names may be camelCase; other names with scalar values become custom fields."""

    model_config = ConfigDict(extra="allow", frozen=True)

    external_id: Key | None = Field(default=None, description="The lead's id in the system that it comes from.")
    updated_at: str | None = Field(default=None, description="When the values were written there, RFC 3339.")


class ImportBody(BodyModel):
    """The design document's import."""

    source: Key = Field(description="The system that the leads come from.")
    leads: list[LeadRecord] = Field(max_length=10_000)
    agent_id: Short | None = Field(default=None, description="On whose behalf; shown in the audit trail.")
    actor: Short | None = Field(default=None, description="The same as `agent_id`.")


class LeadBody(LeadRecord):
    """A lead to create or to change."""

    origin_source: Key | None = Field(
        default=None, description="The system that says so; the API key's name if absent. Owns the values' clocks."
    )


class EnrollmentBody(BodyModel):
    """A completed enrolment."""

    lead_id: LeadId
    plan: Key
    effective_date: Short | None = None
    premium: Annotated[float, Strict(), Field(ge=0, le=1e12, allow_inf_nan=False)] | None = None
    details: Annotated[dict[str, Any], Field(max_length=100), AfterValidator(check_plain)] = {}
    agent_id: Short | None = Field(default=None, description="Who completed it; the API key's name if absent.")


def _web_address(text: str) -> str:
    if not text.isprintable() or " " in text or not text.isascii():
        raise ValueError("must be an http or https address in ASCII")
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ValueError("must be an http or https address") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an http or https address")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not contain a user name or password")
    if parts.fragment:
        raise ValueError("must not contain a fragment")
    return text


class SubscriptionBody(BodyModel):
    """The design document's outgoing webhook configuration."""

    webhook_url: Annotated[str, Field(max_length=2048), AfterValidator(_web_address)]
    events: Annotated[list[SubscribedEvent], Field(min_length=1, max_length=10)]
    secret: Annotated[Text, Field(min_length=16, max_length=255)] = Field(
        description="Signs deliveries. Stored encrypted, never shown again."
    )


class WebhookBody(BaseModel):
    """The design document's incoming webhook (custom CRM)."""

    event: Literal["lead.created", "lead.updated", "lead.deleted"]
    data: dict[str, Any] = Field(description='`{"id": "EXT-789", "fields": {…}}`')
    event_id: str | None = Field(default=None, description="Tells repeated deliveries apart; else the body does.")
    timestamp: str | float | None = None


class SessionBody(BodyModel):
    """Signing a browser in."""

    api_key: Annotated[str, Field(max_length=200)]
