"""HTTP's own refusals as hub errors, and every error as the design document's envelope."""

import math
from datetime import UTC, datetime, timedelta

import orjson
from aiohttp import web

from gateway.domain.problems import printable
from hub.contracts.errors import Fate, HubError, Malformed, NotFound, TooLarge, envelope
from hub.contracts.ids import rfc3339
from hub.telemetry.trace import current_traceparent


class MethodNotAllowed(HubError):
    """This method does not exist here."""

    code, status, fate = "METHOD_NOT_ALLOWED", 405, Fate.DEAD


class UnsupportedMedia(HubError):
    """The body is of a type that is not taken here."""

    code, status, fate = "UNSUPPORTED_MEDIA_TYPE", 415, Fate.DEAD


class TooSlow(HubError):
    """The body did not arrive in time."""

    code, status, fate = "REQUEST_TIMEOUT", 408, Fate.DEAD


def error_response(error: HubError) -> web.Response:
    """The envelope; with ``Retry-After`` when the caller should come again."""
    headers = {"X-Request-Id": (current_traceparent.get() or "")[3:35]}
    moment: str | None = None
    retry_after = error.retry_after if error.retry_after is not None or error.status != 503 else 2.0
    if retry_after is not None:
        headers["Retry-After"] = str(max(1, math.ceil(retry_after)))
        moment = rfc3339(datetime.now(UTC) + timedelta(seconds=retry_after))
    if error.status == 401:
        # Only a CRM that signs its webhooks by Basic authentication is told of that header.
        basic = error.details.get("header") == "Authorization"
        headers["WWW-Authenticate"] = 'Basic realm="CRM webhooks", charset="UTF-8"' if basic else "Bearer"
    if isinstance(error, MethodNotAllowed) and "allowed" in error.details:
        headers["Allow"] = ", ".join(error.details["allowed"])
    try:
        body = orjson.dumps(envelope(error, moment), default=str)
    except TypeError:  # a detail quotes what no JSON text can hold; the code and the message are enough then
        body = orjson.dumps(envelope(HubError(printable(error.message), code=error.error_code), moment))
    return web.Response(body=body, status=error.status, headers=headers, content_type="application/json")


def from_http(error: web.HTTPException, request: web.Request) -> HubError:
    """aiohttp's own refusals (no route, wrong method, body too large) as ours."""
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = sorted(error.allowed_methods)
        return MethodNotAllowed(f"{request.method} does not exist here", allowed=allowed)
    if error.status == 404:
        return NotFound("There is no such address")
    if error.status == 413:
        return TooLarge()
    if error.status < 500:
        return Malformed(error.reason)
    return HubError()
