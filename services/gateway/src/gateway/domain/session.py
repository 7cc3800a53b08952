"""Browser sessions: a signed cookie that names an API key and an end. The key is looked up on every request."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence

_CONTEXT = b"crm-hub gateway session v1"
_MAC_BYTES = 32


class Sessions:
    """Makes and reads cookies. ``ring_keys``: the vault's ring keys, the current one first."""

    def __init__(self, ring_keys: Sequence[bytes]) -> None:
        self._keys = [hmac.digest(key, _CONTEXT, hashlib.sha256) for key in ring_keys]

    def issue(self, key_id: str, expires: int) -> str:
        """A cookie value for the API key ``key_id`` until ``expires`` (Unix seconds)."""
        payload = f"{key_id}.{expires}".encode()
        return _text(payload) + "." + _text(hmac.digest(self._keys[0], payload, hashlib.sha256))

    def key_id(self, cookie: str, now: float) -> str | None:
        """The API key's id in a cookie that is ours and not over; else None."""
        payload_text, _, mac_text = cookie.partition(".")
        payload, mac = _bytes(payload_text), _bytes(mac_text)
        if len(mac) != _MAC_BYTES:
            return None
        if not any(hmac.compare_digest(hmac.digest(key, payload, hashlib.sha256), mac) for key in self._keys):
            return None
        key_id, _, expires = payload.decode().partition(".")
        return key_id if int(expires) > now else None


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return b""
