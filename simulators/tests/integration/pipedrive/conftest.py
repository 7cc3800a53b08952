"""A simulated Pipedrive."""

from collections.abc import AsyncIterator

import pytest

from simulators.kit.serving import Running
from simulators.pipedrive.app import running


@pytest.fixture
async def crm() -> AsyncIterator[Running]:
    """A company without limits."""
    async with running() as crm:
        crm.world.limits({"off": True})
        yield crm
