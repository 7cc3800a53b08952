"""Every test of this folder runs on a stage of its own: a simulated CRM, fresh, and the road to it."""

from collections.abc import AsyncIterator

import pytest

from .road import Stranger, stranger
from .stage import Stage
from .vendors import staged


@pytest.fixture
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """The vendor's whom the test is parametrised with."""
    async with staged(request.param) as found:
        yield found
        await found.close()


@pytest.fixture
async def foreigner() -> AsyncIterator[Stranger]:
    """A host that is none of the vendor's; it must not be called."""
    async with stranger() as found:
        yield found
        assert found.met == 0
