"""Sessions reach only what the policy permits: by name, by literal address, and never by redirect or proxy."""

import socket
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from hub.egress import EgressPolicy, EgressRefused, VettingResolver, open_session, refused

NOBODY, LOOPBACK = EgressPolicy(), EgressPolicy.read("127.0.0.0/8")


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """A server on loopback."""

    async def hello(request: web.Request) -> web.Response:
        return web.json_response(dict(request.headers))

    app = web.Application()
    app.router.add_get("/", hello)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_loopback_is_refused_by_name_and_by_number(port: int, host: str) -> None:
    async with open_session(NOBODY, connections=2, timeout=2) as session:
        with pytest.raises(aiohttp.ClientConnectorError) as caught:
            await session.get(f"http://{host}:{port}/")
    assert isinstance(refused(caught.value), EgressRefused)


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "127.1", "0177.0.0.1", "[::ffff:127.0.0.1]", "[::1]"])
async def test_other_spellings_of_loopback_are_refused(port: int, host: str) -> None:
    async with open_session(NOBODY, connections=2, timeout=2) as session:
        with pytest.raises(aiohttp.ClientError):
            await session.get(f"http://{host}:{port}/")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_what_is_allowed_is_reached(port: int, host: str) -> None:
    async with (
        open_session(LOOPBACK, connections=2, timeout=2, headers={"X-Own": "1"}) as session,
        session.get(f"http://{host}:{port}/") as response,
    ):
        sent = await response.json()
    assert (sent["X-Own"], sent["User-Agent"]) == ("1", "mypremierplans-crm-hub/1")


async def test_a_name_yields_only_permitted_addresses() -> None:
    resolver = VettingResolver(LOOPBACK)
    found = await resolver.resolve("localhost", 80, socket.AF_UNSPEC)
    assert {result["host"] for result in found} == {"127.0.0.1"}
    with pytest.raises(EgressRefused):
        await VettingResolver(NOBODY).resolve("localhost", 80, socket.AF_UNSPEC)
    await resolver.close()
