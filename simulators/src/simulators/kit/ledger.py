"""How many calls were made, of what, and how close to the limits they came."""

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from simulators.kit.windows import Budget

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Ledger:
    """Counts since the last reset, apart for the sections ``api``, ``oauth`` and ``control``."""

    def __init__(self) -> None:
        self.windows: dict[str, Budget] = {}
        self.reset()

    def reset(self) -> None:
        """Count from zero; windows keep what is spent in them, but measure their peak anew."""
        self.calls: dict[str, Counter[str]] = {"api": Counter(), "oauth": Counter(), "control": Counter()}
        self.statuses: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.bytes_in = self.bytes_out = 0
        self.in_flight = self.peak_in_flight = 0
        for window in self.windows.values():
            window.restart_peak()

    def refuse(self, limit: str) -> None:
        """Count a call that a limit refused, by the limit's name."""
        self.refused[limit] += 1

    def report(self) -> dict[str, Any]:
        """Everything, as ``GET /control/calls`` tells it."""
        return {
            "total": self.calls["api"].total(),
            **self.calls,
            "statuses": self.statuses,
            "refused": self.refused,
            "windows": {name: window.report() for name, window in self.windows.items()},
            "bytes_in": self.bytes_in,
            "bytes_out": self.bytes_out,
            "peak_in_flight": self.peak_in_flight,
        }


def route_of(request: web.Request) -> str:
    """``GET /api/v2/persons/{id}``: the call without its ids."""
    resource = request.match_info.route.resource
    return f"{request.method} {resource.canonical if resource else '(no such route)'}"


def section_of(request: web.Request) -> str:
    """Which of the three sections a call belongs to."""
    if request.path.startswith("/control"):
        return "control"
    return "oauth" if "/oauth" in request.path else "api"


def ledger_middleware(ledger: Ledger) -> Any:
    """Counts every call; put it outermost, so that it also sees what faults and limits answer."""

    @web.middleware
    async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
        section = section_of(request)
        ledger.calls[section][route_of(request)] += 1
        if section == "control":
            return await handler(request)
        ledger.in_flight += 1
        ledger.peak_in_flight = max(ledger.peak_in_flight, ledger.in_flight)
        try:
            response = await handler(request)
        except web.HTTPException as error:
            ledger.statuses[str(error.status)] += 1
            raise
        finally:
            ledger.in_flight = max(0, ledger.in_flight - 1)
            ledger.bytes_in += request.content.total_bytes
        ledger.statuses[str(response.status)] += 1
        body = response.body if isinstance(response, web.Response) else None
        ledger.bytes_out += len(body) if isinstance(body, bytes) else 0
        return response

    return count
