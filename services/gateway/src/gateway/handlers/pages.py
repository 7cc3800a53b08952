"""Pages and their files, from the package itself: nothing is loaded from elsewhere."""

from collections.abc import Iterator
from pathlib import Path

from aiohttp import web

from gateway.web.guard import Endpoint

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".json": "application/json",
    ".woff2": "font/woff2",
}
CSP_STRICT = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
# Swagger UI sets style attributes.
CSP_DOCS = CSP_STRICT.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")


def files(prefix: str, folder: Path, csp: str, only: frozenset[str] | None = None) -> Iterator[tuple[str, Endpoint]]:
    """(address, handler) of a folder's files, read once: what is not there now does not exist."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix in _TYPES and (only is None or path.name in only):
            yield f"{prefix}/{path.relative_to(folder).as_posix()}", serve_file(path.read_bytes(), path.suffix, csp)


def serve_file(content: bytes, suffix: str, csp: str) -> Endpoint:
    """A handler that answers with these bytes."""
    headers = {
        "Content-Type": _TYPES[suffix],
        "Content-Security-Policy": csp,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cache-Control": "no-cache",
    }

    async def serve(_request: web.Request) -> web.Response:
        return web.Response(body=content, headers=headers)

    return serve
