"""A pull goes through everything exactly, however records are distributed in time, and survives a restart anywhere."""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.connectors.hubspot.cursors import Archived, Changes, Listing, Stand, read_cursor, settled
from hub.contracts.failures import CrmFailure

START = Stand(0, 0, 0.0)


def through_json(cursor: Any) -> Any:
    return read_cursor(orjson.loads(orjson.dumps(cursor.document())))


def search(records: list[tuple[int, int]], cursor: Changes, page: int) -> list[tuple[int, int]]:
    """As the API answers: in order of time, those of one moment in any order; a crowd in order of id."""
    if cursor.crowd is not None:
        found = sorted(
            (each for each in records if each[0] == cursor.at and each[1] > cursor.crowd), key=lambda r: r[1]
        )
    else:
        found = sorted((each for each in records if each[0] >= cursor.at), key=lambda r: (r[0], -r[1] % 7))
    return found[:page]


@settings(max_examples=300)
@given(
    st.lists(st.tuples(st.integers(1, 12), st.integers(1, 400)), unique_by=lambda each: each[1], max_size=120),
    st.integers(2, 9),
    st.integers(0, 12),
)
def test_every_change_is_read_whatever_the_crowds(records: list[tuple[int, int]], page: int, since: int) -> None:
    cursor: Changes | None = Changes(START, since)
    seen: set[tuple[int, int]] = set()
    for _ in range(2000):
        assert cursor is not None
        found = search(records, cursor, page)
        seen.update(found)
        newest = cursor.seen(moment for moment, _ in found)
        following = cursor.after(found, complete=len(found) < page)
        if following is None:
            break
        cursor = through_json(following)
        assert isinstance(cursor, Changes)
    else:
        raise AssertionError("never ends")
    assert seen == {each for each in records if each[0] >= since}
    assert newest == max((moment for moment, _ in seen), default=0)


@settings(max_examples=100)
@given(st.data())
def test_records_that_change_meanwhile_push_no_other_past_the_reader(data: st.DataObject) -> None:
    records = [(number // 3, number) for number in range(1, 40)]
    cursor, now = Changes(START, 0), 100
    seen: set[int] = set()
    for _ in range(500):
        found = search(records, cursor, 4)
        seen.update(number for _, number in found)
        following = cursor.after(found, complete=len(found) < 4)
        if following is None:
            break
        cursor = following
        if now < 130:
            changed = data.draw(st.integers(0, len(records) - 1))
            records[changed] = (now, records[changed][1])
            now += 1
    assert seen == set(range(1, 40))


def test_a_pager_that_leads_nowhere_is_named() -> None:
    with pytest.raises(CrmFailure, match="STUCK_PAGER"):
        Changes(START, 5, crowd=9).after([(5, 8), (5, 9)], complete=False)
    with pytest.raises(CrmFailure, match="STUCK_PAGER"):
        Changes(START, 5).after([(3, 8), (4, 9)], complete=False)


def test_the_next_run_looks_back_until_the_index_must_have_caught_up() -> None:
    stand = settled(Stand(0, 0, 0.0), 10_000, 3_000, now=50.0)
    assert stand == Stand(7_000, 10_000, 50.0)
    assert settled(stand, 10_000, 3_000, now=52.0) == stand
    assert settled(stand, 10_000, 3_000, now=53.0) == Stand(10_000, 10_000, 50.0)
    assert settled(Stand(10_000, 10_000, 50.0), 11_000, 3_000, now=60.0) == Stand(10_000, 11_000, 60.0)


def test_cursors_survive_the_store() -> None:
    for cursor in (
        Stand(1, 2, 3.5),
        Listing(START, "77", 500),
        Listing(START, None, None),
        Changes(START, 5, 9, 6),
        Archived(START, 4, "3", None),
    ):
        assert through_json(cursor) == cursor
    for strange in (None, {}, {"at": "changes"}, {"page": 3}, {"at": "rest", "since": 1}):
        assert read_cursor(strange) is None
