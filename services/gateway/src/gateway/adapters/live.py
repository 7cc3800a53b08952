"""Live feeds: one poller per account, only while somebody listens."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from time import monotonic
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import structlog

from gateway.adapters.status import Status
from gateway.domain.uuid7 import first_id_of, milliseconds_of
from hub.contracts.errors import Unavailable
from hub.contracts.ids import new_id

_log = structlog.get_logger()
_QUEUE_MESSAGES = 500
_NEWEST = 100
_OVERLAP_MS = 5_000  # batches commit out of order: an entry may turn up a little behind the newest
_REMEMBERED = 5_000


def message(event: str, data: Any, event_id: str | None = None) -> bytes:
    """One server-sent event. orjson writes no line breaks, so the data is one line."""
    head = f"id: {event_id}\n" if event_id else ""
    return head.encode() + b"event: " + event.encode() + b"\ndata: " + orjson.dumps(data) + b"\n\n"


@dataclass(slots=True, eq=False)
class Listener:
    """One open feed. ``None`` in the queue is the end."""

    account_id: int
    queue: asyncio.Queue[bytes | None] = field(default_factory=lambda: asyncio.Queue(_QUEUE_MESSAGES))
    _early: list[tuple[bytes | None, str | None]] | None = field(default_factory=list)
    _greeted: frozenset[str] = frozenset()

    def greet(self, entries: list[dict[str, Any]]) -> None:
        """What it begins with; only then comes what was told meanwhile, each entry once."""
        self._greeted = frozenset(entry["event_id"] for entry in entries)
        early, self._early = self._early or [], None
        for entry in entries:
            self.tell(message("activity", entry, entry["event_id"]))
        for text, event_id in early:
            self.tell(text, event_id)

    def tell(self, text: bytes | None, event_id: str | None = None) -> None:
        """Put a message in line; a listener that does not keep up is cut off (and comes again by itself)."""
        if self._early is not None and text is not None:
            self._early.append((text, event_id))
            return
        if event_id in self._greeted:
            return
        try:
            self.queue.put_nowait(text)
        except asyncio.QueueFull:
            while not self.queue.empty():
                self.queue.get_nowait()
            self.queue.put_nowait(None)


@dataclass(slots=True)
class _Channel:
    listeners: set[Listener] = field(default_factory=set)
    panel: bytes = b""
    task: asyncio.Task[None] | None = None


class LiveFeeds:
    """All feeds of this process."""

    def __init__(self, status: Status, *, feed_seconds: float, panel_seconds: float, most: int) -> None:
        self._status = status
        self._feed_seconds = feed_seconds
        self._panel_seconds = panel_seconds
        self._most = most
        self._channels: dict[int, _Channel] = {}
        self._closed = False

    async def join(self, account_id: int, last_event_id: UUID | None) -> Listener:
        """Listen; begins with the newest activity, or with what came after ``last_event_id``. Raises Unavailable."""
        if self._closed or sum(len(channel.listeners) for channel in self._channels.values()) >= self._most:
            raise Unavailable("Too many live feeds are open", code="TOO_MANY_LISTENERS", retry_after=10)
        listener = Listener(account_id)
        channel = self._channels.setdefault(account_id, _Channel())
        channel.listeners.add(listener)  # before reading, so that nothing falls between
        try:
            if last_event_id is None:
                entries = await self._status.audit_last(account_id, 20)
            else:
                entries = await self._status.audit_since(account_id, last_event_id, _NEWEST)
        except BaseException:
            self.leave(listener)
            raise
        listener.greet(entries)
        if channel.panel:
            listener.tell(channel.panel)
        if channel.task is None and channel.listeners:
            poller = _Poller(self._status, account_id, channel, entries[-1]["event_id"] if entries else new_id())
            channel.task = asyncio.create_task(poller.run(self._feed_seconds, self._panel_seconds))
        return listener

    def leave(self, listener: Listener) -> None:
        """Stop listening; the account's poller ends with its last listener."""
        channel = self._channels.get(listener.account_id)
        if channel is None:
            return
        channel.listeners.discard(listener)
        if not channel.listeners:
            del self._channels[listener.account_id]
            if channel.task:
                channel.task.cancel()

    def close(self) -> None:
        """End all feeds, so that the process can stop."""
        self._closed = True
        for channel in self._channels.values():
            for listener in channel.listeners:
                listener.tell(None)


class _Poller:
    """Reads what is new for one account and tells its listeners."""

    def __init__(self, status: Status, account_id: int, channel: _Channel, newest: str) -> None:
        self._status = status
        self._account_id = account_id
        self._channel = channel
        self._newest = UUID(newest)
        self._told: OrderedDict[str, None] = OrderedDict()

    async def run(self, feed_seconds: float, panel_seconds: float) -> None:
        panel_at = 0.0
        while True:
            try:
                if monotonic() >= panel_at:
                    await self._look_at_panel()
                    panel_at = monotonic() + panel_seconds
                await self._look_at_activity()
            except (Unavailable, asyncpg.PostgresError) as error:
                _log.warning("live.poll_failed", error=str(error))
                await asyncio.sleep(panel_seconds)
            await asyncio.sleep(feed_seconds)

    async def _look_at_panel(self) -> None:
        panel = message("panel", await self._status.panel(self._account_id))
        if panel != self._channel.panel:
            self._channel.panel = panel
            self._tell(panel)

    async def _look_at_activity(self) -> None:
        after = first_id_of(milliseconds_of(self._newest) - _OVERLAP_MS)
        # The newest only: while an import runs, a page shows what happens, not everything that happens.
        entries = await self._status.audit(self._account_id, {"after": after}, _NEWEST)
        for entry in reversed(entries):
            if entry["event_id"] not in self._told:
                self._told[entry["event_id"]] = None
                self._tell(message("activity", entry, entry["event_id"]), entry["event_id"])
        if entries:
            self._newest = max(self._newest, UUID(entries[0]["event_id"]))
        while len(self._told) > _REMEMBERED:
            self._told.popitem(last=False)

    def _tell(self, text: bytes, event_id: str | None = None) -> None:
        for listener in self._channel.listeners:
            listener.tell(text, event_id)
