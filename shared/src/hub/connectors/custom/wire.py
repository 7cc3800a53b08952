"""A custom CRM in a configuration: the design document's form as it stands, and everything beyond it with a default.

A new REST CRM is one such document and no code. ``docs/connectors/custom.md`` explains every key.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from hub.connectors.configs import Name, checked
from hub.connectors.custom.webhook_shape import WebhookShape

RECORD_ID = "id"
READ_ONLY = frozenset({"id", "created_at", "updated_at"})
# Where CRMs say when a record changed, if the configuration does not tell.
USUAL_MODIFIED = ("updated_at", "updatedAt", "modified_at", "modifiedAt", "last_modified", "lastModified")
_FORBIDDEN_HEADERS = frozenset({"host", "content-length", "transfer-encoding", "connection", "cookie"})


def _base_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an http or https address")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("must not carry credentials, a query or a fragment")
    return text.rstrip("/")


def _path(text: str) -> str:
    if not text.startswith("/") or "//" in text or ".." in text:
        raise ValueError("must be a path that begins with /")
    return text


def _path_with(*names: str) -> Any:
    def check(text: str) -> str:
        if not any(f"{{{name}}}" in text for name in names):
            raise ValueError(f"must contain {' or '.join(f'{{{name}}}' for name in names)}")
        return _path(text)

    return AfterValidator(check)


def _headers(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if name.lower() in _FORBIDDEN_HEADERS or not name.isascii() or any(mark in name + value for mark in "\r\n\0"):
            raise ValueError(f"the header {name!r} cannot be set")
    return headers


Path = Annotated[str, Field(max_length=500), AfterValidator(_path)]
PathWithId = Annotated[str, Field(max_length=500), _path_with("id")]
Dotted = Annotated[str, Field(max_length=200)]  # a path in JSON, as data.items
Statuses = Annotated[tuple[Annotated[int, Field(ge=200, le=599)], ...], Field(max_length=20)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Endpoints(BaseModel):
    """Paths below ``base_url``; a trailing slash is kept as written."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    get_leads: Path = "/leads"
    create_lead: Path = "/leads"
    update_lead: PathWithId = "/leads/{id}"
    get_lead: PathWithId | None = None  # by default where leads are updated
    delete_lead: PathWithId | None = None
    find_lead: Annotated[str, Field(max_length=500), _path_with("reference", "email")] | None = None
    find_by_email: Annotated[str, Field(max_length=500), _path_with("email")] | None = None

    @property
    def one_lead(self) -> str:
        """Where one lead is read."""
        return self.get_lead or self.update_lead


class Auth(_Part):
    """Where the key goes. ``basic`` wants credentials as ``user:password``."""

    place: Literal["bearer", "header", "query", "basic"] = "bearer"
    name: Name = "X-API-Key"  # of the header or the query parameter
    prefix: Annotated[str, Field(max_length=50)] = ""  # before the key in a header, as "Token "

    @model_validator(mode="after")
    def _header_name(self) -> "Auth":
        _headers({self.name: self.prefix})
        return self


class Paging(_Part):
    """How the list goes on. ``auto`` follows a Link header or a link in the body, else takes one page for all."""

    kind: Literal["auto", "none", "offset", "page", "cursor", "link"] = "auto"
    param: Name | None = None  # by default offset, page or cursor
    first: int = Field(default=1, ge=0, le=1)  # number of the first page
    size: int = Field(default=100, ge=1, le=10_000)
    size_param: Name | None = None  # not sent unless named
    cursor_path: Dotted = "next_cursor"  # in the answer; or of the link (kind link, without a Link header)
    total_path: Dotted | None = None


class Incremental(_Part):
    """The filter for what changed: a query with ``{since}``."""

    query: Annotated[str, Field(min_length=1, max_length=300)]
    format: Annotated[str, Field(max_length=50)] = "iso"  # iso, date, unix, unix_ms or a strftime pattern
    overlap_seconds: float = Field(default=60.0, ge=0, le=86_400)
    granularity_seconds: float = Field(default=1.0, ge=0, le=86_400)  # of the CRM's times: a day, where it keeps dates

    @model_validator(mode="after")
    def _since(self) -> "Incremental":
        if "{since}" not in self.query:
            raise ValueError("query must contain {since}")
        return self


class Writing(_Part):
    """How records are written."""

    wrap: Dotted = ""  # where in the body the record goes, as "lead"
    create_success: Statuses = (200, 201, 202, 204)
    update_success: Statuses = (200, 201, 202, 204)
    id_path: Dotted | None = None  # in the answer to a create; by default id or data.id
    read_back: bool = False  # ask for the record after a create, for CRMs that answer before they store


class Errors(_Part):
    """Where an error answer says what is wrong; and what a duplicate looks like."""

    code_path: Dotted | None = None
    message_path: Dotted | None = None
    field_path: Dotted | None = None
    duplicate_statuses: Statuses = (409,)
    duplicate_codes: Annotated[tuple[Name, ...], Field(max_length=20)] = ()
    duplicate_id_path: Dotted | None = None  # where it names the record that is there already


class RateLimit(_Part):
    """What the CRM allows."""

    requests: int = Field(ge=1, le=1_000_000)
    seconds: float = Field(default=1.0, gt=0, le=86_400)
    daily: int | None = Field(default=None, ge=1)


class FieldMappings(BaseModel):
    """The design document's ``field_mappings``: hub name → CRM name, and value tables per field."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    mpp_fields: dict[Name, Name] = {}
    custom_transformations: dict[Name, dict[str, str | int | bool]] = {}


class CustomConfig(BaseModel):
    """The configuration of a custom connection; other keys (retry_config, …) are other parts' business."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    crm_type: Literal["custom"] = "custom"
    auth_type: Literal["api_key"] = "api_key"
    base_url: Annotated[str, Field(max_length=1000), AfterValidator(_base_url)]
    endpoints: Endpoints = Endpoints()
    auth: Auth = Auth()
    headers: Annotated[dict[Name, Annotated[str, Field(max_length=500)]], AfterValidator(_headers)] = {}
    paging: Paging = Paging()
    incremental: Incremental | None = None
    writing: Writing = Writing()
    errors: Errors = Errors()
    rate_limit: RateLimit | None = None
    records_path: Dotted | None = (
        None  # of a list; by default the answer itself, or data, leads, records, results, items
    )
    record_path: Dotted | None = None  # of a single record; by default the answer itself, or data
    fields_path: Dotted = ""  # within a record, where CRMs nest its fields
    id_path: Dotted = RECORD_ID
    modified_path: Dotted | None = None
    modified_format: Annotated[str, Field(max_length=50)] | None = None
    deleted_path: Dotted | None = None  # a record with anything but false, null, 0 or "" there is deleted
    none_statuses: Statuses = (404, 204)  # statuses that mean: no records, no such record
    gone_statuses: Statuses = (404, 410)
    reference_field: Name | None = "external_id"  # null: the CRM keeps no field for the hub's reference
    email_field: Name = "email"
    # PUT sends the whole record, for it may replace what it is not told; PATCH sends what changed.
    update_method: Literal["PUT", "PATCH", "POST"] = "PUT"
    webhook: WebhookShape | None = None
    field_mappings: FieldMappings = FieldMappings()
    custom_transformations: dict[Name, dict[str, str | int | bool]] = {}

    def transformations(self) -> dict[str, dict[str, str | int | bool]]:
        """Value tables, whether they stand inside ``field_mappings`` (as in the design document) or beside it."""
        return {**self.custom_transformations, **self.field_mappings.custom_transformations}


def read_config(config: Mapping[str, Any]) -> CustomConfig:
    """The configuration, checked. Raises Invalid naming the first bad field."""
    return checked(CustomConfig, config)


def check_config(config: Mapping[str, Any]) -> None:
    """Raise Invalid unless the configuration can be used."""
    read_config(config)
