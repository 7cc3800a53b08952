"""Quota: never over a limit, the customer's reserve kept, live work first."""

import heapq
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.contracts.metering import Priority, Reading
from sync_worker.domain import budget as b

LIVE, ON_DEMAND, BACKFILL = Priority.LIVE, Priority.ON_DEMAND, Priority.BACKFILL
DAY = 86_400.0
START = 1_000_000.0


def burst(most: int = 100, seconds: float = 10.0) -> b.Level:
    return b.Level("burst", most, seconds, False, 0.0, START)


def daily(most: int = 1000, **changes: object) -> b.Level:
    level = b.Level("daily", most, DAY, True, 0.0, START, reserved=True)
    return replace(level, **changes)  # type: ignore[arg-type]


def granted(drawn: b.Granted | b.Refused) -> b.Granted:
    assert isinstance(drawn, b.Granted)
    return drawn


def refused(drawn: b.Granted | b.Refused) -> b.Refused:
    assert isinstance(drawn, b.Refused)
    return drawn


def most_within(calls: list[tuple[float, float]], seconds: float) -> float:
    """The most units in any stretch of that length, both of its ends included."""
    calls, top, begin, units = sorted(calls), 0.0, 0, 0.0
    for when, cost in calls:
        units += cost
        while calls[begin][0] < when - seconds:
            units -= calls[begin][1]
            begin += 1
        top = max(top, units)
    return top


class Crowd:
    """Meters of several processes that share levels, each using its permits a little late."""

    def __init__(self, levels: tuple[b.Level, ...], reserve: float, seed: int) -> None:
        self.levels, self.reserve, self.random = levels, reserve, random.Random(seed)
        self.calls: list[tuple[float, float]] = []
        self.by: dict[Priority, list[float]] = {priority: [] for priority in Priority}

    def run(self, workers: list[tuple[Priority, int]], seconds: float) -> None:
        """Each worker (its priority, its permits a block) calls as fast as it may."""
        queue = [(START + self.random.random(), number) for number in range(len(workers))]
        heapq.heapify(queue)
        late = b.tolerance(self.levels)
        while queue and queue[0][0] < START + seconds:
            now, number = heapq.heappop(queue)
            priority, count = workers[number]
            drawn = b.draw(self.levels, b.Ask(1, priority, count), now, self.reserve)
            if isinstance(drawn, b.Refused):
                heapq.heappush(queue, (now + drawn.wait * self.random.uniform(1, 1.2), number))
                continue
            self.levels = drawn.levels
            used = [time + self.random.uniform(0, late) for time in drawn.times]
            self.calls += [(time, 1.0) for time in used]
            self.by[priority] += used
            heapq.heappush(queue, (max(used), number))


@settings(max_examples=60, deadline=None)
@given(
    most=st.integers(1, 300),
    window=st.sampled_from([1.0, 2.0, 10.0, 60.0]),
    workers=st.lists(st.tuples(st.sampled_from(Priority), st.integers(1, 30)), min_size=1, max_size=6),
    seed=st.integers(0, 10_000),
)
def test_a_crowd_of_copies_never_exceeds_a_burst_limit_in_any_stretch(
    most: int, window: float, workers: list[tuple[Priority, int]], seed: int
) -> None:
    crowd = Crowd((burst(most, window),), 0.0, seed)
    crowd.run(workers, 4 * window)
    assert most_within(crowd.calls, window) <= most


@pytest.mark.parametrize(("most", "window"), [(5, 1.0), (20, 2.0), (110, 10.0), (250, 10.0), (60, 60.0)])
def test_a_limit_is_used_to_nine_tenths(most: int, window: float) -> None:
    crowd = Crowd((burst(most, window),), 0.0, 1)
    crowd.run([(LIVE, 1), (LIVE, 1), (LIVE, 1), (BACKFILL, 5)], 10 * window)
    assert len([time for time, _ in crowd.calls if time < START + 10 * window]) >= 0.9 * most * 10


@settings(max_examples=60, deadline=None)
@given(
    most=st.integers(2, 500),
    reserve=st.floats(0, 0.9),
    fixed=st.booleans(),
    workers=st.lists(st.tuples(st.sampled_from(Priority), st.integers(1, 30)), min_size=1, max_size=6),
    seed=st.integers(0, 10_000),
)
def test_the_customer_s_reserve_is_kept(
    most: int, reserve: float, fixed: bool, workers: list[tuple[Priority, int]], seed: int
) -> None:
    """Also when nobody tells what is used, over a day that is none of the calendar's (rolling)."""
    levels = (daily(most, fixed=fixed), burst(most, 1.0))
    crowd = Crowd(levels, reserve, seed)
    crowd.run(workers, DAY - 10 if fixed else 1.5 * DAY)
    assert most_within(crowd.calls, DAY) <= most * (1 - reserve) + 1e-6


def test_live_work_goes_before_the_rest() -> None:
    crowd = Crowd((burst(100, 10.0),), 0.0, 3)
    crowd.run([(BACKFILL, 5)] * 3 + [(LIVE, 1)] * 12, 60.0)
    assert len(crowd.by[BACKFILL]) < 0.05 * len(crowd.by[LIVE])
    # And while live work leaves something over, the rest has it.
    alone = Crowd((burst(100, 10.0),), 0.0, 3)
    alone.run([(BACKFILL, 1)], 60.0)
    assert len(alone.by[BACKFILL]) > 500


def test_a_live_call_waits_little_behind_a_backfill() -> None:
    levels: tuple[b.Level, ...] = (burst(100, 10.0),)
    now = START
    for _ in range(100):
        drawn = b.draw(levels, b.Ask(1, BACKFILL, 50), now, 0.0)
        if isinstance(drawn, b.Granted):
            levels = drawn.levels
        now += 0.05
    live = granted(b.draw(levels, b.Ask(1, LIVE), now, 0.0))
    assert live.times[0] - now < 0.7


def test_lower_priorities_leave_something_of_a_day() -> None:
    level = daily(1000)
    for priority, share in ((BACKFILL, 680), (ON_DEMAND, 760), (LIVE, 800)):
        assert b.draw([replace(level, used=share - 1)], b.Ask(1, priority), START, 0.2).__class__ is b.Granted
        assert b.draw([replace(level, used=share)], b.Ask(1, priority), START, 0.2).__class__ is b.Refused


def test_a_day_that_is_spent_opens_at_its_end() -> None:
    level = daily(1000, used=800.0)
    assert refused(b.draw([level], b.Ask(1, LIVE), START + 3600, 0.2)).wait == DAY - 3600
    assert granted(b.draw([level], b.Ask(1, LIVE), START + DAY, 0.2)).levels[0].used == 1


def test_all_windows_or_none() -> None:
    drawn = b.draw([burst(), daily(1000, used=800.0)], b.Ask(1, LIVE), START, 0.2)
    assert refused(drawn).window == "daily"
    drawn = b.draw([burst(), daily()], b.Ask(3, LIVE), START, 0.2)
    assert [level.used for level in granted(drawn).levels] == [3, 3]


def test_a_costly_call_waits_for_its_turn() -> None:
    """More than may be spent at once, but it is possible, at any priority."""
    for priority in Priority:
        drawn = granted(b.draw([burst(100, 10.0)], b.Ask(40, priority), START, 0.0))
        assert 3 < drawn.times[0] - START < 4
        assert isinstance(b.draw(drawn.levels, b.Ask(1, BACKFILL), START, 0.0), b.Refused)


def test_the_vendor_s_count_is_the_truth() -> None:
    level = daily(1000, used=100.0)
    more = b.learnt(level, Reading("daily", limit=2000, remaining=1500), 4, START, 0.2)
    assert (more.most, more.used, more.learnt_at) == (2000, 504, START)
    less = b.learnt(level, Reading("daily", remaining=950), 0, START, 0.2)
    assert less.used == 50
    assert b.learnt(level, Reading("daily", remaining=903), 0, START, 0.2).used == 100  # an answer that was overtaken
    moved = b.learnt(level, Reading("daily", remaining=900, resets_in=600.0), 0, START, 0.2)
    assert moved.since + moved.seconds == START + 600
    assert b.drained(moved, START + 601, 0.2).used == 0


def test_others_use_of_a_burst_limit_slows_us_down() -> None:
    held = b.learnt(burst(), Reading("burst", remaining=0, resets_in=1.5), 0, START, 0.0)
    assert refused(b.draw([held], b.Ask(1, LIVE), START, 0.0)).wait == 1.5
    assert b.learnt(burst(), Reading("burst", remaining=5), 0, START, 0.0).closed_until == 0


def test_a_narrow_limit_that_the_hub_uses_up_by_itself_is_no_sign_of_others() -> None:
    told = Reading("burst", remaining=0, resets_in=2.0)
    assert b.learnt(burst(30), told, 0, START, 0.0).closed_until == 0
    assert b.learnt(burst(4, 2.0), told, 0, START, 0.0).closed_until == 0
    assert b.learnt(burst(480, 2.0), told, 0, START, 0.0).closed_until == START + 2.0


def test_a_limit_that_is_lower_than_was_thought_counts_what_was_used_too_quickly() -> None:
    lower = b.learnt(replace(burst(), used=1.0), Reading("burst", limit=40, remaining=32), 1, START, 0.0)
    assert (lower.most, lower.used) == (40, 9)
    same = b.learnt(lower, Reading("burst", limit=40, remaining=20), 0, START, 0.0)
    assert same.used == 9


def test_a_refusal_of_the_vendor_closes_the_window() -> None:
    shut = b.closed(burst(), 30, START)
    assert refused(b.draw([shut], b.Ask(1, LIVE), START + 10, 0.0)).wait == 20
    assert b.closed(shut, 5, START).closed_until == START + 30
    granted(b.draw([shut], b.Ask(1, LIVE), START + 30, 0.0))


def test_once_the_vendor_tells_a_little_is_left_for_calls_of_other_copies() -> None:
    """A reading does not count what is under way elsewhere: the reserve is kept all the same."""
    told = b.learnt(daily(1000), Reading("daily", remaining=206), 0, START, 0.2)
    assert isinstance(b.draw([told], b.Ask(1, LIVE), START, 0.2), b.Granted)
    told = b.learnt(daily(1000), Reading("daily", remaining=205), 0, START, 0.2)
    assert isinstance(b.draw([told], b.Ask(1, LIVE), START, 0.2), b.Refused)


def test_permits_that_were_not_used_come_back_to_a_stock() -> None:
    assert b.given_back(daily(1000, used=10.0), 4, START, 0.2).used == 6
    assert b.given_back(daily(1000, used=1.0), 4, START, 0.2).used == 0
    assert b.given_back(replace(burst(), used=3.0), 3, START, 0.0).used == 3  # its time has gone by


def test_when_little_is_left_of_a_day_calls_are_spread_over_the_rest() -> None:
    assert b.thrift([burst(), daily(1000, used=300.0)], START, 0.2) == 0
    gap = b.thrift([daily(1000, used=700.0)], START + DAY / 2, 0.2)
    assert gap == pytest.approx(DAY / 2 / 100)
