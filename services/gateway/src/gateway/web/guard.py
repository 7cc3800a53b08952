"""The one middleware: trace, errors, metrics, access log. Everything else is in the endpoints."""

from time import perf_counter

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from gateway.adapters.database import AWAY, away
from gateway.web.faults import error_response, from_http
from gateway.web.meter import Meter
from hub.contracts.errors import HubError, Malformed
from hub.telemetry.trace import continue_trace, current_traceparent

_log = structlog.get_logger()


def guard(meter: Meter) -> Middleware:
    """The middleware, counting on ``meter``."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        started = perf_counter()
        trace = continue_trace(request.headers.get("traceparent"))
        current_traceparent.set(trace)
        response: web.StreamResponse
        try:
            response = await handler(request)
        except HubError as error:
            response = error_response(error)
        except web.HTTPException as error:
            response = error_response(from_http(error, request)) if error.status >= 400 else error
        except AWAY as error:
            response = error_response(_disconnected_or_away(error, request))
        except Exception as error:  # noqa: BLE001 - the last resort: logged whole, answered without particulars
            _log.error("request.failed", route=_route(request), trace_id=trace[3:35], exc_info=error)
            response = error_response(HubError("Something went wrong in the hub", trace_id=trace[3:35]))
        if not response.prepared:
            response.headers["X-Request-Id"] = trace[3:35]
        seconds = perf_counter() - started
        meter.count(request.match_info.route.name, request.method, response.status, seconds)
        _log.debug(
            "request", method=request.method, path=request.path, status=response.status, ms=round(seconds * 1000, 2)
        )
        return response

    return middleware


def _route(request: web.Request) -> str:
    return request.match_info.route.name or "unmatched"


def _disconnected_or_away(error: Exception, request: web.Request) -> HubError:
    # A client that hung up raises the same kinds as a database that is away; nobody reads its answer.
    if request.transport is None or request.transport.is_closing():
        return Malformed("The connection was closed before the request was complete")
    _log.warning("request.dependency_away", route=_route(request), error=repr(error))
    return away(error)
