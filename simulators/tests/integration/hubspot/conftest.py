"""A simulated HubSpot, and calls to it."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson
import pytest

from simulators.hubspot.app import running
from simulators.kit.serving import Running

from .rest import PRIVATE, Call


@pytest.fixture
async def crm() -> AsyncIterator[Running]:
    """An account without limits."""
    async with running() as crm:
        crm.world.limits({"off": True})
        yield crm


@pytest.fixture
async def call(crm: Running) -> AsyncIterator[Call]:
    """``await call(method, path, json)`` → (status, body)."""
    async with aiohttp.ClientSession(headers=PRIVATE) as session:

        async def send(method: str, path: str, json: Any = None, **options: Any) -> tuple[int, Any]:
            async with session.request(method, crm.url + path, json=json, **options) as answer:
                content = await answer.read()
                return answer.status, orjson.loads(content) if content else None

        yield send
