"""A simulator's memory in a file, so that it goes on where it stopped: records, ids, grants, who listens, spent limits.

What is under way is not kept: webhooks that wait, bulk jobs.
"""

import asyncio
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

_EVERY_SECONDS = 30.0

W = TypeVar("W")


class UnreadableMemory(Exception):
    """The file was not written by this version of the simulator; remove it to begin anew."""


def remembered(file: Path | None, make: Callable[[], W]) -> W:
    """The world in the file; one that ``make`` makes where there is no file. Raises UnreadableMemory."""
    if file is None or not file.exists():
        return make()
    try:
        world: W = pickle.loads(file.read_bytes())  # noqa: S301 - the simulator's own file, named by who starts it
    except Exception as error:
        raise UnreadableMemory(f"{file}: {error!r}") from error
    return world


def write(file: Path, world: Any) -> None:
    """Whole or not at all, whatever dies meanwhile."""
    _store(file, pickle.dumps(world, protocol=pickle.HIGHEST_PROTOCOL))


def _store(file: Path, content: bytes) -> None:
    part = file.with_suffix(".part")
    with part.open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    part.replace(file)


async def keep(file: Path, world: Any) -> None:
    """Write it at once, then every half minute in which anything was called, and when cancelled.

    The loop stands still while the world is gathered (some 50 ms for 3,000 records), not while the disk works.
    """
    seen, storing = -1, None
    try:
        while True:
            calls = sum(section.total() for section in world.ledger.calls.values())
            if calls != seen:
                content = pickle.dumps(world, protocol=pickle.HIGHEST_PROTOCOL)
                storing, seen = asyncio.create_task(asyncio.to_thread(_store, file, content)), calls
                await asyncio.shield(storing)
            await asyncio.sleep(_EVERY_SECONDS)
    finally:
        if storing:
            await storing
        write(file, world)
