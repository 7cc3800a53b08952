"""The dashboard: its figures, its live feed, and signing a browser in."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

from aiohttp import web
from pydantic import ValidationError

from gateway.adapters.live import Listener
from gateway.domain.access import check_usable
from gateway.domain.problems import problem_of
from gateway.gateway import Gateway
from gateway.web.answers import answer
from gateway.web.bodies import read_json
from gateway.web.models_in import SessionBody
from gateway.web.routing import SESSION_COOKIE, Call, refusal
from hub.contracts.errors import HubError
from hub.contracts.ids import rfc3339

_HEARTBEAT_SECONDS = 15.0
_SESSION_LIMIT = 4_096


async def panel(gateway: Gateway, call: Call[None, None]) -> web.Response:
    """The design document's panel."""
    return answer(await gateway.status.panel(call.account_id))


async def live_feed(gateway: Gateway, call: Call[None, None]) -> web.StreamResponse:
    """``panel`` and ``activity`` as server-sent events, until the client leaves."""
    try:
        last = UUID(call.request.headers.get("Last-Event-ID", ""))
    except ValueError:
        last = None
    listener = await gateway.live.join(call.account_id, last)
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )
    try:
        await response.prepare(call.request)
        await response.write(b"retry: 2000\n\n")
        await _feed(gateway, call, listener, response)
    except ConnectionError:
        pass  # the usual end: the page was closed
    finally:
        gateway.live.leave(listener)
    return response


async def _feed(gateway: Gateway, call: Call[None, None], listener: Listener, response: web.StreamResponse) -> None:
    while True:
        try:
            async with asyncio.timeout(_HEARTBEAT_SECONDS):
                text = await listener.queue.get()
        except TimeoutError:
            if not await _still_allowed(gateway, call):
                return
            text = b": still here\n\n"
        if text is None:
            return
        await response.write(text)


async def _still_allowed(gateway: Gateway, call: Call[None, None]) -> bool:
    try:
        key = await gateway.keys.find(call.key.id)
        if key is None:
            return False
        check_usable(key, call.ip, datetime.now(UTC))
    except HubError as error:
        return error.status == 503  # the database is away: that is no reason to sign anybody out
    return True


async def sign_in(gateway: Gateway, request: web.Request) -> web.Response:
    """An API key for a cookie that reads like the key does. Scripts cannot see it; other sites cannot use it."""
    try:
        body = SessionBody.model_validate(await read_json(request, _SESSION_LIMIT))
    except ValidationError as error:
        raise refusal(problem_of(error)) from None
    key = await gateway.keys.authenticate(f"Bearer {body.api_key}")
    now = datetime.now(UTC)
    check_usable(key, gateway.client_ip(request), now)
    seconds = int(gateway.settings.session_hours * 3600)
    expires = int(now.timestamp()) + seconds
    moment = rfc3339(datetime.fromtimestamp(expires, UTC))
    response = answer({"name": key.name, "scopes": sorted(key.scopes), "expires_at": moment})
    response.set_cookie(
        SESSION_COOKIE,
        gateway.sessions.issue(key.id, expires),
        max_age=seconds,
        httponly=True,
        samesite="Strict",
        secure=gateway.settings.session_secure,
        path="/",
    )
    return response


async def sign_out(gateway: Gateway, _request: web.Request) -> web.Response:
    """Forget the cookie."""
    response = web.Response(status=204)
    response.del_cookie(
        SESSION_COOKIE, path="/", httponly=True, samesite="Strict", secure=gateway.settings.session_secure
    )
    return response
