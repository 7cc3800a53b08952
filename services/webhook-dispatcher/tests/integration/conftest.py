"""Fixtures of the dispatcher's integration tests."""

from collections.abc import AsyncIterator

import pytest

from hub.testing.receiver import Receiver, receiving
from webhook_dispatcher.testing import World, new_world


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A subscriber on loopback."""
    async with receiving() as subscriber:
        yield subscriber


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    """An account, and a bus to tell the dispatcher things."""
    async with new_world(database_url) as made:
        yield made
