"""What every API call passes: token, faults of HubSpot's own, limits; and the envelope of what goes wrong."""

import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from simulators.hubspot.access import CALLER, DEVELOPER, Access
from simulators.hubspot.errors import HubSpotRefused, expired, unauthorized
from simulators.hubspot.limits import Limits
from simulators.hubspot.oauth import APP_ID
from simulators.hubspot.portal import Actor
from simulators.hubspot.times import iso
from simulators.kit.clock import Clock
from simulators.kit.faults import Faults

VENDOR_FAULTS = (
    "expired_token",  # 401 EXPIRED_AUTHENTICATION, by a token that is good the next time
    "revoked_token",  # 401 INVALID_AUTHENTICATION
    "rate_limit",  # 429 by ``policy`` (TEN_SECONDLY_ROLLING unless told), without a reason
    "locked",  # 423
    "migrating",  # 477 with Retry-After ``seconds``
    "row_error",  # drawn for each row of a batch: ``category``, ``message``
    "batch_refused",  # 400 for a whole batch
    "index_lag",  # drawn for each write: search learns of it ``seconds`` later
)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_OUTSIDE = ("/control", "/oauth")
_MANAGEMENT = ("/webhooks/", "/app-webhooks/")


class Gate:
    """Passes calls to the API."""

    def __init__(self, access: Access, limits: Limits, faults: Faults, clock: Clock) -> None:
        self._access, self._limits, self._faults, self._clock = access, limits, faults, clock

    def middleware(self) -> Any:
        """For every call outside OAuth and the control API."""

        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.path.startswith(_OUTSIDE):
                return await handler(request)
            correlation_id = str(uuid.uuid4())
            response, headers = await self._guarded(request, handler, correlation_id)
            response.headers.update({**headers, "X-HubSpot-Correlation-Id": correlation_id})
            return response

        return guard

    async def _guarded(
        self, request: web.Request, handler: Handler, correlation_id: str
    ) -> tuple[web.StreamResponse, Mapping[str, str]]:
        headers: Mapping[str, str] = {}
        search = request.method == "POST" and request.path.endswith("/search")
        try:
            management = request.path.startswith(_MANAGEMENT)
            caller = self._access.developer(request) if management else self._access.caller(request)
            request[CALLER] = caller
            self._strike(request)
            if caller.app != DEVELOPER:
                headers = self._limits.spend(caller, search=search)
            return await handler(request), headers
        except HubSpotRefused as refused:
            if refused.status == 429 and not search:
                headers = self._limits.headers(request[CALLER])
            return refused.response(correlation_id), headers
        except web.HTTPNotFound:
            return HubSpotRefused(404, "", "resource not found").response(correlation_id), headers
        except web.HTTPMethodNotAllowed:
            return HubSpotRefused(405, "", "HTTP 405 Method Not Allowed").response(correlation_id), headers

    def _strike(self, request: web.Request) -> None:
        def drawn(kind: str) -> Mapping[str, Any] | None:
            return self._faults.draw(kind, request.method, request.path)

        if drawn("expired_token") is not None:
            raise expired(75, iso(int(self._clock.time() - 75) * 1000))
        if drawn("revoked_token") is not None:
            raise unauthorized()
        if (limited := drawn("rate_limit")) is not None:
            self._limits.refuse(str(limited.get("policy", "TEN_SECONDLY_ROLLING")))
        if drawn("locked") is not None:
            raise HubSpotRefused(423, "LOCKED", "The resource is locked. Wait at least 2 seconds and try again.")
        if (moving := drawn("migrating")) is not None:
            wait = {"Retry-After": f"{moving.get('seconds', 1):g}"}
            raise HubSpotRefused(477, "", "The account is being migrated between data hosting locations", headers=wait)

    def actor(self, request: web.Request) -> Actor:
        """Who writes, as webhooks will tell."""
        caller = request[CALLER]
        late = self._faults.draw("index_lag", request.method, request.path)
        lag = float(late.get("seconds", 5)) if late is not None else 0.0
        return Actor("API", "", lag) if caller.private else Actor("INTEGRATION", str(APP_ID), lag)
