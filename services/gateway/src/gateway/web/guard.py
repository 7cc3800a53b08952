"""What stands around every endpoint: trace, errors, metrics, access log.

Not an aiohttp middleware: those cost each request a chain of calls, and the webhook route has no time for it.
"""

from collections.abc import Awaitable, Callable
from time import perf_counter

import structlog
from aiohttp import web

from gateway.adapters.database import AWAY, away
from gateway.web.faults import MethodNotAllowed, error_response, from_http
from hub.contracts.errors import HubError, Malformed, NotFound
from hub.telemetry.metrics import HTTP
from hub.telemetry.trace import continue_trace, current_traceparent

_log = structlog.get_logger()
Endpoint = Callable[[web.Request], Awaitable[web.StreamResponse]]


def guarded(name: str, endpoint: Endpoint, *, log_requests: bool) -> Endpoint:
    """The endpoint, which now never raises; counted as ``name``."""
    count = HTTP.route(name).count

    async def serve(request: web.Request) -> web.StreamResponse:
        started = perf_counter()
        trace = continue_trace(request.headers.get("traceparent"))
        current_traceparent.set(trace)
        try:
            response = await endpoint(request)
        except Exception as error:  # noqa: BLE001 - whatever it was, it is answered in the envelope
            response = _refused(error, request, name, trace[3:35])
        seconds = perf_counter() - started
        count(request.method, response.status, seconds)
        if log_requests:
            _log.debug("request", route=name, status=response.status, ms=round(seconds * 1000, 2), trace_id=trace[3:35])
        return response

    return serve


def _refused(error: Exception, request: web.Request, name: str, trace_id: str) -> web.StreamResponse:
    if isinstance(error, HubError):
        return error_response(error)
    if isinstance(error, web.HTTPException):
        return error_response(from_http(error, request))
    if isinstance(error, AWAY):
        # A client that hung up raises the same kinds as a database that is away; nobody reads its answer.
        if request.transport is None or request.transport.is_closing():
            return error_response(Malformed("The connection was closed before the request was complete"))
        _log.warning("request.dependency_away", route=name, trace_id=trace_id, error=repr(error))
        return error_response(away(error))
    _log.error("request.failed", route=name, trace_id=trace_id, exc_info=error)
    return error_response(HubError("Something went wrong in the hub", trace_id=trace_id))


async def nowhere(request: web.Request) -> web.StreamResponse:
    """What no route matches: an unknown address, or a known one with another method."""
    allowed: set[str] = set()
    for resource in request.app.router.resources():
        _, methods = await resource.resolve(request)
        allowed |= methods
    allowed.discard("*")
    if allowed:
        raise MethodNotAllowed(f"{request.method} does not exist here"[:100], allowed=sorted(allowed))
    raise NotFound("There is no such address")
