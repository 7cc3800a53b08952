"""Waiting for what must come to pass."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(look: Callable[[], Awaitable[T]], within: float = 20.0, every: float = 0.05) -> T:
    """Look again and again until the answer is truthy; returns it. Raises TimeoutError with the last answer."""
    deadline = time.monotonic() + within
    while not (answer := await look()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"still {answer!r} after {within} s")
        await asyncio.sleep(every)
    return answer
