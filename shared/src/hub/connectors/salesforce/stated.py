"""The design document's own webhook, which a customer's flow or Apex class may send from Salesforce."""

import hmac
from datetime import UTC, datetime
from typing import Any

from hub.connectors.salesforce.times import told_moment
from hub.contracts.errors import Invalid, Unauthenticated
from hub.contracts.ids import rfc3339
from hub.contracts.webhooks import WebhookRecord, WebhookRequest, WebhookTrust

SIGNATURE, TIMESTAMP = "X-Webhook-Signature", "X-Webhook-Timestamp"
TOLERANCE = 300.0  # seconds, both ways
_EVENTS = frozenset({"lead.created", "lead.updated", "lead.deleted"})
_MOST_FIELDS, _MAX_ID = 1000, 255


def verify_signature(trust: WebhookTrust, request: WebhookRequest) -> None:
    """``sha256=`` and the HMAC of the body, or of ``<timestamp>.<body>``. Raises Unauthenticated."""
    given = _single(request, SIGNATURE)
    signed = request.body
    if trust.mode == "timestamped":
        stamp = _single(request, TIMESTAMP)
        if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
            raise Unauthenticated("the timestamp is not in Unix seconds", header=TIMESTAMP)
        if abs(request.now - int(stamp)) > TOLERANCE:
            raise Unauthenticated("the timestamp is more than 5 minutes off", header=TIMESTAMP)
        signed = stamp.encode() + b"." + request.body
    expected = "sha256=" + hmac.digest(trust.secret, signed, "sha256").hex()
    if not hmac.compare_digest(given.lower().encode("utf-8", "replace"), expected.encode()):
        raise Unauthenticated("the signature does not match", header=SIGNATURE)


def stated_record(document: dict[str, Any], body: bytes) -> WebhookRecord:
    """``{"event", "data": {"id", "fields"}}``; what is told twice is told apart by ``event_id``, else by its text."""
    event, data = document["event"], document.get("data")
    if event not in _EVENTS:
        raise Invalid("must be lead.created, lead.updated or lead.deleted", field="event")
    if not isinstance(data, dict):
        raise Invalid("must be an object", field="data")
    record_id, fields = data.get("id"), data.get("fields", {})
    if not isinstance(record_id, str) or not 0 < len(record_id) <= _MAX_ID or "\x00" in record_id:
        raise Invalid(f"must be text of 1 to {_MAX_ID} characters", field="data.id")
    if not isinstance(fields, dict) or len(fields) > _MOST_FIELDS:
        raise Invalid(f"must be an object of at most {_MOST_FIELDS} fields", field="data.fields")
    event_id = document.get("event_id")
    key = b"id:" + event_id.encode() if isinstance(event_id, str) and event_id else body
    return WebhookRecord(event, record_id, fields, key, _observed_at(document.get("timestamp")))


def _observed_at(stamp: Any) -> str | None:
    if stamp is None:
        return None
    moment = told_moment(stamp)
    if moment is None and isinstance(stamp, int | float) and not isinstance(stamp, bool):
        try:
            moment = rfc3339(datetime.fromtimestamp(stamp, UTC))
        except (ValueError, OverflowError, OSError):
            moment = None
    if moment is None:
        raise Invalid("must be RFC 3339 or Unix seconds", field="timestamp")
    return moment


def _single(request: WebhookRequest, name: str) -> str:
    values = request.headers.getall(name, [])
    if len(values) != 1:
        raise Unauthenticated(f"the header {name} is {'repeated' if values else 'missing'}", header=name)
    return values[0]
