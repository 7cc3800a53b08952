"""Webhooks of a custom CRM by template: how they are signed, and where things are in them. Pure."""

import base64
import binascii
import hmac
from functools import lru_cache
from typing import Annotated, Any, Literal
from urllib.parse import parse_qs, urlsplit

import orjson
from pydantic import BaseModel, ConfigDict, Field, model_validator

from hub.connectors.custom import moments
from hub.connectors.custom.paths import MISSING, at
from hub.contracts.errors import Invalid, Malformed, Unauthenticated
from hub.contracts.webhooks import WebhookRecord, WebhookRequest

MAX_ID, MAX_FIELDS, MAX_RECORDS = 255, 500, 1000
_ALGORITHMS = {"hmac-sha1": "sha1", "hmac-sha256": "sha256", "hmac-sha512": "sha512"}
_EVENTS = frozenset({"lead.created", "lead.updated", "lead.deleted", "lead.merged", "lead.changed"})
_USUAL_NAMES = {
    "created": "lead.created",
    "updated": "lead.updated",
    "changed": "lead.updated",
    "deleted": "lead.deleted",
}

Dotted = Annotated[str, Field(max_length=200)]
Name = Annotated[str, Field(min_length=1, max_length=100)]


class Signature(BaseModel):
    """How a request shows that it is from the CRM."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    header: Name = "X-Webhook-Signature"
    algorithm: Literal["hmac-sha1", "hmac-sha256", "hmac-sha512", "token"] = "hmac-sha256"  # token: the secret itself
    encoding: Literal["hex", "base64"] = "hex"
    prefix: Annotated[str, Field(max_length=50)] = ""
    signed: Annotated[str, Field(max_length=200)] = "{body}"  # of {timestamp}, {body}, {method}, {url}
    timestamp_header: Name | None = None
    tolerance_seconds: float = Field(default=300.0, gt=0, le=3600)

    @model_validator(mode="after")
    def _whole(self) -> "Signature":
        if self.algorithm != "token" and "{body}" not in self.signed:
            raise ValueError("signed must contain {body}, or anybody could change it")
        if "{timestamp}" in self.signed and not self.timestamp_header:
            raise ValueError("signed names {timestamp}: timestamp_header must be told")
        return self


class WebhookShape(BaseModel):
    """Where a webhook's parts are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    signature: Signature = Signature()
    records_path: Dotted = ""  # an object or an array of objects
    event_path: Dotted = "event"  # within each record, else in the whole body
    event_query: Name | None = None  # the event's name in the URL's query
    events: Annotated[dict[Name, str], Field(max_length=50)] = {}  # the CRM's names → lead.created, …
    id_path: Dotted = "data.id"
    fields_path: Dotted | None = "data.fields"  # null: it tells no fields, the record is read from the CRM
    time_path: Dotted = "timestamp"
    event_id_path: Dotted = "event_id"
    merged_into_path: Dotted | None = None

    @model_validator(mode="after")
    def _known_events(self) -> "WebhookShape":
        if unknown := set(self.events.values()) - _EVENTS:
            raise ValueError(f"events: {sorted(unknown)[0]!r} is none of {', '.join(sorted(_EVENTS))}")
        return self


@lru_cache(maxsize=256)
def shape_of(encoded: bytes) -> WebhookShape:
    """A connection's shape, read once."""
    return WebhookShape.model_validate_json(encoded)


def verify(shape: WebhookShape, secret: bytes, request: WebhookRequest) -> None:
    """Raise Unauthenticated unless there is exactly one signature, and it is good and fresh."""
    signature = shape.signature
    given = _single(request, signature.header)
    if not given.startswith(signature.prefix):
        raise Unauthenticated("the signature has another form", header=signature.header)
    given = given[len(signature.prefix) :]
    stamp = _fresh(signature, request) if signature.timestamp_header else ""
    if signature.algorithm == "token":
        if not hmac.compare_digest(given.encode(), secret):
            raise Unauthenticated("the token does not match", header=signature.header)
        return
    expected = hmac.digest(secret, _signed(signature, stamp, request), _ALGORITHMS[signature.algorithm])
    if not hmac.compare_digest(_bytes(given, signature), expected):
        raise Unauthenticated("the signature does not match", header=signature.header)


def _bytes(given: str, signature: Signature) -> bytes:
    try:
        if signature.encoding == "hex":
            return bytes.fromhex(given)
        return base64.b64decode(given, validate=True)
    except (ValueError, binascii.Error):
        raise Unauthenticated(f"the signature is not {signature.encoding}", header=signature.header) from None


def _signed(signature: Signature, stamp: str, request: WebhookRequest) -> bytes:
    parts = {b"{timestamp}": stamp.encode(), b"{method}": request.method.encode(), b"{url}": request.url.encode()}
    template = signature.signed.encode()
    for name, value in parts.items():
        template = template.replace(name, value)
    return template.replace(b"{body}", request.body)  # last: a body may hold any of the names


def _fresh(signature: Signature, request: WebhookRequest) -> str:
    assert signature.timestamp_header
    stamp = _single(request, signature.timestamp_header)
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 15):
        raise Unauthenticated("the timestamp is not in Unix seconds or milliseconds", header=signature.timestamp_header)
    seconds = int(stamp) / 1000 if len(stamp) > 11 else int(stamp)
    if abs(request.now - seconds) > signature.tolerance_seconds:
        raise Unauthenticated("the timestamp is too far off", header=signature.timestamp_header)
    return stamp


def _single(request: WebhookRequest, name: str) -> str:
    values = request.headers.getall(name, [])
    if len(values) != 1:
        raise Unauthenticated(f"the header {name} is {'repeated' if values else 'missing'}", header=name)
    return values[0]


def parse(shape: WebhookShape, request: WebhookRequest) -> list[WebhookRecord]:
    """The records of a body. Raises Malformed or Invalid, naming the field."""
    try:
        document = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        raise Malformed("the body is not JSON in UTF-8") from None
    found = at(document, shape.records_path)
    rows = found if isinstance(found, list) else [found]
    if len(rows) > MAX_RECORDS:
        raise Invalid(f"more than {MAX_RECORDS} records", field=shape.records_path)
    return [_record(shape, request, document, row, index) for index, row in enumerate(rows)]


def _record(shape: WebhookShape, request: WebhookRequest, document: Any, row: Any, index: int) -> WebhookRecord:
    place = f"{shape.records_path or 'body'}.{index}"
    if not isinstance(row, dict):
        raise Invalid("must be an object", field=place)
    event = _event(shape, request, document, row)
    record_id = at(row, shape.id_path)
    if isinstance(record_id, bool) or not isinstance(record_id, str | int) or not 0 < len(str(record_id)) <= MAX_ID:
        raise Invalid(f"must be text of 1 to {MAX_ID} characters, or a whole number", field=f"{place}.{shape.id_path}")
    fields = at(row, shape.fields_path) if shape.fields_path is not None else {}
    fields = {} if fields is MISSING or fields is None else fields
    if not isinstance(fields, dict) or len(fields) > MAX_FIELDS:
        raise Invalid(f"must be an object of at most {MAX_FIELDS} fields", field=f"{place}.{shape.fields_path}")
    if shape.fields_path is None and event in ("lead.created", "lead.updated"):
        event = "lead.changed"
    merged = at(row, shape.merged_into_path) if shape.merged_into_path else MISSING
    stamp = at(row, shape.time_path)
    event_id = at(row, shape.event_id_path)
    key = orjson.dumps([event, str(record_id), index, event_id]) if isinstance(event_id, str | int) else b""
    return WebhookRecord(
        event,
        _clean(str(record_id)),
        _clean(fields),
        key or orjson.dumps([event, row]),
        None if stamp is MISSING else moments.read(stamp),
        merged_into=None if merged is MISSING or merged is None else str(merged),
    )


def _event(shape: WebhookShape, request: WebhookRequest, document: Any, row: dict[str, Any]) -> str:
    name: Any = MISSING
    if shape.event_query:
        named = parse_qs(urlsplit(request.url).query).get(shape.event_query)
        name = named[0] if named else MISSING
    if name is MISSING:
        name = at(row, shape.event_path)
    if name is MISSING:
        name = at(document, shape.event_path)
    if not isinstance(name, str):
        raise Invalid("the event's name is missing", field=shape.event_query or shape.event_path)
    meant = shape.events.get(name) or (name if name in _EVENTS else _USUAL_NAMES.get(name.rpartition(".")[2]))
    if meant is None:
        raise Invalid("not an event of this connection", field=shape.event_query or shape.event_path)
    return meant


def _clean(value: Any) -> Any:
    """PostgreSQL's text and jsonb cannot hold NUL."""
    if isinstance(value, str):
        return value.replace("\x00", "")
    if isinstance(value, dict):
        return {_clean(name): _clean(each) for name, each in value.items()}
    return [_clean(each) for each in value] if isinstance(value, list) else value
