"""Merging is a semilattice: any order, any repetition, the same lead."""

from functools import reduce
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from hub.leads.clocks import Clock, micros, pack, unpack
from hub.leads.merge import Merged, first_version, merge, remote_changes, spelled_out

NAMES = st.sampled_from(["email", "phone", "status", "custom.tier"])
VALUES = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "b"]) | st.just(1.0)
CLOCKS = st.tuples(st.integers(0, 4), st.sampled_from(["crm/1", "crm/2", "api/x"]))
WRITES = st.lists(st.tuples(st.dictionaries(NAMES, VALUES, max_size=4), CLOCKS), max_size=6)


def apply(writes: list[tuple[dict[str, Any], Clock]]) -> tuple[dict[str, Any], dict[str, Clock]]:
    empty = Merged({}, {}, {}, False)
    merged = reduce(lambda lead, write: merge(lead.fields, lead.clocks, *write), writes, empty)
    return merged.fields, merged.clocks


@given(WRITES, st.randoms(use_true_random=False))
def test_order_and_repetition_do_not_matter(writes: list[tuple[dict[str, Any], Clock]], random: Any) -> None:
    shuffled = writes + writes[: len(writes) // 2]
    random.shuffle(shuffled)
    assert repr(sorted(apply(writes)[0].items())) == repr(sorted(apply(shuffled)[0].items()))
    assert apply(writes)[1] == apply(shuffled)[1]


@given(WRITES)
def test_a_repeated_write_changes_nothing(writes: list[tuple[dict[str, Any], Clock]]) -> None:
    fields, clocks = apply(writes)
    for values, clock in writes:
        again = merge(fields, clocks, values, clock)
        assert (again.changes, again.advanced) == ({}, False)


@given(st.dictionaries(NAMES, VALUES), CLOCKS)
def test_a_first_version_is_a_merge_into_nothing(writes: dict[str, Any], clock: Clock) -> None:
    first, merged = first_version({}, writes, clock), merge({}, {}, writes, clock)
    assert (first.fields, first.clocks) == (merged.fields, merged.clocks)
    written = {name: (old, new) for name, (old, new, _) in spelled_out(merged.changes).items()}
    assert {name: (old, new) for name, (old, new, _) in spelled_out(first.changes).items()} == written


def test_a_cleared_field_is_not_revived_by_an_older_value() -> None:
    cleared = merge({"phone": "1"}, {"phone": (1, "a")}, {"phone": None}, (3, "a"))
    late = merge(cleared.fields, cleared.clocks, {"phone": "2"}, (2, "b"))
    assert "phone" not in late.fields


def test_our_own_write_coming_back_is_no_change() -> None:
    known, sending = {"email": "a@x.com", "city": "Bonn"}, {"email": "b@x.com"}
    assert remote_changes({"email": "b@x.com", "city": "Bonn"}, known, sending) == {}
    assert remote_changes({"email": "a@x.com", "city": "Köln"}, known, sending) == {"city": "Köln"}
    assert remote_changes({"city": None, "zip": None}, known, {}) == {"city": None}


@given(WRITES)
def test_packed_clocks_are_the_same_clocks(writes: list[tuple[dict[str, Any], Clock]]) -> None:
    fields, clocks = apply(writes)
    fields["untold"] = "a default that nobody wrote"
    assert unpack(fields, orjson.loads(orjson.dumps(pack(fields, clocks)))) == clocks


def test_times_without_a_zone_are_utc() -> None:
    assert micros("2025-01-10T10:30:00") == micros("2025-01-10T11:30:00+01:00") == micros("2025-01-10T10:30:00Z")
