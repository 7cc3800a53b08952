"""Subscribers check our signature with the design document's own code, and with the Standard Webhooks library."""

import base64
import hashlib
import hmac
import time
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from webhook_dispatcher.domain.delivery import Delivery, Request
from webhook_dispatcher.domain.signature import signed_request

BODY = '{"event":"lead.created","data":{"first_name":"Zoë"}}'
TRACE = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"


# fmt: off - the design document's example, verbatim
def verify_webhook(payload, signature, secret):  # type: ignore[no-untyped-def]
    expected = hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()

    return hmac.compare_digest(expected, signature)


# fmt: on


verify: Any = verify_webhook


def request_for(secret: str, body: str = BODY) -> Request:
    delivery = Delivery(1, 2, "evt-1", "claim", 0.0, 0, "https://x.test/", b"", "lead.created", body.encode(), None)
    return signed_request(delivery, secret.encode(), int(time.time()), TRACE)


def test_the_design_documents_example_verifies_what_we_send() -> None:
    request = request_for("webhook_secret_key")
    signature = request.headers["X-Webhook-Signature"].removeprefix("sha256=")
    assert verify(request.body.decode(), signature, "webhook_secret_key")
    assert not verify(request.body.decode() + " ", signature, "webhook_secret_key")
    assert not verify(request.body.decode(), signature, "another_key")


@pytest.mark.parametrize("secret", ["whsec_" + base64.b64encode(b"k" * 24).decode(), "whsec_" + "a2tr"])
def test_the_standard_webhooks_library_verifies_what_we_send(secret: str) -> None:
    request = request_for(secret)
    assert Webhook(secret).verify(request.body, dict(request.headers))["event"] == "lead.created"
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(request.body + b" ", dict(request.headers))


@pytest.mark.parametrize("secret", ["webhook_secret_key", "whsec_", "whsec_a"])
def test_a_secret_of_any_other_shape_is_the_key_itself(secret: str) -> None:
    request = request_for(secret)
    assert Webhook(secret.encode()).verify(request.body, dict(request.headers))["event"] == "lead.created"


def test_the_headers_name_event_id_time_and_trace() -> None:
    headers = request_for("s").headers
    assert headers["X-Webhook-Id"] == headers["webhook-id"] == "evt-1"
    assert headers["X-Webhook-Timestamp"] == headers["webhook-timestamp"]
    assert abs(int(headers["X-Webhook-Timestamp"]) - time.time()) < 5
    assert (headers["X-Webhook-Event"], headers["traceparent"]) == ("lead.created", TRACE)
