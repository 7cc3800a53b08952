"""What each answer of a subscriber means."""

from datetime import UTC, datetime

import pytest

from webhook_dispatcher.domain.delivery import Answer, State, Verdict
from webhook_dispatcher.domain.schedule import MAX_RETRY_AFTER, judge, parse_retry_after

SCHEDULE = (5.0, 30.0)
MIDDLE = 0.5  # of the jitter: the scheduled wait itself
NOW = datetime(2026, 1, 10, 10, 30, tzinfo=UTC)


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_any_2xx_is_delivered(status: int) -> None:
    assert judge(Answer(1.0, status=status), 1, SCHEDULE, MIDDLE) == Verdict(State.DELIVERED)


def test_410_ends_the_subscription() -> None:
    verdict = judge(Answer(1.0, status=410), 0, SCHEDULE, MIDDLE)
    assert (verdict.state, verdict.gone) == (State.FAILED, True)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(1.0, status=500), "HTTP 500"),
        (Answer(1.0, status=404), "HTTP 404"),
        (Answer(1.0, status=302), "HTTP 302: redirects are not followed"),
        (Answer(1.0, error="no answer within 10 s"), "no answer within 10 s"),
    ],
)
def test_everything_else_is_tried_again_on_schedule_and_then_given_up(answer: Answer, error: str) -> None:
    assert judge(answer, 0, SCHEDULE, MIDDLE) == Verdict(State.DUE, 5.0, error, step=1)
    assert judge(answer, 1, SCHEDULE, MIDDLE) == Verdict(State.DUE, 30.0, error, step=2)
    assert judge(answer, 2, SCHEDULE, MIDDLE) == Verdict(State.FAILED, 0.0, error, step=2)


def test_the_wait_is_spread_by_ten_percent_both_ways() -> None:
    answer = Answer(1.0, status=500)
    assert judge(answer, 1, SCHEDULE, 0.0).wait == pytest.approx(27.0)
    assert judge(answer, 1, SCHEDULE, 1.0).wait == pytest.approx(33.0)


def test_retry_after_can_only_lengthen_the_wait() -> None:
    assert judge(Answer(1.0, status=429, retry_after=120.0), 0, SCHEDULE, MIDDLE).wait == 120.0
    assert judge(Answer(1.0, status=503, retry_after=1.0), 0, SCHEDULE, MIDDLE).wait == 5.0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("120", 120.0),
        ("99999999999999999999", MAX_RETRY_AFTER),
        ("Sat, 10 Jan 2026 10:31:30 GMT", 90.0),
        ("Sat, 10 Jan 2026 10:00:00 GMT", 0.0),
        ("Sat, 10 Jan 2036 10:00:00 GMT", MAX_RETRY_AFTER),
        ("Sat, 99 Jan 2026 10:00:00 GMT", None),
    ],
)
def test_retry_after_as_seconds_or_date(header: str | None, seconds: float | None) -> None:
    assert parse_retry_after(header, NOW) == seconds
