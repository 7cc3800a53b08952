"""Keys, addresses, rates, sessions, cursors: the pure decisions of the door."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.access import StoredKey, check_scope, check_usable, client_ip
from gateway.domain.cursor import decode_cursor, decode_number_cursor, encode_cursor
from gateway.domain.json_text import MAX_DEPTH, NotJson, decode_json
from gateway.domain.networks import parse_networks
from gateway.domain.rate import RateLimiter
from gateway.domain.replay import webhook_event_id
from gateway.domain.session import Sessions
from hub.contracts.errors import Forbidden, Invalid, RateLimited, Unauthenticated
from hub.contracts.scopes import Scope

NOW = datetime(2026, 1, 1, tzinfo=UTC)
KEY = StoredKey("a" * 12, 1, "k", b"", frozenset({"leads:read"}), (), None, None, None)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"revoked_at": NOW}, Unauthenticated),
        ({"expires_at": NOW - timedelta(seconds=1)}, Unauthenticated),
        ({"allowed_ips": parse_networks("10.0.0.0/8")}, Forbidden),
    ],
)
def test_a_key_that_may_not_be_used(change: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error):
        check_usable(replace(KEY, **change), "192.0.2.1", NOW)  # type: ignore[arg-type]  # columns of the table above


def test_a_key_that_may_be_used() -> None:
    key = replace(KEY, expires_at=NOW + timedelta(days=1), allowed_ips=parse_networks("10.0.0.0/8, 192.0.2.0/24"))
    check_usable(key, "::ffff:192.0.2.1", NOW)
    check_scope(key, Scope.LEADS_READ)
    with pytest.raises(Forbidden):
        check_scope(key, Scope.LEADS_WRITE)


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "expected"),
    [
        ("192.0.2.1", ["6.6.6.6"], "", "192.0.2.1"),
        ("192.0.2.1", ["6.6.6.6"], "10.0.0.0/8", "192.0.2.1"),
        ("10.0.0.1", ["6.6.6.6, 192.0.2.9"], "10.0.0.0/8", "192.0.2.9"),
        ("10.0.0.1", ["6.6.6.6", "192.0.2.9, 10.1.1.1"], "10.0.0.0/8", "192.0.2.9"),
        ("10.0.0.1", ["nonsense"], "10.0.0.0/8", "10.0.0.1"),
        ("10.0.0.1", [], "10.0.0.0/8", "10.0.0.1"),
        (None, ["6.6.6.6"], "10.0.0.0/8", None),
    ],
)
def test_the_clients_address(peer: str | None, forwarded: list[str], trusted: str, expected: str | None) -> None:
    assert client_ip(peer, forwarded, parse_networks(trusted)) == expected


def test_a_bucket_empties_and_fills() -> None:
    now = 0.0
    rates = RateLimiter(lambda: now)
    for _ in range(15):
        rates.take("k", 60)
    with pytest.raises(RateLimited) as refused:
        rates.take("k", 60)
    assert refused.value.retry_after == pytest.approx(1.0)
    rates.take("other", 60)
    now = 1.0
    rates.take("k", 60)


def test_a_session_is_good_until_its_end_and_under_any_key_of_the_ring() -> None:
    old, new = b"o" * 32, b"n" * 32
    cookie = Sessions([old]).issue("abc", 1000)
    assert Sessions([new, old]).key_id(cookie, 999) == "abc"
    assert Sessions([new, old]).key_id(cookie, 1000) is None
    assert Sessions([new]).key_id(cookie, 999) is None


@given(st.text(max_size=200))
def test_a_made_up_session_is_none(cookie: str) -> None:
    assert Sessions([b"x" * 32]).key_id(cookie, 0) is None


@given(st.integers(0, 10**18 - 1))
def test_cursors_come_back(position: int) -> None:
    assert decode_number_cursor(encode_cursor(position)) == position


@given(st.text(max_size=60))
def test_made_up_cursors_are_refused(text: str) -> None:
    if not text.startswith("djE6"):  # what "v1:" becomes
        with pytest.raises(Invalid) as refused:
            decode_cursor(text)
        assert refused.value.details == {"field": "cursor"}


@given(st.binary(max_size=40))
def test_an_events_id_depends_on_connection_and_replay_key(key: bytes) -> None:
    event_id = webhook_event_id(7, key)
    assert event_id == webhook_event_id(7, key) != webhook_event_id(8, key)
    assert (event_id[14], event_id[19], len(event_id)) == ("8", "a", 36)


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"NaN", b"1" * 5000, b'"\xff"', b"[" * 100_000, b"[" * 40 + b"]" * 40, b'{"a":Infinity}'],
)
def test_what_is_not_json(text: bytes) -> None:
    with pytest.raises(NotJson):
        decode_json(text)


def test_json_as_deep_as_allowed() -> None:
    decode_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    decode_json(b'"' + b"[" * 1000 + b'"')


def test_numbers_and_texts_that_orjson_refuses_are_left_to_validation() -> None:
    assert decode_json(b'[1e400, "\\ud800"]') == [float("inf"), "\ud800"]
