"""What a consumer can make of a message body, whoever wrote it."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.contracts.cloudevents import (
    MAX_BATCH_EVENTS,
    Event,
    MalformedMessage,
    decode_batch,
    encode_batch,
    encode_event,
    join_batch,
    read_batch,
)

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=12,
)
_ATTRIBUTE = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
_SOME_TEXT = st.text(_ATTRIBUTE, min_size=1, max_size=20)
_EVENT = st.builds(
    Event,
    type=_SOME_TEXT,
    account_id=st.integers(0, 10**18 - 1),
    subject=st.text(_ATTRIBUTE, max_size=20),
    data=st.dictionaries(_TEXT, _JSON, max_size=4),
    source=_SOME_TEXT,
    id=_SOME_TEXT,
    causation_id=st.none() | _SOME_TEXT,
    traceparent=st.none() | st.text(_ATTRIBUTE, min_size=55, max_size=55),
)
_ATTRIBUTES = (
    "specversion",
    "type",
    "source",
    "subject",
    "id",
    "time",
    "accountid",
    "data",
    "causationid",
    "traceparent",
)


@given(st.lists(_EVENT, max_size=5))
def test_a_batch_comes_back_as_it_went(events: list[Event]) -> None:
    assert decode_batch(encode_batch(events)) == events
    assert join_batch([encode_event(event) for event in events]) == encode_batch(events)


@given(_EVENT)
def test_one_event_in_structured_mode_is_a_batch_of_one(event: Event) -> None:
    assert decode_batch(encode_event(event)) == [event]


@given(st.binary(max_size=200))
def test_any_bytes_are_events_or_malformed(body: bytes) -> None:
    _decode_or_refuse(body)


@given(_JSON | st.lists(st.dictionaries(st.sampled_from(_ATTRIBUTES), _JSON, max_size=10), max_size=3))
def test_any_json_is_events_or_malformed(document: Any) -> None:
    _decode_or_refuse(orjson.dumps(document))


@given(_EVENT, st.sampled_from(_ATTRIBUTES), _JSON)
def test_an_event_with_any_attribute_gone_wrong_is_an_event_or_malformed(event: Event, name: str, value: Any) -> None:
    _decode_or_refuse(orjson.dumps({**event.envelope(), name: value, "unknown": value}))


def test_deep_nesting_is_malformed() -> None:
    with pytest.raises(MalformedMessage):
        decode_batch(b"[" * 100_000 + b"]" * 100_000)


def _good(number: int) -> Event:
    return Event("t.v1", 1, "s", {"n": number}, "test", id=f"good {number}")


@pytest.mark.parametrize(
    "bad",
    [
        b"5",
        b"[]",
        b'{"specversion":"1.0"}',
        encode_event(Event("t.v1", 1, "s", {}, "test", id="x" * 100_000)),
        encode_event(Event("t.v1", 1, "s", {}, "test", id="\N{GRINNING FACE}" * 64)),
        encode_event(Event("t.v1", 1, "s", {}, "test", id="a\x00b")),
        encode_event(Event("t.v1", 1, "s\x00", {}, "test")),
        encode_event(Event("t.v1", 1, "s", {}, "test")).replace(b'"s"', b'"\\ud800"'),
        encode_event(Event("t.v1", 1, "s", {"n": 0}, "test")).replace(b'{"n":0}', b'{"n":1e400}'),
        encode_event(Event("t.v1", 1, "s", {}, "test")).replace(b'"accountid":"1"', b'"accountid":"-1"'),
    ],
    ids=["number", "list", "attributes", "long id", "wide id", "NUL id", "NUL", "surrogate", "1e400", "account"],
)
def test_what_is_no_event_costs_only_itself(bad: bytes) -> None:
    events, unreadable = read_batch(join_batch([encode_event(_good(1)), bad, encode_event(_good(2))]))
    assert [event.id for event in events] == ["good 1", "good 2"]
    ((body, reason),) = unreadable
    assert reason
    assert read_batch(body) == ([], [(body, reason)]), "it stays unreadable, and is no batch of others"


def test_a_body_that_is_no_batch_is_one_unreadable_thing() -> None:
    for body in (b"{", b"\xff", b"[" * 100_000, b"[" + b"1," * MAX_BATCH_EVENTS + b"1]"):
        events, ((whole, _),) = read_batch(body)
        assert (events, whole) == ([], body)


def test_a_trace_that_cannot_be_one_is_absent() -> None:
    (event,) = decode_batch(encode_batch([Event("t.v1", 1, "s", {}, "test", traceparent="x" * 10_000)]))
    assert event.traceparent is None


def _decode_or_refuse(body: bytes) -> None:
    try:
        events = decode_batch(body)
    except MalformedMessage:
        return
    for event in events:
        assert isinstance(event.data, dict)
        assert all(isinstance(text, str) for text in (event.type, event.subject, event.source, event.id, event.time))
        assert isinstance(event.account_id, int)
        assert not isinstance(event.account_id, bool)
        assert event.causation_id is None or isinstance(event.causation_id, str)
        assert event.traceparent is None or isinstance(event.traceparent, str)
