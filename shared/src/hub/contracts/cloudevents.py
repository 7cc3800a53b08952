"""CloudEvents 1.0 in batches: the only thing that travels on the bus.

A message body is a JSON array of events (``application/cloudevents-batch+json``), all of one type; it may be compressed
(``hub.contracts.compression``).
Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md (section 4, batch).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from hub.contracts.compression import NotDecompressible, plain
from hub.contracts.ids import new_id, now_text

CONTENT_TYPE = "application/cloudevents-batch+json"
MAX_BATCH_EVENTS = 500
MAX_BATCH_BYTES = 1_000_000
MAX_EVENT_BYTES = 256_000
MAX_ID_BYTES = 255  # AMQP's longest message id, and short enough for any index
_REQUIRED = ("id", "source", "specversion", "type", "accountid")


class MalformedMessage(Exception):
    """The message body is not a CloudEvents batch; nothing in it can be handled."""


class Unreadable(NamedTuple):
    """A part of a message that is no event of ours, as a message of its own, and why."""

    body: bytes
    reason: str


@dataclass(slots=True)  # not frozen: that makes each one three times as dear, and a batch has five hundred
class Event:
    """One fact; never changed once made.

    ``data`` is plain JSON; its shape is the pydantic model that ``hub.contracts.events`` names.
    """

    type: str
    account_id: int
    subject: str
    data: Mapping[str, Any]
    source: str
    id: str = field(default_factory=new_id)
    time: str = field(default_factory=now_text)
    causation_id: str | None = None
    traceparent: str | None = None

    def envelope(self) -> dict[str, Any]:
        """The event as a CloudEvents 1.0 JSON object."""
        envelope: dict[str, Any] = {
            "specversion": "1.0",
            "type": self.type,
            "source": self.source,
            "subject": self.subject,
            "id": self.id,
            "time": self.time,
            "accountid": str(self.account_id),
            "datacontenttype": "application/json",
            "data": self.data,
        }
        if self.causation_id:
            envelope["causationid"] = self.causation_id
        if self.traceparent:
            envelope["traceparent"] = self.traceparent
        return envelope


def encode_event(event: Event) -> bytes:
    """One event as JSON bytes, without the surrounding array."""
    return orjson.dumps(event.envelope())


def join_batch(encoded: Sequence[bytes]) -> bytes:
    """Encoded events as one batch body."""
    return b"[" + b",".join(encoded) + b"]"


def encode_batch(events: Sequence[Event]) -> bytes:
    """Events as one batch body."""
    return orjson.dumps([event.envelope() for event in events])


def decode_batch(body: bytes) -> list[Event]:
    """The events of a message body. Raises MalformedMessage when any of it is not a CloudEvent of ours.

    Unknown attributes are ignored, so that a newer publisher does not stop an older consumer.
    """
    body = _text_of(body)
    try:
        rows = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedMessage(f"not JSON: {error}") from error
    if not isinstance(rows, list):
        rows = [rows]  # structured mode, one event: what an internal system may publish
    events = [_event(row) for row in rows]
    if _NUL in body:
        for event in events:
            _refuse_nul(event)
    return events


def read_batch(body: bytes) -> tuple[list[Event], list[Unreadable]]:
    """Like ``decode_batch``, but what is not an event of ours costs only itself: (events, the rest and why).

    A body that is no JSON at all, or that has more entries than a batch may have, is unreadable as a whole.
    """
    try:
        return decode_batch(body), []
    except MalformedMessage as error:
        whole = [Unreadable(body, str(error))]
    try:
        body = _text_of(body)
        rows = json.loads(body)  # reads lone surrogates and enormous numbers, so that only their event is refused
    except (MalformedMessage, ValueError, RecursionError):
        return [], whole
    if not isinstance(rows, list) or not 1 < len(rows) <= MAX_BATCH_EVENTS:
        return [], whole
    events: list[Event] = []
    unreadable: list[Unreadable] = []
    for row in rows:
        alone = json.dumps([row]).encode()
        try:
            events += decode_batch(alone)
        except MalformedMessage as error:
            unreadable.append(Unreadable(alone, str(error)))
    return events, unreadable


def _text_of(body: bytes) -> bytes:
    try:
        return plain(body)
    except NotDecompressible as error:
        raise MalformedMessage(str(error)) from error


_SURELY_SHORT = MAX_ID_BYTES // 4  # characters; UTF-8 takes at most four bytes for each
_TRACE_LENGTH = 55  # https://www.w3.org/TR/trace-context/#traceparent-header-field-values, version 00
_NUL = b"\\u0000"  # the only way to write one in JSON


def _refuse_nul(event: Event) -> None:
    for text in (event.id, event.type, event.source, event.subject, event.causation_id, event.traceparent):
        if text and "\x00" in text:
            raise MalformedMessage("an attribute contains NUL")


def _event(row: Any) -> Event:
    try:
        get = row.get
    except AttributeError:
        raise MalformedMessage("an event is not an object") from None
    kind, source, event_id, account = get("type"), get("source"), get("id"), get("accountid")
    if not (kind and source and event_id and account and get("specversion")):
        missing = [name for name in _REQUIRED if not get(name)]
        raise MalformedMessage(f"attributes missing: {', '.join(missing)}")
    try:
        account_id = _ACCOUNTS.get(account) or _account(account)
    except TypeError:
        raise MalformedMessage("accountid is not a number") from None
    if event_id.__class__ is not str:
        event_id = str(event_id)
    if len(event_id) > _SURELY_SHORT and len(event_id.encode()) > MAX_ID_BYTES:
        raise MalformedMessage("the id is too long")
    # An optional attribute that is not text counts as absent: internal systems publish too.
    data, subject, time, cause, trace = get("data"), get("subject"), get("time"), get("causationid"), get("traceparent")
    return Event(
        type=kind if kind.__class__ is str else str(kind),
        account_id=account_id,
        subject=subject if subject.__class__ is str else "",
        data=data if data.__class__ is dict else {},
        source=source if source.__class__ is str else str(source),
        id=event_id,
        time=time if time and time.__class__ is str else now_text(),
        causation_id=cause if cause.__class__ is str else None,
        traceparent=trace if trace.__class__ is str and len(trace) == _TRACE_LENGTH else None,
    )


_ACCOUNTS: dict[Any, int] = {}  # text -> number: the same few accounts come again and again
_ACCOUNTS_KEPT = 10_000


def _account(raw: Any) -> int:
    text = str(raw)
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise MalformedMessage("accountid is not a number")
    if len(_ACCOUNTS) >= _ACCOUNTS_KEPT:
        _ACCOUNTS.clear()
    return _ACCOUNTS.setdefault(raw, int(text))
