"""The design document's incoming webhook, as the custom connector verifies and reads it."""

import hashlib
import hmac
import time
from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from hub.connectors.custom.webhook import parse, verify
from hub.contracts.cloudevents import Event, encode_event
from hub.contracts.errors import Invalid, Malformed, Unauthenticated

SECRET = b"webhook_secret_key"
BODY = b'{"event": "lead.created", "data": {"id": "EXT-789", "fields": {"first_name": "Ana"}}}'
NOW = 1_768_000_000.0


def signature(body: bytes = BODY, secret: bytes = SECRET) -> str:
    """As the design document's Python example computes it."""
    return "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()


def headers(*pairs: tuple[str, str]) -> CIMultiDict[str]:
    return CIMultiDict(pairs)


def test_the_documents_request_passes_as_it_stands() -> None:
    verify("simple", SECRET, headers(("x-webhook-signature", signature())), BODY, NOW)
    (record,) = parse(BODY)
    assert (record.event, record.record_id, record.fields) == ("lead.created", "EXT-789", {"first_name": "Ana"})
    assert record.observed_at is None


@pytest.mark.parametrize(
    "given_headers",
    [
        headers(),
        headers(("X-Webhook-Signature", "")),
        headers(("X-Webhook-Signature", signature()[7:])),
        headers(("X-Webhook-Signature", "sha256=" + "0" * 64)),
        headers(("X-Webhook-Signature", "sha256=" + "é" * 64)),
        headers(("X-Webhook-Signature", "sha256=" + "0 " * 32)),
        headers(("X-Webhook-Signature", signature() + "0")),
        headers(("X-Webhook-Signature", "sha1=" + signature()[7:])),
        headers(("X-Webhook-Signature", signature(secret=b"another"))),
        headers(("X-Webhook-Signature", signature(BODY + b" "))),
        headers(("X-Webhook-Signature", signature()), ("X-Webhook-Signature", signature())),
    ],
)
def test_a_bad_missing_or_doubled_signature_is_refused(given_headers: CIMultiDict[str]) -> None:
    with pytest.raises(Unauthenticated):
        verify("simple", SECRET, given_headers, BODY, NOW)


def timestamped(stamp: str, *, signed: str | None = None) -> CIMultiDict[str]:
    message = (signed if signed is not None else stamp).encode() + b"." + BODY
    return headers(("X-Webhook-Timestamp", stamp), ("X-Webhook-Signature", signature(message)))


@pytest.mark.parametrize("off", [0, 299, -299])
def test_a_fresh_timestamp_passes(off: int) -> None:
    verify("timestamped", SECRET, timestamped(str(int(NOW) + off)), BODY, NOW)


@pytest.mark.parametrize(
    "bad",
    [
        timestamped(str(int(NOW) - 301)),
        timestamped(str(int(NOW) + 301)),
        timestamped("yesterday"),
        timestamped("-5"),
        timestamped("²"),
        timestamped("9" * 30),
        timestamped(str(int(NOW)), signed=str(int(NOW) - 1)),
        headers(("X-Webhook-Signature", signature())),
        headers(*timestamped(str(int(NOW))).items(), ("X-Webhook-Timestamp", str(int(NOW)))),
    ],
)
def test_a_stale_future_missing_or_malformed_timestamp_is_refused(bad: CIMultiDict[str]) -> None:
    with pytest.raises(Unauthenticated):
        verify("timestamped", SECRET, bad, BODY, NOW)


def document(**changes: Any) -> bytes:
    return orjson.dumps({"event": "lead.updated", "data": {"id": "EXT-1", "fields": {"a": 1}}} | changes)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff", b'{"a": NaN}', b'{"event": "\\ud800"}', b"[" * 5000 + b"]" * 5000]
)
def test_what_is_not_json_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        parse(body)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"[]", ""),
        (b"null", ""),
        (document(event="lead.exploded"), "event"),
        (document(event=None), "event"),
        (document(event=["lead.created"]), "event"),
        (document(data=[]), "data"),
        (document(data={"fields": {}}), "data.id"),
        (document(data={"id": ""}), "data.id"),
        (document(data={"id": "  "}), "data.id"),
        (document(data={"id": True}), "data.id"),
        (document(data={"id": 1.5}), "data.id"),
        (document(data={"id": "x" * 256}), "data.id"),
        (document(data={"id": "1\x00"}), "data.id"),
        (document(data={"id": "1", "fields": []}), "data.fields"),
        (document(data={"id": "1", "fields": {"a": "b\x00"}}), "data.fields.a"),
        (document(data={"id": "1", "fields": {"a\x00": "b"}}), "data.fields.a"),
        (document(data={"id": "1", "fields": {"a": [{"b": "\x00"}]}}), "data.fields.a.0.b"),
        (document(data={"id": "1", "fields": {str(n): n for n in range(501)}}), "data.fields"),
        (
            b'{"event":"lead.updated","data":{"id":"1","fields":{"a":' + b"[" * 300 + b"]" * 300 + b"}}}",
            "data.fields.a",
        ),
        (document(event_id=""), "event_id"),
        (document(event_id={}), "event_id"),
        (document(timestamp="yesterday"), "timestamp"),
        (document(timestamp=1e30), "timestamp"),
        (document(timestamp=[]), "timestamp"),
    ],
)
def test_what_is_invalid_is_named(body: bytes, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(body)
    assert caught.value.details == {"field": field}


def test_an_escaped_backslash_is_no_nul() -> None:
    (record,) = parse(b'{"event":"lead.updated","data":{"id":"1","fields":{"path":"C:\\\\u0000"}}}')
    assert record.fields == {"path": "C:\\u0000"}


def test_repeated_deliveries_share_a_key() -> None:
    assert parse(BODY)[0].replay_key == parse(BODY)[0].replay_key
    assert parse(BODY)[0].replay_key != parse(BODY + b" ")[0].replay_key
    assert parse(document(event_id="e1"))[0].replay_key == parse(document(event_id="e1", extra=1))[0].replay_key
    assert parse(document(id=7))[0].replay_key == b"id:7"


@pytest.mark.parametrize(
    ("changes", "observed"),
    [
        ({"timestamp": "2026-01-10T10:30:00Z"}, "2026-01-10T10:30:00.000000Z"),
        ({"timestamp": "2026-01-10T10:30:00+02:00"}, "2026-01-10T08:30:00.000000Z"),
        ({"timestamp": "2026-01-10T10:30:00"}, "2026-01-10T10:30:00.000000Z"),
        ({"timestamp": 1_768_000_000}, "2026-01-09T23:06:40.000000Z"),
        ({"data": {"id": 1, "fields": {"updated_at": "2026-01-10T10:30:00Z"}}}, "2026-01-10T10:30:00.000000Z"),
        ({"data": {"id": 1, "fields": {"updated_at": "never"}}}, None),
    ],
)
def test_when_it_happened(changes: dict[str, Any], observed: str | None) -> None:
    assert parse(document(**changes))[0].observed_at == observed


@given(st.binary(max_size=200) | st.recursive(st.none() | st.booleans() | st.text(), st.lists).map(orjson.dumps))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with suppress(Malformed, Invalid):
        parse(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), JSON, max_size=5))
def test_what_is_read_can_travel_on_the_bus(fields: dict[str, Any]) -> None:
    body = orjson.dumps({"event": "lead.updated", "data": {"id": "1", "fields": fields}})
    try:
        (record,) = parse(body)
    except Invalid:
        assert b"\\u0000" in body
        return
    encode_event(Event("t", 1, "s", {"record": record.fields}, "test"))


def test_verification_and_parsing_cost_microseconds() -> None:
    given_headers, rounds = headers(("X-Webhook-Signature", signature())), 2000
    best = float("inf")
    for _ in range(5):  # the best of five, for the machine is busy with other things
        started = time.perf_counter()
        for _ in range(rounds):
            verify("simple", SECRET, given_headers, BODY, NOW)
            parse(BODY)
        best = min(best, (time.perf_counter() - started) / rounds)
    assert best < 50e-6
