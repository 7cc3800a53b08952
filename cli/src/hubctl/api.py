"""Calls to the hub's API, for commands that need its services and not only its database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from hubctl.commands.upload import read
from hubctl.session import gateway

CONNECTIONS = "/api/v1/external/connections"
_SECONDS = 90.0  # trying a CRM and revoking at it take their time


class Api:
    """A session with a key. Every answer but a success is a Problem, in the API's own words."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def get(self, path: str, **query: str) -> dict[str, Any]:
        """GET."""
        async with self._session.get(path, params=query) as answer:
            return await read(answer)

    async def post(self, path: str, body: Any = None) -> dict[str, Any]:
        """POST, with a JSON body if there is one."""
        async with self._session.post(path, json=body) as answer:
            return await read(answer)

    async def delete(self, path: str) -> dict[str, Any]:
        """DELETE."""
        async with self._session.delete(path) as answer:
            return await read(answer)


@asynccontextmanager
async def api(url: str, api_key: str) -> AsyncIterator[Api]:
    """The hub at an address, or the local one. Problem when there is no key."""
    url, api_key = gateway(url, api_key)
    headers = {"Authorization": f"Bearer {api_key}"}
    timeout = aiohttp.ClientTimeout(total=_SECONDS)
    async with aiohttp.ClientSession(url, headers=headers, timeout=timeout) as session:
        yield Api(session)
