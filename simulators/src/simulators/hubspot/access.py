"""Who calls, and may they."""

from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from simulators.hubspot.errors import expired, missing_scopes, unauthorized
from simulators.hubspot.options import Options
from simulators.hubspot.times import iso
from simulators.kit.grants import Grants, TokenExpired

DEVELOPER = "developer"


@dataclass(frozen=True, slots=True)
class Caller:
    """An app at work. ``private``: by a static token. ``scopes`` None: all."""

    app: str
    private: bool
    scopes: frozenset[str] | None


CALLER = web.RequestKey("caller", Caller)


class Access:
    """Bearer tokens of both kinds, and the developer key of the webhook settings."""

    def __init__(self, grants: Grants, options: Options, private_tokens: Sequence[str], developer_key: str) -> None:
        self._grants, self._options = grants, options
        self._first_tokens, self.developer_key = tuple(private_tokens), developer_key
        self.reset()

    def reset(self) -> None:
        """The tokens of the start."""
        self.private_tokens = dict.fromkeys(self._first_tokens, True)  # in the order of giving out

    def caller(self, request: web.Request) -> Caller:
        """Who calls. Raises HubSpotRefused (401)."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or not token:  # "bearer" is refused, unlike elsewhere
            raise unauthorized()
        if token in self.private_tokens:
            return Caller(f"…{token[-6:]}", True, None)
        try:
            grant = self._grants.bearer(token)
        except TokenExpired as late:
            raise expired(late.seconds, iso(int(late.expired_at * 1000))) from None
        if grant is None:
            raise unauthorized()
        scopes = frozenset(grant.scope.split())
        return Caller(grant.client_id, False, scopes or None)

    def developer(self, request: web.Request) -> Caller:
        """A developer at the webhook settings: ``?hapikey=``, or a token of the app itself. Raises HubSpotRefused."""
        key = request.query.get("hapikey")
        if key is not None:
            if key != self.developer_key:
                raise unauthorized()
            return Caller(DEVELOPER, False, None)
        return self.caller(request)

    def require(self, request: web.Request, *scopes: str) -> None:
        """Refuse unless the caller holds one of the scopes. Raises HubSpotRefused (403)."""
        caller = request[CALLER]
        if not self._options.enforce_scopes or caller.scopes is None or not scopes:
            return
        if caller.scopes.isdisjoint(scopes):
            raise missing_scopes(scopes)
