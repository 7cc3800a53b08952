"""A subscription in trouble is given less at a time, then a rest; one that answers, more."""

from hypothesis import given
from hypothesis import strategies as st

from webhook_dispatcher.domain.pace import Pace

MOST = 32


def test_answers_raise_the_limit_up_to_the_most() -> None:
    pace = Pace(MOST)
    for _ in range(100):
        pace.answered(True, 3.0, 0.0)
    assert pace.limit == MOST


def test_slow_answers_count_as_trouble_for_the_limit_only() -> None:
    pace = Pace(MOST)
    for _ in range(20):
        pace.answered(True, 6000.0, 0.0)
    assert pace.limit == 1
    assert pace.allowance(0, 0.0) == 2
    assert pace.usual


def test_after_ten_failures_in_a_row_it_rests_longer_and_longer() -> None:
    pace = Pace(MOST)
    rests = []
    for _ in range(20):
        pace.answered(False, 3.0, 100.0)
        rests.append(max(pace.rests_until - 100.0, 0.0))
    assert rests[:12] == [0.0] * 9 + [0.5, 1.0, 2.0]
    assert rests[-1] == 30.0
    assert pace.allowance(0, 129.0) == 0
    assert pace.allowance(0, 130.0) == 2


def test_one_success_ends_all_rest() -> None:
    pace = Pace(MOST)
    for _ in range(15):
        pace.answered(False, 3.0, 100.0)
    pace.answered(True, 3.0, 101.0)
    assert pace.allowance(0, 101.0) > 0
    assert pace.usual


@given(st.integers(1, 500), st.lists(st.tuples(st.booleans(), st.floats(0, 20_000)), max_size=200))
def test_the_limit_stays_within_its_bounds(most: int, answers: list[tuple[bool, float]]) -> None:
    pace = Pace(most)
    for ok, duration in answers:
        pace.answered(ok, duration, 0.0)
        assert 1 <= pace.limit <= most
        assert 0 <= pace.allowance(0, 1e9) <= 2 * most
