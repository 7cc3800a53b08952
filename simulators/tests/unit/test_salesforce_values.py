"""Ids, moments and values of the simulated Salesforce."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as some

from simulators.salesforce.errors import Refused
from simulators.salesforce.fields import number, picklist, plain
from simulators.salesforce.ids import full_id, made_id
from simulators.salesforce.stamps import Stamps
from simulators.salesforce.times import literal, parsed, stored_day, told
from simulators.salesforce.values import from_csv, stored


def test_a_published_id() -> None:
    assert full_id("00Dx0000000BV7z") == full_id("00DX0000000bv7ZEAG") == "00Dx0000000BV7zEAG"
    assert [full_id(text) for text in ("", "short", "00Dx0000000BV7zE!G", "00Dx0000000BV7z999", None)] == [None] * 5


@given(some.integers(0, 62**9 - 2))
def test_ids_sort_by_number_and_survive_wrong_capitals(number: int) -> None:
    record_id = made_id("00Q", number)
    assert full_id(record_id[:15]) == full_id(record_id.upper()) == full_id(record_id.lower()) == record_id
    assert made_id("00Q", number + 1) > record_id


@given(some.datetimes(datetime(1700, 1, 1), datetime(4000, 1, 1)), some.integers(-14, 14))  # noqa: DTZ001 - zoned below
def test_moments_in_any_zone(naive: datetime, hours: int) -> None:
    moment = naive.replace(microsecond=0, tzinfo=timezone(timedelta(hours=hours)))
    assert parsed(moment.isoformat()) == moment
    assert parsed(told(moment)) == moment
    assert told(moment).endswith(".000+0000")


def test_literals_and_days() -> None:
    assert literal("2026-01-01T00:00:00.5Z") == "2026-01-01T00:00:00.500+0000"
    assert stored_day("2026-01-31T23:00:00Z") == stored_day("2026-01-31") == "2026-01-31"
    assert [parsed(text) for text in ("", "2026-13-01T00:00:00Z", "yesterday", "2026-01-01T00:00:00+99:00")] == [
        None
    ] * 4
    assert stored_day("2026-02-30") is None


@pytest.mark.parametrize(
    ("kind", "value", "kept"),
    [
        ("string", "", None), ("boolean", None, False), ("boolean", "true", True), ("email", "a@b.co", "a@b.co"),
        ("date", "2026-01-31", "2026-01-31"), ("datetime", "2026-01-31T01:00:00+01:00", "2026-01-31T00:00:00.000+0000"),
    ],
)  # fmt: skip
def test_kept_values(kind: str, value: object, kept: object) -> None:
    assert stored(plain("A__c", "A", kind), value) == kept


@pytest.mark.parametrize(
    ("kind", "value"),
    [("string", 5), ("string", []), ("boolean", "maybe"), ("email", "a b@c.de"), ("email", "a@b"),
     ("date", "31.1.2026"),     ("datetime", "now"), ("reference", "x"), ("address", {}), ("email", 5)],
)  # fmt: skip
def test_refused_values(kind: str, value: object) -> None:
    with pytest.raises(Refused):
        stored(plain("A__c", "A", kind), value)


def test_numbers_and_picklists() -> None:
    amount, count = (
        number("A__c", "A", "currency", precision=5, scale=2),
        number("B__c", "B", "int", precision=3, scale=0),
    )
    assert (stored(amount, 1.239), stored(count, 7), from_csv(count, "7")) == (1.24, 7, 7)
    for field, value in ((amount, 1000), (count, 1000), (count, "x"), (amount, True), (amount, float("nan"))):
        with pytest.raises(Refused):
            stored(field, value)
    several = picklist("C__c", "C", ("a", "b"), kind="multipicklist", restricted=True)
    assert stored(several, "a;b") == "a;b"
    with pytest.raises(Refused, match="restricted picklist"):
        stored(several, "a;z")


@given(some.lists(some.tuples(some.integers(0, 9), some.integers(0, 5)), max_size=40), some.integers(0, 9))
def test_stamps_give_each_record_once_in_order(writes: list[tuple[int, int]], low: int) -> None:
    stamps, records = Stamps(), {}
    for second, which in writes:
        stamp, record_id = told(datetime(2026, 1, 1, 0, 0, second, tzinfo=UTC)), f"r{which}"
        stamps.add(stamp, record_id, replaces=record_id in records)
        records[record_id] = {"SystemModstamp": stamp}
    floor = told(datetime(2026, 1, 1, 0, 0, low, tzinfo=UTC))
    expected = sorted((each["SystemModstamp"], name) for name, each in records.items())
    assert list(stamps.between(floor, None, records)) == [name for stamp, name in expected if stamp >= floor]
