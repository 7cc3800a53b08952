"""What may be connected, and where a browser may be sent to. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from gateway.domain.networks import parse_networks
from hub.contracts.connector import Connector
from hub.contracts.errors import Invalid
from hub.contracts.schedule import next_run

CALLBACK_PATH = "/api/v1/crm/oauth/callback"
AuthType = Literal["api_key", "oauth2"]
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the CRM said to a connection: whether it works, and as whom."""

    ok: bool
    tenant: str | None = None
    account: str | None = None
    user: str | None = None
    kind: str | None = None  # of FailureKind
    code: str | None = None
    message: str | None = None
    remarks: tuple[str, ...] = ()  # what the hub would rather have there, though it works without
    spent: Mapping[str, int] = field(default_factory=dict)  # units of the CRM's quota that asking took, by window

    @property
    def refused(self) -> bool:
        """The credentials are not good (any more)."""
        return self.kind == "auth"

    @property
    def reason(self) -> str | None:
        """In words, for the connection's status."""
        return None if self.ok else f"{self.code}: {self.message}"


@dataclass(frozen=True, slots=True)
class NewConnection:
    """What is stored of a connection; the two secrets are sealed on the way."""

    crm_type: str
    name: str
    auth_type: AuthType
    config: Mapping[str, Any]
    webhook_mode: str
    credentials: bytes = field(repr=False)
    webhook_secret: str = field(repr=False)
    tenant: str | None = None
    status: str = "pending"  # good, and to be announced; else needs_reauth or paused, with a reason
    status_reason: str | None = None
    accepted: bool = False  # by the CRM itself
    spent: Mapping[str, int] = field(default_factory=dict)  # units of its quota, by window; told, not stored


def find_connector(connectors: Mapping[str, Connector], crm_type: str, auth_type: AuthType) -> Connector:
    """The connector of a CRM that can be connected in that way. Raises Invalid."""
    connector = connectors.get(crm_type)
    if connector is None:
        raise Invalid(f"The hub knows no such CRM; it knows {', '.join(sorted(connectors))}", field="crm_type")
    possible = auth_type in connector.manifest.auth_types and (auth_type != "oauth2" or connector.oauth is not None)
    if not possible:
        ways = {"api_key": "with an API key", "oauth2": "by OAuth"}
        raise Invalid(f"{connector.manifest.title} is not connected {ways[auth_type]}", field="crm_type")
    return connector


def checked_config(connector: Connector, auth_type: AuthType, given: Mapping[str, Any]) -> dict[str, Any]:
    """The whole configuration, in order. Raises Invalid; its field is the path, such as ``config.base_url``."""
    crm_type = connector.manifest.crm_type
    if given.get("crm_type", crm_type) != crm_type:
        raise Invalid(f"It must be {crm_type}, like the connection's", field="config.crm_type")
    if given.get("auth_type", auth_type) != auth_type:
        raise Invalid(f"It must be {auth_type} here", field="config.auth_type")
    config = {"crm_type": crm_type, "auth_type": auth_type, **given}
    if "schedule" in config:
        check_schedule(config["schedule"], "config.schedule")
    try:
        parse_networks(config.get("allowed_ips") or ())
    except (ValueError, TypeError, AttributeError):
        raise Invalid("It must be a list of networks such as 203.0.113.0/24", field="config.allowed_ips") from None
    try:
        connector.check_config(config)
    except Invalid as error:
        place = error.details.pop("field", "")
        raise Invalid(error.message, field=f"config.{place}" if place else "config", **error.details) from None
    return config


def check_schedule(schedule: Any, place: str) -> None:
    """Raise Invalid unless it says when to read the CRM."""
    try:
        if not isinstance(schedule, str) or len(schedule) > 100:
            raise ValueError
        next_run(schedule)
    except ValueError:
        message = "It must be hourly, daily, manual, or a cron expression in UTC, such as 30 6 * * 1-5"
        raise Invalid(message, field=place) from None


def allowed_redirects(listed: str, public_url: str) -> tuple[str, ...]:
    """The redirect URIs that CRMs may send codes to: the gateway's own, and those of the setting."""
    own = (public_url.rstrip("/") + CALLBACK_PATH,) if public_url else ()
    return own + tuple(part.strip() for part in listed.split(",") if part.strip())


def check_redirect(uri: str | None, allowed: tuple[str, ...], public_url: str) -> str:
    """The redirect URI to use; the gateway's own unless one is given. Raises Invalid: it is not one of ours."""
    if uri is None and public_url:
        return allowed[0]
    if uri is None or uri not in allowed:
        message = "Codes are not sent to this address; it must be one of HUB_OAUTH_REDIRECT_URIS, letter by letter"
        raise Invalid(message, code="REDIRECT_NOT_ALLOWED", field="redirect_uri")
    return uri


def check_return(address: str | None, allowed: Iterable[str]) -> str | None:
    """Where the browser goes in the end: scheme, host and port are those of a redirect URI. Raises Invalid."""
    if address is None:
        return None
    origin = _origin(address)
    if origin is None or origin not in {_origin(each) for each in allowed}:
        message = "The browser is only sent back to a host that is listed in HUB_OAUTH_REDIRECT_URIS"
        raise Invalid(message, code="RETURN_NOT_ALLOWED", field="return_to")
    return address


def _origin(address: str) -> tuple[str, str, int] | None:
    # Browsers read some addresses otherwise than this parser does; none of those is let through.
    if not address.isascii() or not address.isprintable() or any(letter in address for letter in "\\ \"<>'`"):
        return None
    try:
        parts = urlsplit(address)
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):
        return None
    if not parts.hostname or parts.username is not None or parts.password is not None:
        return None
    return parts.scheme, parts.hostname, port


def with_query(address: str, parameters: Mapping[str, Any]) -> str:
    """The address with further parameters."""
    parts = urlsplit(address)
    query = [*parse_qsl(parts.query, keep_blank_values=True), *parameters.items()]
    return urlunsplit(parts._replace(query=urlencode(query)))


def free_name(wish: str, taken: Iterable[str]) -> str:
    """The wish, or the wish with a number."""
    names = set(taken)
    number = 2
    name = wish
    while name in names:
        name, number = f"{wish} {number}", number + 1
    return name
