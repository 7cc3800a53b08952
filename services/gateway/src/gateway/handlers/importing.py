"""An import while it is read: records in, batches out to the bus, refused ones to the database."""

import asyncio
from collections.abc import Iterable
from time import monotonic
from typing import Any

from gateway.adapters.imports import NewImport, Rejection
from gateway.domain.problems import Code, Problem, printable
from gateway.domain.receiving import lead_data, lead_received
from gateway.domain.records import read_record
from gateway.gateway import Gateway
from hub.contracts.cloudevents import MAX_BATCH_BYTES, MAX_BATCH_EVENTS, encode_event, join_batch
from hub.contracts.errors import HubError
from hub.contracts.events import LEAD_RECEIVED
from hub.contracts.records import MAX_RECORD_BYTES

LISTED_REJECTIONS = 10_000
SHOWN_ERRORS = 20
_BATCHES_IN_FLIGHT = 4
_REJECTIONS_AT_ONCE = 1_000
_HEARTBEAT_SECONDS = 5.0
_BATCH_BYTES = MAX_BATCH_BYTES - 2 * MAX_RECORD_BYTES
_ROWS_A_TURN = 250  # then others get the event loop


class ImportRun:
    """Takes records one after another; ``finish`` returns when every accepted one is confirmed by the bus.

    Memory is bounded: a batch being filled, and a few on their way.
    """

    def __init__(self, gateway: Gateway, new: NewImport, actor: dict[str, str], traceparent: str | None) -> None:
        self._gateway = gateway
        self._new = new
        self._actor = actor
        self._traceparent = traceparent
        self._subject = f"import/{new.id}"
        self._encoded: list[bytes] = []
        self._bytes = 0
        self._slots = asyncio.Semaphore(_BATCHES_IN_FLIGHT)
        self._sending: set[asyncio.Task[None]] = set()
        self._failure: HubError | None = None
        self._unlisted: list[Rejection] = []
        self._heartbeat_at = monotonic()
        self.read = 0
        self.accepted = 0  # confirmed by the bus
        self.rejected = 0
        self.errors: list[Rejection] = []

    async def take(self, rows: Iterable[tuple[int, Any]]) -> None:
        """Records with their positions; a Problem in a record's place is a refusal. Raises Unavailable."""
        for number, (position, raw) in enumerate(rows, 1):
            self._row(position, raw)
            if len(self._encoded) >= MAX_BATCH_EVENTS or self._bytes >= _BATCH_BYTES:
                await self._send()
            if len(self._unlisted) >= _REJECTIONS_AT_ONCE:
                await self._list_rejections()
            if number % _ROWS_A_TURN == 0:
                await asyncio.sleep(0)
        if monotonic() - self._heartbeat_at > _HEARTBEAT_SECONDS:
            await self._heartbeat()

    async def finish(self) -> None:
        """Send the rest and wait for all confirmations. Raises Unavailable when one is missing."""
        if self._encoded:
            await self._send()
        await self.settle()
        if self._failure:
            raise self._failure
        if self._unlisted:
            await self._list_rejections()

    async def settle(self) -> None:
        """Wait until nothing is on its way any more."""
        await asyncio.gather(*self._sending)

    def _row(self, position: int, raw: Any) -> None:
        self.read += 1
        record = raw if isinstance(raw, Problem) else read_record(raw)
        if isinstance(record, Problem):
            self._reject(position, record)
            return
        origin = {"kind": "import", "source": self._new.source, "import_id": self._new.id, "index": position}
        data = lead_data(record, origin, self._actor)
        encoded = encode_event(lead_received(self._new.account_id, self._subject, data, self._traceparent))
        if len(encoded) > MAX_RECORD_BYTES:
            message = f"The record has more than {MAX_RECORD_BYTES} bytes"
            self._reject(position, Problem(Code.RECORD_TOO_LARGE, message, None, record.external_id))
            return
        self._encoded.append(encoded)
        self._bytes += len(encoded)

    def _reject(self, position: int, problem: Problem) -> None:
        self.rejected += 1
        if self.rejected <= LISTED_REJECTIONS:
            self._unlisted.append((position, problem))
        if len(self.errors) < SHOWN_ERRORS:
            self.errors.append((position, problem))

    async def _send(self) -> None:
        await self._slots.acquire()
        if self._failure:
            raise self._failure
        task = asyncio.create_task(self._publish(join_batch(self._encoded), len(self._encoded)))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)
        self._encoded, self._bytes = [], 0

    async def _publish(self, body: bytes, count: int) -> None:
        try:
            await self._gateway.bus.publish_batch(LEAD_RECEIVED, body)
            self.accepted += count
        except HubError as error:
            self._failure = self._failure or error
        finally:
            self._slots.release()

    async def _list_rejections(self) -> None:
        rejections, self._unlisted = self._unlisted, []
        await self._gateway.imports.add_rejections(self._new.account_id, self._new.id, rejections)

    async def _heartbeat(self) -> None:
        self._heartbeat_at = monotonic()
        await self._gateway.imports.heartbeat(self._new.account_id, self._new.id, self.accepted, self.rejected)


def shown(rejections: Iterable[Rejection]) -> list[dict[str, Any]]:
    """Refusals as the API shows them."""
    return [
        {
            "index": position,
            "code": str(problem.code),
            "field": problem.field,
            "message": printable(problem.message),
            "external_id": problem.external_id,
        }
        for position, problem in rejections
    ]
