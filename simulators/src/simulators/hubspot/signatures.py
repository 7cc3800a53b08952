"""How HubSpot signs what it sends. https://developers.hubspot.com/docs/apps/legacy-apps/authentication/validating-requests"""

import base64
import hashlib
import hmac
import re

_DECODED = {
    "%3A": ":", "%2F": "/", "%3F": "?", "%40": "@", "%21": "!", "%24": "$", "%27": "'", "%28": "(", "%29": ")",
    "%2A": "*", "%2C": ",", "%3B": ";",
}  # fmt: skip
_ESCAPE = re.compile("|".join(_DECODED), re.IGNORECASE)


def v1(secret: str, body: bytes) -> str:
    """Hex SHA-256 of secret and body."""
    return hashlib.sha256(secret.encode() + body).hexdigest()


def v2(secret: str, method: str, uri: str, body: bytes) -> str:
    """The same with method and address between."""
    return hashlib.sha256(f"{secret}{method}{uri}".encode() + body).hexdigest()


def v3(secret: str, method: str, uri: str, body: bytes, timestamp: str) -> str:
    """Base64 HMAC-SHA-256; of the escapes in the address only some are decoded first."""
    plain = _ESCAPE.sub(lambda found: _DECODED[found.group().upper()], uri)
    message = f"{method}{plain}".encode() + body + timestamp.encode()
    return base64.b64encode(hmac.new(secret.encode(), message, hashlib.sha256).digest()).decode()
