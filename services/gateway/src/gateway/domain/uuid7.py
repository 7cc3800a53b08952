"""UUIDv7 (RFC 9562): its first 48 bits are milliseconds since 1970, so a span of time is a span of ids."""

from uuid import UUID


def first_id_of(milliseconds: int) -> UUID:
    """The smallest id of a moment."""
    return UUID(int=max(0, milliseconds) << 80 | 7 << 76)


def milliseconds_of(event_id: UUID) -> int:
    """The moment in an id; meaningless for other versions."""
    return event_id.int >> 80


def ids_within(event_id: UUID, seconds: int) -> tuple[UUID, UUID]:
    """The ids from this one's moment on, and until ``seconds`` later."""
    start = milliseconds_of(event_id)
    return first_id_of(start), first_id_of(min(start + seconds * 1000, 2**48 - 1))
