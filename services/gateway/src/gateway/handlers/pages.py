"""Pages and their files, from the package itself: nothing is loaded from elsewhere."""

from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler

_HERE = Path(__file__).parent.parent
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


class Pages:
    """Files of a folder, read once: a path that was not there at the start does not exist."""

    def __init__(self, prefix: str, folder: Path, only: frozenset[str] | None = None) -> None:
        self._prefix = prefix
        self._files = {
            path.relative_to(folder).as_posix(): (path.read_bytes(), path.suffix)
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.suffix in _TYPES and (only is None or path.name in only)
        }

    def routes(self, csp: str) -> list[web.RouteDef]:
        """A route per file."""
        return [
            web.get(f"{self._prefix}/{name}", serve_file(content, suffix, csp))
            for name, (content, suffix) in self._files.items()
        ]


def serve_file(content: bytes, suffix: str, csp: str) -> Handler:
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
