"""HTTP around the resources: the token, the limits, JSON in and out."""

import asyncio
import re
from typing import Any

import orjson
from aiohttp import web

from simulators.kit.answers import answer
from simulators.kit.oauth import TokenExpired
from simulators.salesforce.calls import Call, Reply, acting, refusal
from simulators.salesforce.errors import Refused, not_found, unreadable
from simulators.salesforce.org import Org
from simulators.salesforce.router import RESOURCES, SUPPORTED, found
from simulators.salesforce.rules import Actor

_EXPIRED = Refused("INVALID_SESSION_ID", "Session expired or invalid", 401)
_PREFIX = "/services/data/{version}"
_SEASONS = {0: "Spring", 1: "Summer", 2: "Winter"}
_LONGEST_URI = 16_384
_NOT_JSON = re.compile(r"(text/plain|text/html|application/x-www-form-urlencoded)")


def api_routes(org: Org) -> list[web.RouteDef]:
    """Every resource under /services/data, with and without a slash at the end."""

    async def endpoint(request: web.Request) -> web.Response:
        reply = await _reply(org, request)
        headers = {**reply.headers, "Sforce-Limit-Info": org.allowance.told()}
        if reply.status == 401:
            headers["WWW-Authenticate"] = "Token"
        content = reply.raw
        if content is None and reply.body is not None:
            pretty = orjson.OPT_INDENT_2 if request.headers.get("X-PrettyPrint") == "1" else 0
            content = orjson.dumps(reply.body, option=pretty)
        if content is None:
            return web.Response(status=reply.status, headers=headers)
        return web.Response(
            body=content, status=reply.status, headers={**headers, "Content-Type": reply.content_type}
        )  # fmt: skip

    async def versions(_request: web.Request) -> web.Response:
        return answer([_version(number) for number in SUPPORTED])

    async def nothing(_request: web.Request) -> web.Response:
        return answer(not_found().body(), 404)

    paths = [f"{_PREFIX}/{path}" if path else _PREFIX for path in RESOURCES]
    return [
        web.get("/services/data", versions),
        web.get("/services/data/", versions),
        *(web.route("*", path + slash, endpoint) for path in paths for slash in ("", "/")),
        web.route("*", "/services/data/{tail:.*}", endpoint),
        web.route("*", "/services/{tail:.*}", nothing),
    ]


async def _reply(org: Org, request: web.Request) -> Reply:
    try:
        actor = _authenticated(org, request)
        _check_faults(org, request)
        with org.allowance.request():
            if (slow := org.faults.draw("slow", request.method, request.path)) is not None:
                await asyncio.sleep(float(slow.get("seconds", 1)))
            if len(request.raw_path) > _LONGEST_URI:
                raise Refused("URI_TOO_LONG", "The URI is longer than 16,384 bytes", 414)
            version, handler, args = found(request.method, request.rel_url.raw_path, request.query)
            raw = await request.read()
            call = Call(
                request.method, request.path, version, args, request.query, request.headers,
                _body(request, raw), raw, actor,
            )  # fmt: skip
            return handler(org, acting(call))
    except Refused as refused:
        return refusal(refused)


def _authenticated(org: Org, request: web.Request) -> Actor:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() not in ("bearer", "oauth"):
        raise _EXPIRED
    try:
        grant = org.grants.bearer(token.strip())
    except TokenExpired:
        grant = None
    if grant is None:
        raise _EXPIRED
    return Actor(org.user)


def _check_faults(org: Org, request: web.Request) -> None:
    def struck(kind: str) -> bool:
        return org.faults.draw(kind, request.method, request.path) is not None

    if struck("expired_session"):
        raise _EXPIRED
    if struck("request_limit"):
        org.ledger.refuse("fault")
        raise Refused("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", 403)
    if struck("server_unavailable"):
        raise Refused("SERVER_UNAVAILABLE", "The server is currently unavailable. Try again later.", 503)


def _body(request: web.Request, raw: bytes) -> Any:
    kind = request.headers.get("Content-Type", "")
    if not raw or kind.startswith(("text/csv", "multipart/")):
        return None
    if _NOT_JSON.match(kind):
        raise Refused("UNSUPPORTED_MEDIA_TYPE", f"Content type header {kind} is not supported", 415)
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise unreadable(f"{error} at [line:{error.lineno}, column:{error.colno}]") from None


def _version(number: int) -> dict[str, str]:
    # Version 66 is that of spring 2026; there are three a year, and winter is named for the year that follows.
    year, season = divmod(number - 66, 3)
    label = f"{_SEASONS[season]} '{(26 + year + (season == 2)) % 100:02}"
    return {"label": label, "url": f"/services/data/v{number}.0", "version": f"{number}.0"}
