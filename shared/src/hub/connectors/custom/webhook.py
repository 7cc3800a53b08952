"""The design document's incoming webhook: ``X-Webhook-Signature: sha256=…`` over the body.

Mode ``simple`` signs the body as it stands. Mode ``timestamped`` signs ``<X-Webhook-Timestamp>.<body>`` and refuses
what is more than five minutes old or ahead, so that a captured request is soon worthless.
"""

import hmac
from datetime import UTC, datetime
from typing import Any

import orjson

from hub.connectors.custom import webhook_shape
from hub.connectors.custom.webhook_shape import WebhookShape
from hub.contracts.errors import Invalid, Malformed, Unauthenticated
from hub.contracts.ids import rfc3339
from hub.contracts.webhooks import (
    Headers,
    WebhookAnswer,
    WebhookMode,
    WebhookRecord,
    WebhookRequest,
    WebhookTrust,
)

SIGNATURE, TIMESTAMP = "X-Webhook-Signature", "X-Webhook-Timestamp"
TOLERANCE = 300.0  # seconds, both ways
EVENTS = frozenset({"lead.created", "lead.updated", "lead.deleted"})
MAX_FIELDS, MAX_ID, MAX_DEPTH = 500, 255, 16
_PREFIX, _HEX_DIGITS = "sha256=", 64
_FLAT = 3  # opening braces of a body whose fields hold no objects: the body, its data, its fields


def verify(mode: WebhookMode, secret: bytes, headers: Headers, body: bytes, now: float) -> None:
    """Raise Unauthenticated unless there is exactly one signature, and it is good (and, if timestamped, fresh)."""
    given = _single(headers, SIGNATURE)
    if not given.startswith(_PREFIX) or len(given) != len(_PREFIX) + _HEX_DIGITS:
        raise Unauthenticated("the signature is not sha256=<64 hex digits>", header=SIGNATURE)
    try:
        signature = bytes.fromhex(given[len(_PREFIX) :])
    except ValueError:
        raise Unauthenticated("the signature is not sha256=<64 hex digits>", header=SIGNATURE) from None
    signed = body
    if mode == "timestamped":
        stamp = _single(headers, TIMESTAMP)
        if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
            raise Unauthenticated("the timestamp is not in Unix seconds", header=TIMESTAMP)
        if abs(now - int(stamp)) > TOLERANCE:
            raise Unauthenticated("the timestamp is more than 5 minutes off", header=TIMESTAMP)
        signed = stamp.encode() + b"." + body
    if not hmac.compare_digest(hmac.digest(secret, signed, "sha256"), signature):
        raise Unauthenticated("the signature does not match", header=SIGNATURE)


def _single(headers: Headers, name: str) -> str:
    values = headers.getall(name, [])
    if len(values) != 1:
        raise Unauthenticated(f"the header {name} is {'repeated' if values else 'missing'}", header=name)
    return values[0]


def parse(body: bytes) -> list[WebhookRecord]:
    """The one record of a body ``{"event", "data": {"id", "fields"}}``.

    ``event_id`` (or ``id``) tells repeated deliveries apart when the CRM sends one; else the body itself does.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Malformed("the body is not JSON in UTF-8") from None
    if not isinstance(document, dict):
        raise Invalid("the body must be an object", field="")
    event, data = document.get("event"), document.get("data")
    if type(event) is not str or event not in EVENTS:
        raise Invalid("must be lead.created, lead.updated or lead.deleted", field="event")
    if type(data) is not dict:
        raise Invalid("must be an object", field="data")
    record_id = _identifier(data.get("id"), "data.id")
    fields = data["fields"] if "fields" in data else {}  # noqa: SIM401 - makes no dictionary that nobody needs
    if type(fields) is not dict:
        raise Invalid("must be an object", field="data.fields")
    if len(fields) > MAX_FIELDS or body.count(b"{") > _FLAT or b"[" in body:
        _check_fields(fields)
    if b"\\u0000" in body:
        _refuse_nul(record_id, "data.id")
        _refuse_nul(fields, "data.fields")
    return [WebhookRecord(event, record_id, fields, _replay_key(document, body), _observed_at(document, fields))]


def _replay_key(document: dict[str, Any], body: bytes) -> bytes:
    name = "event_id" if "event_id" in document else "id"
    event_id = document.get(name)
    if event_id is None:
        return body  # an object's text: it cannot begin as the line below does
    return b"id:" + _identifier(event_id, name).encode()


def _identifier(value: Any, name: str) -> str:
    if type(value) is str and 0 < len(value) <= MAX_ID and not value.isspace():
        return value
    if type(value) is int:
        return str(value)
    if not isinstance(value, str) or not 0 < len(value) <= MAX_ID or not value.strip():
        raise Invalid(f"must be text of 1 to {MAX_ID} characters, or a whole number", field=name)
    return value


def _check_fields(fields: dict[str, Any]) -> None:
    if len(fields) > MAX_FIELDS:
        raise Invalid(f"more than {MAX_FIELDS} fields", field="data.fields")
    for name, value in fields.items():
        kind = type(value)
        if (kind is dict or kind is list) and not _shallow(value, MAX_DEPTH):
            raise Invalid(f"nested more than {MAX_DEPTH} deep", field=f"data.fields.{name[:MAX_ID]}")


def _shallow(value: Any, depth: int) -> bool:
    if not isinstance(value, dict | list):
        return True
    inner = value.values() if isinstance(value, dict) else value
    return depth > 0 and all(_shallow(each, depth - 1) for each in inner)


def _refuse_nul(value: Any, path: str) -> None:
    """PostgreSQL's text and jsonb cannot hold NUL."""
    if isinstance(value, str) and "\x00" in value:
        raise Invalid("must not contain NUL characters", field=path)
    if isinstance(value, dict):
        for name, each in value.items():
            inner = f"{path}.{name[:MAX_ID]}".replace("\x00", "")
            _refuse_nul(name, inner)
            _refuse_nul(each, inner)
    if isinstance(value, list):
        for index, each in enumerate(value):
            _refuse_nul(each, f"{path}.{index}")


def _observed_at(document: dict[str, Any], fields: dict[str, Any]) -> str | None:
    stamp = document.get("timestamp")
    if stamp is not None:
        moment = _moment(stamp)
        if moment is None:
            raise Invalid("must be RFC 3339 or Unix seconds", field="timestamp")
        return moment
    stamp = fields.get("updated_at")
    return None if stamp is None else _moment(stamp)


def _moment(stamp: Any) -> str | None:
    try:
        if isinstance(stamp, str):
            moment = datetime.fromisoformat(stamp)
            return rfc3339(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
        if isinstance(stamp, int | float) and not isinstance(stamp, bool):
            return rfc3339(datetime.fromtimestamp(stamp, UTC))
    except (ValueError, OverflowError, OSError):
        return None
    return None


class CustomWebhook:
    """The functions above as the connector's parser."""

    content_types = ("application/json",)
    per_app = False
    accepted: WebhookAnswer | None = None

    def verify(self, trust: WebhookTrust, request: WebhookRequest) -> None:
        """As the configuration's ``webhook`` says, else the design document's signature."""
        shape = _shape(trust)
        if shape is None:
            verify(trust.mode, trust.secret, request.headers, request.body, request.now)
        else:
            webhook_shape.verify(shape, trust.secret, request)

    def parse(self, trust: WebhookTrust, request: WebhookRequest) -> list[WebhookRecord]:
        """As the configuration's ``webhook`` says, else the design document's body."""
        shape = _shape(trust)
        return parse(request.body) if shape is None else webhook_shape.parse(shape, request)


def _shape(trust: WebhookTrust) -> WebhookShape | None:
    told = trust.config.get("webhook")
    return webhook_shape.shape_of(orjson.dumps(told)) if told else None
