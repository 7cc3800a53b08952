"""The webhook addresses, answered without the router.

aiohttp's router and what surrounds it take a tenth of what a webhook costs. An address without parameters needs none of
it: a request for exactly that address, whose body is here already, goes straight to its endpoint. All others go the
usual way, to the same endpoint.
"""

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import hdrs, web

from gateway.web.guard import Endpoint

Address = tuple[str, str]  # method, path


def express(endpoints: Mapping[Address, Endpoint], usual: Endpoint) -> Endpoint:
    """What the server calls: an endpoint if it is one of those, else ``usual``."""
    find: Callable[[Address], Endpoint | None] = endpoints.get

    def choose(request: web.Request) -> Awaitable[web.StreamResponse]:
        endpoint = find((request.method, request.raw_path))
        # A body that is on its way may wait for "100 Continue", and takes what only the router provides.
        if endpoint is None or not request.content.is_eof() or hdrs.EXPECT in request.headers:
            return usual(request)
        return endpoint(request)

    return choose
