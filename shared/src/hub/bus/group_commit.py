"""Which events share a message: pure bookkeeping, no clock, no I/O.

While one message of a type is on its way, the next callers gather; each gathering leaves as one message.
"""

from asyncio import Future
from dataclasses import dataclass, field

from hub.contracts.cloudevents import MAX_BATCH_BYTES, MAX_BATCH_EVENTS, join_batch


@dataclass(slots=True, eq=False)
class Group:
    """Encoded events that leave together, and the callers who wait for them (one each, in order)."""

    events: list[bytes] = field(default_factory=list)
    waiters: list["Future[None]"] = field(default_factory=list)
    size: int = 2  # bytes of the body: the brackets, then each event and its comma

    def body(self) -> bytes:
        """The message body."""
        return join_batch(self.events)


class Gathering:
    """The events of one type that wait for the next message."""

    __slots__ = ("_group", "_max_bytes", "_max_events")

    def __init__(self, max_events: int = MAX_BATCH_EVENTS, max_bytes: int = MAX_BATCH_BYTES) -> None:
        self._max_events, self._max_bytes = max_events, max_bytes
        self._group: Group | None = None

    def __len__(self) -> int:
        return len(self._group.events) if self._group else 0

    def add(self, encoded: bytes, waiter: "Future[None]") -> Group | None:
        """Put one event in line. Returns the group that is full without it and has to leave now, if so."""
        group, full = self._group, None
        size = len(encoded) + 1
        if group is not None and (len(group.events) >= self._max_events or group.size + size > self._max_bytes):
            full, group = group, None
        if group is None:
            group = self._group = Group()
        group.events.append(encoded)
        group.waiters.append(waiter)
        group.size += size
        return full

    def take(self) -> Group | None:
        """All that gathered; the gathering is empty then."""
        group, self._group = self._group, None
        return group
