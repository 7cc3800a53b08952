"""Misbehaviour on demand, to see how the hub bears it."""

import asyncio
import time
from dataclasses import dataclass

from aiohttp import web

from simulators.custom.records import Refused


@dataclass(slots=True)
class Faults:
    """What goes wrong from now on. The ``*_next`` counts run down with each request of the API they spoil."""

    latency_ms: float = 0.0
    rate_limit_next: int = 0
    retry_after: float = 1.0  # seconds, told with each 429
    error_next: int = 0  # 500
    reset_before_next: int = 0  # the connection breaks and nothing is stored
    reset_after_next: int = 0  # it breaks after the record was stored
    refuse_key_next: int = 0  # 401, whatever the key
    html_next: int = 0  # a web page with status 200
    rate: float = 0.0  # requests per second before 429; 0: no limit


class RateLimit:
    """A bucket that holds one second's worth of requests."""

    def __init__(self) -> None:
        self._tokens, self._at = 0.0, 0.0

    def exceeded(self, rate: float) -> bool:
        """Count a request; True when it is one too many."""
        moment = time.monotonic()
        self._tokens = min(rate, self._tokens + (moment - self._at) * rate)
        self._at = moment
        if self._tokens < 1:
            return True
        self._tokens -= 1
        return False


class Slow(Refused):
    """429."""


class Gate:
    """Applies the faults around each request."""

    def __init__(self) -> None:
        self.faults = Faults()
        self._limit = RateLimit()

    async def before(self, request: web.Request) -> web.Response | None:
        """Delay, answer in the API's place, or let through (None). Raises Refused."""
        faults = self.faults
        if faults.latency_ms:
            await asyncio.sleep(faults.latency_ms / 1000)
        if self._spend("reset_before_next"):
            return broken(request)
        if self._spend("refuse_key_next"):
            raise Refused(401, "INVALID_KEY", "the API key is not valid")
        if self._spend("rate_limit_next") or (faults.rate and self._limit.exceeded(faults.rate)):
            raise Slow(429, "RATE_LIMITED", "too many requests")
        if self._spend("error_next"):
            raise Refused(500, "INTERNAL", "something broke")
        if self._spend("html_next"):
            return web.Response(text="<!doctype html><title>Welcome</title>", content_type="text/html")
        return None

    def breaks_after(self) -> bool:
        """Whether the answer of a stored write gets lost."""
        return self._spend("reset_after_next")

    def _spend(self, name: str) -> bool:
        left: int = getattr(self.faults, name)
        if left > 0:
            setattr(self.faults, name, left - 1)
        return left > 0


def broken(request: web.Request) -> web.Response:
    """Cut the connection; what is returned reaches nobody."""
    if request.transport:
        request.transport.abort()
    return web.Response()
