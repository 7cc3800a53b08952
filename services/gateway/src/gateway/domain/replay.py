"""Event ids of webhooks: the same delivery always gets the same id, so that the transformer's inbox applies it once."""

import hashlib
from uuid import UUID


def webhook_event_id(connection_id: int, replay_key: bytes) -> str:
    """A UUIDv8 (RFC 9562, section 5.8: custom) of what the sender repeats when it sends again."""
    digest = bytearray(hashlib.sha256(b"%d/%b" % (connection_id, replay_key)).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    return str(UUID(bytes=bytes(digest)))
