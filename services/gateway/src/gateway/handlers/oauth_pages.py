"""What a person sees who comes back from a CRM's consent page; programs get JSON."""

from html import escape
from pathlib import Path
from string import Template
from typing import Any

from aiohttp import web

from gateway.domain.connecting import Verdict, with_query
from gateway.handlers.pages import CSP_STRICT
from gateway.web.answers import answer
from gateway.web.faults import error_response
from hub.contracts.errors import HubError

_PAGE = Template((Path(__file__).parent.parent / "pages/connected.html").read_text(encoding="utf-8"))
_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": CSP_STRICT,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",  # this page's address holds a code
    "Cache-Control": "no-store",
}


def success(
    request: web.Request, title: str, connection: dict[str, Any], verdict: Verdict, return_to: str | None
) -> web.Response:
    """Connected; or stored, and in need of something."""
    facts = {"status": connection["status"], "connection_id": connection["id"]}
    if return_to:
        return _back(return_to, {**facts, "status": "connected" if verdict.ok else connection["status"]})
    if not _wants_page(request):
        return answer({**facts, "crm_type": connection["crm_type"], "test_ok": verdict.ok, "reason": verdict.reason})
    if verdict.ok:
        whom = verdict.account or connection["tenant"]
        text = f"{title}{f' ({whom})' if whom else ''} and the hub now keep each other's leads up to date."
        return _page(200, "good", f"{title} is connected", text, f"Connection {connection['id']}: {connection['name']}")
    text = "Access was granted, but trying the connection failed. The connection is stored; an operator can resume it."
    return _page(200, "warn", f"{title} needs attention", text, verdict.reason or "")


def failure(request: web.Request, error: HubError, return_to: str | None = None) -> web.Response:
    """Nothing came of it."""
    if return_to:
        denied = error.error_code == "ACCESS_DENIED"
        return _back(return_to, {"status": "denied" if denied else "failed", "code": error.error_code})
    if not _wants_page(request):
        return error_response(error)
    reason = str(error.details.get("crm_error") or error.error_code)
    return _page(error.status, "bad", "Not connected", error.message, reason)


def _back(address: str, facts: dict[str, Any]) -> web.Response:
    headers = {name: value for name, value in _HEADERS.items() if name != "Content-Type"}
    return web.Response(status=303, headers={**headers, "Location": with_query(address, facts)})


def _wants_page(request: web.Request) -> bool:
    return "text/html" in request.headers.get("Accept", "")


def _page(status: int, tone: str, title: str, text: str, detail: str) -> web.Response:
    body = _PAGE.substitute(tone=tone, title=escape(title), text=escape(text), detail=escape(detail[:300]))
    return web.Response(text=body, status=status, headers=_HEADERS)
