"""Days of birth, as people write them."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.leads.days import day_of_birth
from hub.leads.normalise import normalise

BORN = st.dates(date(1940, 1, 1), date(1999, 12, 31))


@given(BORN, st.sampled_from(["%Y-%m-%d", "%m/%d/%Y", "%d.%m.%Y", "%b %d, %Y", "%d %B %Y", "%m/%d/%y", "%m-%d-%Y"]))
def test_every_usual_way_is_read(born: date, shape: str) -> None:
    assert day_of_birth(born.strftime(shape), "US") == born.isoformat()


@given(BORN, st.sampled_from(["%d/%m/%Y", "%d-%m-%Y", "%d/%m/%y"]))
def test_the_day_comes_first_in_most_of_the_world(born: date, shape: str) -> None:
    assert day_of_birth(born.strftime(shape), "DE") == born.isoformat()


@given(st.text(max_size=30), st.sampled_from(["US", "DE"]))
def test_nothing_else_breaks_it(text: str, region: str) -> None:
    found = day_of_birth(text, region)
    assert found is None or day_of_birth(found, region) == found


@pytest.mark.parametrize(
    ("text", "region", "day"),
    [
        ("13/01/1960", "US", "1960-01-13"),  # there is no thirteenth month
        ("01/13/1960", "DE", "1960-01-13"),
        ("1960-01-13T00:00:00Z", "US", "1960-01-13"),
        ("Sept 3, 1971", "US", "1971-09-03"),
        ("3rd March 1971", "DE", "1971-03-03"),
        ("01/02/05", "US", None),  # 1905 or 2005?
        ("1960-02-30", "US", None),
        ("02/30/1960", "US", None),
        ("0000-01-01", "US", None),
        ("Smarch 3, 1971", "US", None),
        ("yes", "US", None),
        ("١٩٦٠-٠١-١٣", "US", None),
    ],
)
def test_what_is_open_stays_open(text: str, region: str, day: str | None) -> None:
    assert day_of_birth(text, region) == day


def test_a_doubtful_day_is_kept_as_typed() -> None:
    assert normalise({"date_of_birth": " 01/13/60 "}, "US").fields == {"date_of_birth": "1960-01-13"}
    result = normalise({"date_of_birth": "spring 1960"}, "US")
    assert result.fields == {"date_of_birth": "spring 1960"}
    assert [(doubt.field, doubt.code) for doubt in result.doubts] == [("date_of_birth", "INVALID_DATE")]
    assert normalise({"date_of_birth": None}, "US").doubts == ()
