"""Headers that let a subscriber check who sent a webhook, and that it is neither altered nor old.

Two families over the same secret: the design document's ``X-Webhook-Signature`` (hex HMAC-SHA256 of the exact body),
and Standard Webhooks, which also covers id and time.
Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import hmac

from webhook_dispatcher.domain.delivery import Delivery, Request

_STANDARD_PREFIX = b"whsec_"


def signed_request(delivery: Delivery, secret: bytes, at: int, traceparent: str) -> Request:
    """The request that delivers; ``at`` is the present in unix seconds."""
    timestamp, body = str(at), delivery.body
    signed = b".".join((delivery.event_id.encode(), timestamp.encode(), body))
    headers = {
        "Content-Type": "application/json",
        "X-Webhook-Signature": "sha256=" + hmac.digest(secret, body, "sha256").hex(),
        "X-Webhook-Timestamp": timestamp,
        "X-Webhook-Id": delivery.event_id,
        "X-Webhook-Event": delivery.event,
        "webhook-id": delivery.event_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": "v1," + base64.b64encode(hmac.digest(standard_key(secret), signed, "sha256")).decode(),
        "traceparent": traceparent,
    }
    return Request(delivery.url, body, headers)


def standard_key(secret: bytes) -> bytes:
    """The Standard Webhooks key: what follows ``whsec_`` is base64; any other secret is the key itself."""
    if not secret.startswith(_STANDARD_PREFIX):
        return secret
    try:
        return base64.b64decode(secret[len(_STANDARD_PREFIX) :] + b"==") or secret
    except binascii.Error:
        return secret
