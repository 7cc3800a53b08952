"""A simulated Salesforce, and calls to it."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from simulators.kit.serving import Running
from simulators.salesforce.app import running

from .rest import BASE, Answer, Call


@pytest.fixture
async def crm() -> AsyncIterator[Running]:
    """A new org."""
    async with running() as crm:
        yield crm


@pytest.fixture
async def call(crm: Running) -> AsyncIterator[Call]:
    """``await call(method, path, json)`` → (status, body); paths are below the version unless they begin with /."""
    token = crm.world.grants.grant("hub-client", "api").access_token
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:

        async def send(method: str, path: str, json: Any = None, **options: Any) -> Answer:
            url = crm.url + (path if path.startswith("/") else f"{BASE}/{path}")
            async with session.request(method, url, json=json, **options) as answer:
                return answer.status, await answer.json() if await answer.read() else None

        yield send
