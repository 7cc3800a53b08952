"""Who may do what: OAuth clients, codes, grants and tokens, without HTTP.

A vendor's token endpoint calls ``redeem`` and ``refresh`` and words the answers; its API asks ``bearer``.
"""

import base64
import hashlib
import hmac
import ipaddress
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from simulators.kit.clock import Clock

LOOPBACK = "loopback"  # as a redirect URI: any address of this machine


class OAuthRefused(Exception):
    """A refusal by its OAuth name (``invalid_grant`` …) and an explanation."""

    def __init__(self, error: str, description: str) -> None:
        self.error, self.description = error, description
        super().__init__(f"{error}: {description}")


class TokenExpired(Exception):
    """The access token is known but too old, by so many seconds."""

    def __init__(self, seconds: float, expired_at: float) -> None:
        self.seconds, self.expired_at = seconds, expired_at
        super().__init__(f"expired {seconds:.0f} s ago")


@dataclass(slots=True)
class Client:
    """A registered app."""

    id: str
    secret: str
    redirect_uris: tuple[str, ...] = (LOOPBACK,)
    name: str = "CRM Hub"

    def allows(self, redirect_uri: str) -> bool:
        """Whether codes may be sent there."""
        return redirect_uri in self.redirect_uris or (LOOPBACK in self.redirect_uris and _is_loopback(redirect_uri))


@dataclass(slots=True)
class Grant:
    """What a person allowed an app. ``last_used``: Unix time of the last refresh; ``redirect_uri``: of its consent."""

    client_id: str
    scope: str
    refresh_token: str
    last_used: float
    redirect_uri: str = ""
    access_tokens: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Code:
    """An authorization code: once, for a while."""

    client_id: str
    redirect_uri: str
    scope: str
    challenge: str | None
    expires: float


@dataclass(frozen=True, slots=True)
class Issued:
    """What a token call gave. ``refreshed``: by refresh, not by code; ``rotated``: the refresh token is a new one."""

    access_token: str
    grant: Grant
    refreshed: bool
    rotated: bool


def random_token(kind: str) -> str:
    """A token of no particular form; vendors bring their own maker. ``kind`` is access, refresh or code."""
    return f"{kind}-{secrets.token_urlsafe(32)}"


class Grants:
    """All clients, codes and tokens.

    ``access_seconds``: lifetime of an access token (counted anew with each use if ``sliding``);
    ``refresh_idle_seconds``: until an unused refresh token dies (None: never); ``rotate``: each refresh gives a new
    refresh token; ``maker``: makes a token of a kind (access, refresh, code).
    """

    def __init__(
        self,
        clock: Clock,
        *,
        code_seconds: float = 300,
        access_seconds: float = 3600,
        refresh_idle_seconds: float | None = None,
        rotate: bool = False,
        sliding: bool = False,
        maker: Callable[[str], str] = random_token,
    ) -> None:
        self.code_seconds, self.access_seconds = code_seconds, access_seconds
        self.refresh_idle_seconds, self.rotate, self.sliding = refresh_idle_seconds, rotate, sliding
        self._clock, self._make = clock, maker
        self.clients: dict[str, Client] = {}
        self.register(Client("hub-client", "hub-secret"))
        self._codes: dict[str, Code] = {}
        self._grants: dict[str, Grant] = {}  # by refresh token
        self._access: dict[str, tuple[Grant, float]] = {}  # token → grant, expiry
        self.refreshes = 0

    def register(self, client: Client) -> None:
        """Add or replace a client."""
        self.clients[client.id] = client

    def client_of(self, client_id: str, redirect_uri: str) -> Client:
        """The client that an authorize call names. Raises OAuthRefused."""
        client = self.clients.get(client_id)
        if client is None:
            raise OAuthRefused("invalid_client", "unknown client_id")
        if not client.allows(redirect_uri):
            raise OAuthRefused("redirect_uri_mismatch", "redirect_uri must match configuration")
        return client

    def authenticate(self, client_id: str, secret: str | None, *, secret_needed: bool = True) -> Client:
        """The client that calls the token endpoint. Raises OAuthRefused (``invalid_client``)."""
        client = self.clients.get(client_id)
        if client is None:
            raise OAuthRefused("invalid_client", "unknown client")
        if (secret_needed or secret) and not hmac.compare_digest(client.secret.encode(), (secret or "").encode()):
            raise OAuthRefused("invalid_client", "wrong client credentials")
        return client

    def issue_code(self, client_id: str, redirect_uri: str, scope: str = "", challenge: str | None = None) -> str:
        """A code, as the consent page sends it back. ``challenge``: PKCE, S256."""
        code = self._make("code")
        expires = self._clock.time() + self.code_seconds
        self._codes[code] = Code(client_id, redirect_uri, scope, challenge or None, expires)
        return code

    def redeem(self, client: Client, code: str, redirect_uri: str, verifier: str | None = None) -> Issued:
        """Tokens for a code. Raises OAuthRefused (``invalid_grant``, ``invalid_request`` …)."""
        known = self._codes.pop(code, None)
        if known is None or known.client_id != client.id:
            raise OAuthRefused("invalid_grant", "invalid authorization code")
        if known.expires < self._clock.time():
            raise OAuthRefused("invalid_grant", "expired authorization code")
        if known.redirect_uri != redirect_uri:
            raise OAuthRefused("redirect_uri_mismatch", "redirect_uri must match configuration")
        if known.challenge and not verifier:
            raise OAuthRefused("invalid_grant", "code_verifier is missing")
        if known.challenge and challenge_of(verifier or "") != known.challenge.rstrip("="):
            raise OAuthRefused("invalid_request", "invalid code verifier")
        return self.grant(client.id, known.scope, redirect_uri)

    def grant(self, client_id: str, scope: str = "", redirect_uri: str = "") -> Issued:
        """Tokens without a consent page."""
        grant = Grant(client_id, scope, self._make("refresh"), self._clock.time(), redirect_uri)
        self._grants[grant.refresh_token] = grant
        return Issued(self._new_access(grant), grant, refreshed=False, rotated=False)

    def refresh(self, client: Client, refresh_token: str) -> Issued:
        """A new access token. Raises OAuthRefused (``invalid_grant``)."""
        grant, now = self._grants.get(refresh_token), self._clock.time()
        idle = self.refresh_idle_seconds
        if grant is None or grant.client_id != client.id or (idle is not None and now - grant.last_used > idle):
            raise OAuthRefused("invalid_grant", "expired access/refresh token")
        grant.last_used = now
        self.refreshes += 1
        if self.rotate:
            del self._grants[refresh_token]
            grant.refresh_token = self._make("refresh")
            self._grants[grant.refresh_token] = grant
        return Issued(self._new_access(grant), grant, refreshed=True, rotated=self.rotate)

    def bearer(self, access_token: str) -> Grant | None:
        """Whose token that is, None for a stranger's. Raises TokenExpired."""
        found, now = self._access.get(access_token), self._clock.time()
        if found is None:
            return None
        grant, expires = found
        if now >= expires:
            raise TokenExpired(now - expires, expires)
        if self.sliding:
            self._access[access_token] = (grant, now + self.access_seconds)
        return grant

    def seconds_left(self, access_token: str) -> float:
        """How long an access token still lives; 0 for one that does not."""
        found = self._access.get(access_token)
        return max(0.0, found[1] - self._clock.time()) if found else 0.0

    def by_refresh_token(self, refresh_token: str) -> Grant | None:
        """The grant of a refresh token, without using it."""
        return self._grants.get(refresh_token)

    def revoke(self, token: str, *, cascade: bool = True) -> bool:
        """End an access token, or a refresh token and (``cascade``) the access tokens that came of it."""
        grant = self._grants.pop(token, None)
        if grant is None:
            return self._access.pop(token, None) is not None
        if cascade:
            for each in grant.access_tokens:
                self._access.pop(each, None)
        return True

    def expire(self, which: str) -> int:
        """Make one access token (or ``all``) too old; how many there were."""
        now = self._clock.time()
        chosen = [token for token, (_, expires) in self._access.items() if which in ("all", token) and expires > now]
        for token in chosen:
            self._access[token] = (self._access[token][0], now)
        return len(chosen)

    def revoke_all(self) -> int:
        """End every grant, as a person who uninstalls the app does; how many there were."""
        tokens = list(self._grants)
        return sum(self.revoke(token) for token in tokens)

    def reset(self) -> None:
        """Forget codes and tokens; clients stay."""
        self._codes, self._grants, self._access, self.refreshes = {}, {}, {}, 0

    def tokens(self) -> Iterable[Grant]:
        """Every living grant."""
        return self._grants.values()

    def _new_access(self, grant: Grant) -> str:
        token = self._make("access")
        self._access[token] = (grant, self._clock.time() + self.access_seconds)
        grant.access_tokens.add(token)
        return token


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a PKCE verifier."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def _is_loopback(uri: str) -> bool:
    try:
        host = urlsplit(uri).hostname or ""
    except ValueError:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
