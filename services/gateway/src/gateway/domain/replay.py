"""Event ids of webhooks: the same delivery always gets the same id, so that the transformer's inbox applies it once."""

import hashlib


def webhook_event_id(connection_id: int, replay_key: bytes) -> str:
    """A UUIDv8 (RFC 9562, section 5.8: custom) of what the sender repeats when it sends again."""
    digits = hashlib.blake2b(b"%d/%b" % (connection_id, replay_key), digest_size=16).hexdigest()
    # Version 8 and the variant's bits "10" stand in fixed places; uuid.UUID would take longer than the digest.
    return f"{digits[:8]}-{digits[8:12]}-8{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
