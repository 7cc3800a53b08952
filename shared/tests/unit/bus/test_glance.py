"""A glance at a body never misses an account that decoding would find."""

import json
import re
from typing import Any

import orjson
from hypothesis import example, given
from hypothesis import strategies as st

from hub.bus.glance import Glance, glance
from hub.contracts.cloudevents import Event, MalformedMessage, decode_batch, encode_batch, encode_event

CONNECTED = "mpp.connection.connected.v1"
_WORDS = ("accountid", '"accountid"', '"accountid":"5"', '\\"accountid":"', "\\u0061ccountid", CONNECTED, "7", "\\")
_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(_WORDS)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=6,
)
_ACCOUNT = st.integers(0, 12) | st.integers(0, 10**18 - 1)
_EVENT = st.builds(
    Event,
    type=st.sampled_from(("mpp.lead.created.v1", CONNECTED)) | _TEXT.filter(bool),
    account_id=_ACCOUNT,
    subject=_TEXT,
    data=st.dictionaries(_TEXT, _JSON, max_size=3),
    source=_TEXT.filter(bool),
)


def holds(body: bytes) -> None:
    """The promise: nothing that decoding finds is missing."""
    told = glance(body, [CONNECTED.encode()])
    if told is None:
        return
    try:
        events = decode_batch(body)
    except MalformedMessage:
        return
    assert {event.account_id for event in events} <= told.accounts
    assert CONNECTED not in {event.type for event in events}


@given(st.lists(_EVENT, max_size=4))
def test_our_own_messages(events: list[Event]) -> None:
    holds(encode_batch(events))


@given(_EVENT, st.booleans(), st.sampled_from([None, 1, "\t"]))
def test_messages_written_otherwise(event: Event, ascii_only: bool, indent: int | str | None) -> None:
    for value in (event.envelope(), [event.envelope()] * 2):
        holds(json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode())
    holds(encode_event(event))


_TELLING = re.compile(r'"accountid":"\d+"|mpp\.[a-z.]+v1')


@given(st.lists(_EVENT, min_size=1, max_size=3), st.data())
def test_any_character_of_what_it_looks_for_may_be_an_escape(events: list[Event], data: st.DataObject) -> None:
    text = encode_batch(events).decode()
    places = [at for found in _TELLING.finditer(text) for at in range(*found.span())]
    at = data.draw(st.sampled_from(places))
    for escape in (f"\\u{ord(text[at]):04x}", f"\\u{ord(text[at]):04X}"):
        holds(f"{text[:at]}{escape}{text[at + 1 :]}".encode())


_RAW_ACCOUNT = st.one_of(
    _ACCOUNT.map(lambda number: orjson.dumps(str(number))),
    st.sampled_from(
        [b"5", b'"007"', b'"\\u0037"', b'""', b"null", b'"1e3"', b'"9999999999999999999"', b"[7]", b"true"]
    ),
)
_KEYS = st.sampled_from([b'"accountid"', b'"\\u0061ccountid"', b'"accounti\\u0064"', b'"data"', b'"accountId"'])


@given(st.lists(st.tuples(_KEYS, st.sampled_from([b":", b" :\n\t\r", b": "]), _RAW_ACCOUNT), min_size=1, max_size=4))
@example([(b'"accountid"', b":", b'"5"'), (b'"accountid"', b":", b'"6"')])
def test_a_key_that_comes_again_or_in_disguise(pairs: list[tuple[bytes, bytes, bytes]]) -> None:
    attributes = b'{"specversion":"1.0","id":"i","source":"s","type":"t",'
    body = attributes + b",".join(key + colon + value for key, colon, value in pairs) + b"}"
    holds(body)
    holds(b"[" + body + b"]")


@given(st.lists(_EVENT, min_size=1, max_size=3), st.data())
def test_broken_bodies_say_nothing_false(events: list[Event], data: st.DataObject) -> None:
    body = bytearray(encode_batch(events))
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.sampled_from(list(b'"\\{}[]:,u0a ')))
    holds(bytes(body))


def _event(account: Any) -> dict[str, Any]:
    return {"specversion": "1.0", "type": "t", "source": "s", "id": "i", "accountid": account}


def test_what_it_tells_of_the_usual_messages() -> None:
    assert glance(orjson.dumps([_event("7"), _event("7")])) == Glance(frozenset({7}), 2)
    assert glance(orjson.dumps([_event("7"), _event("77"), _event("7")])) == Glance(frozenset({7, 77}), 3)
    assert glance(json.dumps(_event("7"), indent=1).encode()) == Glance(frozenset({7}), 1)
    assert glance(json.dumps([{**_event("7"), "data": {"name": "Žofie\x00"}}]).encode()) == Glance(frozenset({7}), 1)


def test_what_only_decoding_can_tell() -> None:
    for body in (
        orjson.dumps([_event("7"), _event(7)]),
        orjson.dumps([{**_event("7"), "type": CONNECTED}]),
        b'[{"\\u0061ccountid":"7"}]',
        b'[{"accountid":"\\u0037"}]',
        b"[]",
        b"",
    ):
        assert glance(body, [CONNECTED.encode()]) is None
