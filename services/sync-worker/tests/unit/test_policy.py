"""The design document's retry policy, and what becomes of a row."""

import math
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.contracts.failures import FailureKind, RecordError
from hub.contracts.pushing import PushItem, PushResult
from sync_worker.domain.gate import Gate
from sync_worker.domain.plan import Claimed, Plan, Step
from sync_worker.domain.policy import RetryPolicy, judge, read_policy
from sync_worker.domain.settlement import failed, given_back, left_alone, succeeded

DOCUMENTED = {
    "retry_config": {"max_attempts": 3, "initial_delay": 1000, "max_delay": 30000, "backoff_multiplier": 2},
    "error_handling": {
        "rate_limit": "exponential_backoff",
        "network_error": "retry_with_backoff",
        "auth_error": "refresh_token",
        "validation_error": "log_and_skip",
    },
}


def longest() -> float:
    return 1.0


def verdict(kind: FailureKind, attempts: int = 0, **options: Any) -> tuple[float | None, int]:
    arguments = {"retry_after": None, "to_blame": True, "random": longest} | options
    decided = judge(RetryPolicy(), kind, attempts, **arguments)
    return decided.delay, decided.attempts


def test_the_documents_tables_are_the_defaults() -> None:
    assert read_policy(DOCUMENTED) == read_policy({}) == RetryPolicy()
    assert read_policy({"retry_config": {"max_attempts": "many"}}) == RetryPolicy()


def test_delays_double_up_to_the_longest() -> None:
    policy = RetryPolicy()
    assert [policy.delay(n, longest) for n in range(1, 8)] == [1, 2, 4, 8, 16, 30, 30]
    assert policy.delay(10**6, longest) == 30


@given(st.integers(1, 200), st.floats(0, 1))
def test_chance_takes_off_at_most_half(failures: int, chance: float) -> None:
    policy = RetryPolicy()
    assert (
        policy.delay(failures, longest) / 2 <= policy.delay(failures, lambda: chance) <= policy.delay(failures, longest)
    )


@pytest.mark.parametrize("kind", [FailureKind.NETWORK, FailureKind.SERVER])
def test_network_errors_are_retried_up_to_the_limit(kind: FailureKind) -> None:
    assert verdict(kind) == (1.0, 1)
    assert verdict(kind, 1) == (2.0, 2)
    assert verdict(kind, 2) == (None, 3)
    assert verdict(kind, 0, retry_after=9.0) == (9.0, 1)


def test_a_crm_that_is_away_costs_no_attempt() -> None:
    assert verdict(FailureKind.NETWORK, 2, to_blame=False) == (4.0, 2)


def test_a_rate_limit_is_obeyed_and_costs_no_attempt() -> None:
    assert verdict(FailureKind.RATE_LIMIT, 2, retry_after=7.0) == (7.0, 2)
    assert verdict(FailureKind.RATE_LIMIT, 0) == (1.0, 0)


def test_a_refused_record_is_skipped_at_once() -> None:
    assert verdict(FailureKind.VALIDATION) == (None, 1)


def test_a_refused_key_makes_the_work_wait() -> None:
    assert verdict(FailureKind.AUTH, 0, to_blame=False) == (1.0, 0)
    assert verdict(FailureKind.AUTH, 2) == (None, 3)  # the key is good, this record is forbidden


def test_the_table_can_be_changed() -> None:
    policy = read_policy(
        {"error_handling": {"validation_error": "retry_with_backoff", "network_error": "log_and_skip"}}
    )
    assert judge(policy, FailureKind.VALIDATION, 0, retry_after=None, to_blame=True, random=longest).delay == 1
    assert judge(policy, FailureKind.NETWORK, 0, retry_after=None, to_blame=True, random=longest).delay is None


ITEM = PushItem(7, None, "MPP-7", {}, {})
ROW = Claimed(7, UUID(int=1), 3, 3, {}, None, {}, None, None, None, False, 0, 1.0)
CREATE, LOOK_UP = Plan(ROW, Step.CREATE, ITEM, {"a": 1}), Plan(ROW, Step.LOOK_UP, ITEM, {"a": 1})
UPDATE = Plan(ROW, Step.UPDATE, replace(ITEM, external_id="EXT-1"), {"a": 1})
ERROR = RecordError("E", "m", "f")


def after(todo: Plan, *, unknown: bool, kind: FailureKind = FailureKind.NETWORK) -> tuple[bool, bool]:
    result = PushResult(False, kind=kind, error=ERROR, unknown_outcome=unknown)
    settlement = failed(todo, result, RetryPolicy(), to_blame=True, random=longest)
    return settlement.create_settled, settlement.write_settled


def test_an_unknown_outcome_is_remembered() -> None:
    assert after(CREATE, unknown=True) == (False, False)
    assert after(CREATE, unknown=False) == (True, True)
    assert after(UPDATE, unknown=True) == (True, False)
    assert after(LOOK_UP, unknown=False) == (False, False)  # the look-up failed, so nothing is known yet


def test_what_was_not_tried_is_as_it_was() -> None:
    assert given_back(CREATE, 2.0).create_settled
    doubtful = Plan(replace(ROW, create_in_doubt=True, attempts=1), Step.LOOK_UP, ITEM)
    settlement = given_back(doubtful, 2.0)
    assert (settlement.state, settlement.attempts, settlement.delay, settlement.create_settled) == (
        "due",
        1,
        2.0,
        False,
    )


def test_success_settles_everything() -> None:
    settlement = succeeded(CREATE, PushResult(True, "EXT-1", "create"), 5.0, linked=False)
    assert (settlement.state, settlement.pushed_version, settlement.external_id) == ("in_sync", 3, "EXT-1")
    assert (settlement.base, settlement.action, settlement.create_settled) == ({"a": 1}, "create", True)
    assert succeeded(UPDATE, PushResult(True, "EXT-1", "update"), 5.0, linked=True).action == "link"
    assert left_alone(Plan(replace(ROW, version=None), Step.NOTHING)).pushed_version == 3


def test_a_failure_is_told_in_full() -> None:
    result = PushResult(False, kind=FailureKind.VALIDATION, error=ERROR)
    settlement = failed(UPDATE, result, RetryPolicy(), to_blame=True, random=longest)
    assert (settlement.state, settlement.external_id) == ("failed", "EXT-1")
    assert settlement.error == {
        "kind": "validation",
        "code": "E",
        "message": "m",
        "field": "f",
        "status": None,
        "attempted_value": None,
    }


@given(st.lists(st.tuples(st.sampled_from(["throttle", "shut", "answered"]), st.floats(0, 100)), max_size=20))
def test_the_gate_never_opens_early(steps: list[tuple[str, float]]) -> None:
    gate, now, until = Gate(), 0.0, -math.inf
    for step, seconds in steps:
        if step == "throttle":
            gate.throttle(now, seconds)
        elif step == "shut":
            gate.shut(now, seconds)
            assert gate.down
        else:
            gate.answered()
            assert (gate.down, gate.setbacks) == (False, 0)
        until = max(until, now + seconds if step != "answered" else until)
        assert gate.remaining(now) == max(0.0, until - now) or until == -math.inf
        now += 1


def test_many_calls_that_hear_the_same_are_one_setback() -> None:
    gate = Gate()
    for _ in range(16):
        gate.throttle(0.0, 5.0)
    assert gate.setbacks == 1
    gate.throttle(6.0, 5.0)
    assert gate.setbacks == 2
