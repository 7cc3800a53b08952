"""Every API call: who it is, whether they may, whether there is budget, and how refusals are worded."""

import hmac
import re
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from aiohttp import web

from simulators.kit.answers import answer
from simulators.kit.faults import Faults
from simulators.kit.grants import Grant, Grants, TokenExpired
from simulators.pipedrive.crm import Actor
from simulators.pipedrive.errors import Refused, bad, forbidden, over_limit, unauthorized
from simulators.pipedrive.limits import Banned, Limits
from simulators.pipedrive.options import Options

ACTOR = web.RequestKey("actor", Actor)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
VENDOR_FAULTS = ("expired_token", "rate_limited", "ok_with_error", "index_lag", "stuck_cursor", "api_domain")
_BANNED = (
    "<!DOCTYPE html><html lang='en-US'><head><title>Access denied | Cloudflare</title></head>"
    "<body><h1>Error 1015</h1><h2>You are being rate limited</h2></body></html>"
)
# The part of the path that says what is asked for → the scopes of which one is needed for reading, for writing.
_SCOPES = tuple((re.compile(path), read.split(), write.split()) for path, read, write in (
    (r"/(\w+/search|itemSearch)", "search:read", "search:read"),
    (r"/personFields|/organizationFields", "contacts:read contacts:full contact-fields:full", "contact-fields:full"),
    (r"/dealFields|/leadFields", "deals:read deals:full leads:read leads:full deal-fields:full", "deal-fields:full"),
    (r"/convert/", "deals:full leads:full", "deals:full leads:full"),
    (r"/leads|/leadLabels|/leadSources", "leads:read leads:full", "leads:full"),
    (r"/deals|/pipelines|/stages", "deals:read deals:full", "deals:full"),
    (r"/persons|/organizations", "contacts:read contacts:full", "contacts:full"),
    (r"/webhooks", "webhooks:read webhooks:full", "webhooks:full"),
    (r"/users/me", "base users:read", "base"),
    (r"/users", "users:read", "users:full"),
    (r"/recents", "recents:read deals:read deals:full contacts:read contacts:full", ""),
))  # fmt: skip


class Gate:
    """Lets API calls in."""

    def __init__(self, grants: Grants, limits: Limits, faults: Faults, options: Options) -> None:
        self._grants, self._limits, self._faults, self._options = grants, limits, faults, options
        self._labels: dict[int, tuple[str, Grant]] = {}  # the grant is kept so that its id stays its own

    def enter(self, request: web.Request) -> dict[str, str]:
        """Authenticate and spend; the headers of the answer. Raises Refused and Banned."""
        actor = self._actor(request)
        request[ACTOR] = actor
        if self._faults.draw("rate_limited", request.method, request.path) is not None:
            raise over_limit("Too many requests in a short time.")
        oauth = actor.client_id is not None
        headers = self._limits.admit(actor.token, request.method, request.path, oauth=oauth)
        _check_scopes(request, actor)
        return headers

    def _actor(self, request: web.Request) -> Actor:
        if self._faults.draw("expired_token", request.method, request.path) is not None:
            raise unauthorized("Invalid token: access token is invalid")
        static = request.headers.get("x-api-token") or request.query.get("api_token")
        if static is not None:
            if not hmac.compare_digest(static.encode("utf-8", "surrogateescape"), self._options.api_token.encode()):
                raise unauthorized()
            return Actor(source="api")
        given = request.headers.get("Authorization")
        if given is None:
            raise unauthorized()
        scheme, _, token = given.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise bad("Invalid request: malformed authorization header")
        try:
            grant = self._grants.bearer(token.strip())
        except TokenExpired:
            grant = None
        if grant is None:
            raise unauthorized("Invalid token: access token is invalid")
        scopes = frozenset(re.split(r"[ ,]+", grant.scope))
        return Actor(source="api", client_id=grant.client_id, scopes=scopes, token=self._label(grant))

    def _label(self, grant: Grant) -> str:
        """Which grant it is, in the ledger's words: the limits of a user and an app outlive an access token."""
        return self._labels.setdefault(id(grant), (f"{grant.client_id}-{len(self._labels) + 1}", grant))[0]


def _check_scopes(request: web.Request, actor: Actor) -> None:
    if actor.scopes is None:
        return
    for path, read, write in _SCOPES:
        if path.search(request.path):
            if not actor.scopes & set(read if request.method == "GET" else write):
                raise forbidden()
            return


def api_middleware(gate: Gate, faults: Faults) -> Any:
    """Around every call under /api (and /v1, as on api.pipedrive.com)."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.path.startswith(("/api/", "/v1/")):
            return await handler(request)
        headers: dict[str, str] = {}
        try:
            headers = gate.enter(request)
            if faults.draw("ok_with_error", request.method, request.path) is not None:
                return answer({"success": False, "error": "Something went wrong", "data": None}, 200, headers)
            response = await handler(request)
        except Refused as refused:
            return answer(refused.body, refused.status, {**headers, **refused.headers})
        except Banned:
            return web.Response(text=_BANNED, status=403, content_type="text/html", headers={"Server": "cloudflare"})
        except web.HTTPException as error:
            body = {"success": False, "error": error.reason, "errorCode": error.status}
            return answer(body, error.status, headers)
        response.headers.update(headers)
        return response

    return guard


async def body_of(request: web.Request) -> Any:
    """The JSON body. Raises Refused."""
    try:
        return orjson.loads(await request.read() or b"{}")
    except orjson.JSONDecodeError:
        raise bad("Invalid JSON in request body") from None


def origin(request: web.Request, options: Options) -> str:
    """Where the caller reaches this server: ``http://127.0.0.1:9300``."""
    return options.public_url or f"{request.scheme}://{request.host}"
