"""How leads are put together for calls, and who is to blame when a call fails."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.contracts.connector import Manifest
from hub.contracts.failures import FailureKind, RecordError
from hub.contracts.pushing import PushResult
from sync_worker.domain.gathering import Gathering, next_call
from sync_worker.domain.options import Options, read_options
from sync_worker.domain.outcome import companies, read, told_of_job
from sync_worker.domain.road import Road

OK = PushResult(True, "EXT-1", "update")
GONE = PushResult(False, gone=True)


def failure(kind: FailureKind, code: str = "E", **more: Any) -> PushResult:
    return PushResult(False, kind=kind, error=RecordError(code, "m"), **more)


LOST, BROKEN = failure(FailureKind.NETWORK), failure(FailureKind.SERVER)
INVALID, LIMITED = failure(FailureKind.VALIDATION), failure(FailureKind.RATE_LIMIT, retry_after=3.0)


def test_a_lone_lead_and_a_full_call_go_at_once() -> None:
    gathering = Gathering(100)
    assert gathering.wait(0.0, 1, 0) == 0
    gathering.set_out(0.0, 1)
    assert gathering.wait(0.01, 100, 3) == 0
    assert Gathering(1).wait(0.0, 1, 15, thrift=60) == 0


def test_what_is_left_waits_for_company_but_not_long() -> None:
    gathering = Gathering(100)
    gathering.set_out(0.0, 100)
    assert 0 < gathering.wait(0.01, 50, 0) <= 0.2
    assert 0 < gathering.wait(0.01, 50, 1) <= 1.0  # a call is under way
    assert gathering.wait(1.01, 50, 4) == 0
    assert gathering.wait(0.01, 50, 0, thrift=5.0) == pytest.approx(4.99)


def test_a_trickle_gathers_more_and_more_until_it_is_quiet() -> None:
    gathering, now, calls = Gathering(100), 0.0, 0
    while now < 60:
        if gathering.wait(now, 1, 0) == 0:
            gathering.set_out(now, 1)
            calls += 1
        now += 0.05
    assert 30 <= calls <= 45  # of 1,200 edits; each waits two seconds at most
    assert gathering.wait(now + 10, 1, 0) == 0
    gathering.set_out(now + 10, 1)
    assert gathering.wait(now + 10.3, 1, 0) == 0


@given(st.lists(st.integers(1, 8), min_size=1, max_size=40), st.integers(1, 8))
def test_every_lead_sets_out_once_in_company_that_it_may_travel_in(limits: list[int], most: int) -> None:
    ready = list(enumerate(limits))
    gone = []
    while ready:
        call = next_call(ready, most, lambda each: each[1])
        assert 1 <= len(call) <= min(most, *(limit for _, limit in call))
        assert call[0] == ready[0]
        ready = [each for each in ready if each not in call]
        gone += call
    assert sorted(gone) == list(enumerate(limits))


def test_leads_that_failed_alike_are_in_doubt_together() -> None:
    assert companies([OK, LOST, LOST, BROKEN, INVALID, INVALID, LIMITED, LIMITED, GONE]) == [[1, 2]]
    assert companies([LOST]) == []
    assert companies([failure(FailureKind.SERVER, "A"), failure(FailureKind.SERVER, "B")]) == []


def test_results_are_read_together() -> None:
    assert read([LOST, LOST]).whole
    assert read([LOST, LIMITED]).whole
    assert not read([LOST, OK]).whole
    assert not read([LOST, GONE]).whole
    assert not read([INVALID, OK]).stumbled
    assert (read([LIMITED, OK]).limited, read([LIMITED, OK]).wait) == (True, 3.0)
    assert not read([BROKEN, OK]).road
    assert read([failure(FailureKind.AUTH)]).refused


def test_a_job_that_is_refused_is_no_record_s_fault() -> None:
    assert {result.kind for result in told_of_job([INVALID, INVALID])} == {FailureKind.SERVER}
    other = failure(FailureKind.VALIDATION, "OTHER")
    for results in ([INVALID, other], [INVALID, OK], [OK, OK], [LIMITED, LIMITED]):
        assert told_of_job(results) == results


def test_on_a_good_road_three_failures_are_a_lead_s_own() -> None:
    road = Road()
    for lead in range(1000):
        road.went([lead], failed=False)
    road.went([7], failed=True)
    assert not road.excuses(7, 3)


def test_on_a_bad_road_failures_are_chance_for_longer_but_not_for_ever() -> None:
    road = Road()
    for lead in range(1000):
        road.went([lead], failed=lead % 10 == 0)
    excused = 0
    while road.excuses(5000, 3):
        road.went([5000], failed=True)
        excused += 1
    assert 2 <= excused <= 9
    road.went([5000], failed=False)
    assert road.excuses(5000, 3)  # it got through: a clean slate


def test_a_lead_that_is_alone_is_no_witness_for_itself() -> None:
    road = Road()
    for _ in range(5):
        road.went([1], failed=True)
    assert not road.excuses(1, 3)


def test_one_bad_option_does_not_take_the_others_with_it() -> None:
    assert read_options({"quota_reserve": 0.5, "push_concurrency": "many", "x": 1}) == Options(quota_reserve=0.5)
    assert read_options({"quota_reserve": 2, "bulk_threshold": 10}) == Options(bulk_threshold=10)


def test_options_go_before_what_the_connector_says() -> None:
    batches = Manifest("x", "X", (), {}, push_batch=200, bulk_batch=10_000, bulk_threshold=2000)
    single = Manifest("y", "Y", (), {})
    assert (Options().threshold(batches), Options().threshold(single)) == (2000, None)
    assert Options(bulk_threshold=5).threshold(batches) == 5
    assert (Options().concurrency(batches, 16), Options().concurrency(single, 16)) == (4, 16)
    assert Options(push_concurrency=9).concurrency(batches, 16) == 9
