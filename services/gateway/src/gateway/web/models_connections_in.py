"""What requests about CRM connections carry."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from gateway.domain.plain_json import check_plain
from gateway.web.models_in import BodyModel, LeadId, Page, QueryModel
from hub.contracts.records import Key, Short

Config = Annotated[dict[str, Any], Field(max_length=200), AfterValidator(check_plain)]
Credentials = Annotated[str, Field(min_length=1, max_length=8_000)]
WebhookSecret = Annotated[str, Field(min_length=16, max_length=255)]
Address = Annotated[str, Field(min_length=1, max_length=2_048)]
ConnectionId = Annotated[int, Field(ge=1, le=2**63 - 1)]
Mode = Literal["simple", "timestamped"]
_CRM = Field(description="`salesforce`, `hubspot`, `pipedrive` or `custom`.")
_ABOUT_CONFIG = "The design document's configuration. Nothing secret belongs into it."


class AuthorizeBody(BodyModel):
    """The design document's authorisation."""

    crm_type: Key = _CRM
    redirect_uri: Address | None = Field(
        default=None, description="One of HUB_OAUTH_REDIRECT_URIS; the gateway's own callback unless given."
    )
    connection_id: ConnectionId | None = Field(default=None, description="Connect this one anew.")
    name: Key | None = None
    config: Config = Field(default={}, description=_ABOUT_CONFIG)
    return_to: Address | None = Field(default=None, description="Where the gateway's callback sends the browser.")


class CallbackQuery(BaseModel):
    """What a CRM adds to the redirect URI."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    state: Annotated[str, Field(max_length=200)] = ""
    code: Annotated[str, Field(max_length=4_000)] = Field(default="", repr=False)
    error: Annotated[str, Field(max_length=200)] = ""
    error_description: Annotated[str, Field(max_length=1_000)] = ""


class CallbackBody(BodyModel):
    """What a CRM added to a redirect URI of the customer's own."""

    state: Annotated[str, Field(min_length=1, max_length=200)]
    code: Annotated[str, Field(max_length=4_000)] = Field(default="", repr=False)
    error: Annotated[str, Field(max_length=200)] = ""
    error_description: Annotated[str, Field(max_length=1_000)] = ""


class ConnectionBody(BodyModel):
    """A connection with an API key."""

    name: Key | None = Field(default=None, description="How people call it; the kind of CRM unless given.")
    crm_type: Key = _CRM
    config: Config = Field(default={}, description=_ABOUT_CONFIG)
    credentials: Credentials = Field(
        repr=False, description="The key that the CRM accepts. Stored encrypted, never shown again."
    )
    webhook_mode: Mode = "simple"
    webhook_secret: WebhookSecret | None = Field(
        default=None, repr=False, description="A random one is made unless given."
    )
    test: bool = Field(default=True, description="Ask the CRM first; what it refuses is not stored.")


class ConnectionChange(BodyModel):
    """What is to be different; what is absent stays."""

    name: Key | None = None
    config: Config | None = Field(default=None, description="The whole configuration, in place of the present one.")
    schedule: Annotated[str, Field(max_length=100)] | None = Field(
        default=None, description="When the CRM is read: `hourly`, `daily`, `manual`, or a cron expression (UTC)."
    )
    credentials: Credentials | None = Field(
        default=None, repr=False, description="A new API key; the CRM is asked first."
    )
    webhook_mode: Mode | None = None
    test: bool = True


class ReconnectBody(BodyModel):
    """A new API key, or nothing but where to come back to: then the answer is where to authorise."""

    credentials: Credentials | None = Field(default=None, repr=False)
    redirect_uri: Address | None = None
    return_to: Address | None = None


class WebhookSecretBody(BodyModel):
    """A secret of your own; a random one is made unless given."""

    secret: WebhookSecret | None = Field(default=None, repr=False)


class ConnectionsQuery(QueryModel):
    """Which connections."""

    disconnected: bool = Field(default=False, description="Those that were disconnected too.")


class SyncBody(BodyModel):
    """What is to be read."""

    mode: Literal["changes", "full"] = "changes"


class ErrorsQuery(Page):
    """Which failed pushes."""

    connection_id: ConnectionId | None = None
    crm_type: Short | None = None
    code: Short | None = Field(default=None, description="The CRM's own word, such as `DUPLICATE_VALUE`.")
    lead_id: Annotated[str, Field(pattern=r"^(MPP-)?[1-9][0-9]{0,17}$")] | None = None
    state: Literal["failed", "retrying"] = Field(
        default="failed", description="`failed`: given up on; `retrying`: will be tried again by itself."
    )
    format: Literal["json", "csv"] = Field(default="json", description="`csv`: all of them, to download.")


class RetryBody(BodyModel):
    """Which failed pushes to try again: at least one filter, or `all`."""

    lead_id: LeadId | None = None
    connection_id: ConnectionId | None = None
    crm_type: Short | None = None
    code: Short | None = None
    all: bool = False
