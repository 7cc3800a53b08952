"""OAuth 2.0 as the connectors shape it: pure requests and answers; ``hub.grants`` makes the calls.

A connection's credentials in the vault are either an API key's text or a Grant as JSON (``Grant.encoded``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import orjson


@dataclass(frozen=True, slots=True)
class OAuthApp:
    """The hub as a client of a vendor: registered once per deployment."""

    client_id: str
    client_secret: str = field(repr=False)
    hosts: Mapping[str, str] = field(default_factory=dict)  # name → base URL: login, api … (simulators differ)
    domains: tuple[str, ...] = ()  # suffixes of hosts that tokens may be sent to, as .pipedrive.com


@dataclass(frozen=True, slots=True)
class Grant:
    """What a customer granted."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    expires_at: float | None = None  # Unix seconds; None: the vendor does not say
    base_url: str | None = None  # instance_url, api_domain
    tenant: str | None = None  # org id, portal id, company id
    scopes: tuple[str, ...] = ()

    def encoded(self) -> bytes:
        """As kept in the vault."""
        return orjson.dumps(asdict(self))

    @staticmethod
    def decoded(content: bytes) -> "Grant":
        """From the vault. Raises ValueError."""
        try:
            document = orjson.loads(content)
            return Grant(**document | {"scopes": tuple(document.get("scopes") or ())})
        except (TypeError, AttributeError) as error:
            raise ValueError("no grant is stored") from error


@dataclass(frozen=True, slots=True)
class TokenCall:
    """One POST (or DELETE) to the vendor's OAuth server."""

    url: str
    form: Mapping[str, str] = field(repr=False)
    basic: tuple[str, str] | None = field(default=None, repr=False)  # HTTP Basic
    method: str = "POST"


class GrantDead(Exception):
    """The vendor says that the grant is gone for good: the customer must connect anew. Never retried."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(f"{code}: {message}")


class OAuthFlow(Protocol):
    """The vendor's authorization code flow. Pure."""

    @property
    def pkce(self) -> bool:
        """Whether the vendor takes it."""

    def authorize_url(
        self, app: OAuthApp, config: Mapping[str, Any], redirect_uri: str, state: str, challenge: str | None
    ) -> str:
        """Where the customer's browser goes; ``challenge`` is S256 (None unless ``pkce``)."""

    def exchange(
        self, app: OAuthApp, config: Mapping[str, Any], code: str, redirect_uri: str, verifier: str | None
    ) -> TokenCall:
        """Code for tokens."""

    def refresh(self, app: OAuthApp, config: Mapping[str, Any], grant: Grant) -> TokenCall:
        """New access token."""

    def revoke(self, app: OAuthApp, config: Mapping[str, Any], grant: Grant) -> Sequence[TokenCall]:
        """Calls that end the grant at the vendor."""

    def read(
        self, app: OAuthApp, config: Mapping[str, Any], status: int, body: bytes, before: Grant | None, now: float
    ) -> Grant:
        """The answer of ``exchange`` (before is None) or ``refresh``.

        A host that the vendor names is only taken when ``app.domains`` holds it. Raises GrantDead, or CrmFailure.
        """


@dataclass(frozen=True, slots=True)
class Token:
    """What a call is authorised with."""

    value: str = field(repr=False)
    base_url: str | None = None


class Tokens(Protocol):
    """Where a client gets its token from."""

    async def current(self) -> Token:
        """A token believed good; refreshed first when it is known to be about to expire. Raises CrmFailure(AUTH)."""

    async def renewed(self, stale: Token) -> Token:
        """One that is not ``stale``, after the CRM refused that: one refresh however many ask, in all processes.

        Raises CrmFailure(AUTH) when there is no other.
        """


class FixedToken:
    """An API key: never renewed."""

    def __init__(self, value: str) -> None:
        self._token = Token(value)

    async def current(self) -> Token:
        """The key."""
        return self._token

    async def renewed(self, stale: Token) -> Token:
        """There is no other: the same again, so that the caller sees the CRM's own refusal."""
        return stale
