"""A consumer in a process of its own, for the tests to kill: ``victim.py URL QUEUE TYPE LIMIT FILE [POISON]``.

Appends each event's number to FILE when it is handed over, a line a batch. Without POISON it settles the first batch
and hangs on the second; with it, an event whose number is POISON ends the process at once and the others are done.
"""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from hub.bus import open_bus
from hub.bus.protocol import ConsumerOptions
from hub.contracts.cloudevents import Event
from hub.contracts.errors import Outcome
from hub.contracts.topology import Queue


async def main(url: str, name: str, event_type: str, limit: str, file: str, poison: str = "") -> None:
    """Consume until killed."""

    batches = 0

    async def handle(events: Sequence[Event]) -> Mapping[str, Outcome]:
        nonlocal batches
        batches += 1
        numbers = [str(event.data["n"]) for event in events]
        with Path(file).open("a", encoding="utf-8") as log:  # noqa: ASYNC230 - must be on disk before we die
            log.write(" ".join(numbers) + "\n")
        if not poison and batches > 1:
            await asyncio.Event().wait()
        if poison in numbers:
            os._exit(9)
        return {}

    bus = open_bus(url, name="victim", queues=())
    await bus.connect()
    await bus.consume(Queue(name, (event_type,), int(limit)), handle, ConsumerOptions(max_events=3))
    await asyncio.Event().wait()


asyncio.run(main(*sys.argv[1:]))
