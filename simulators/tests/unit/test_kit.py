"""The simulators' kit: clock, budgets, grants, people, faults."""

import asyncio
import re
from datetime import UTC, datetime

import pytest

from simulators.kit.clock import Clock
from simulators.kit.faults import BadRule, Faults
from simulators.kit.grants import Client, Grants, OAuthRefused, TokenExpired, challenge_of
from simulators.kit.people import person
from simulators.kit.windows import DAY, Budget


async def test_a_jump_of_the_clock_wakes_sleepers() -> None:
    clock = Clock()
    sleeper = asyncio.create_task(clock.sleep(3600))
    await asyncio.sleep(0)
    clock.advance(1800)
    await asyncio.sleep(0.01)
    assert not sleeper.done()
    clock.advance(1800)
    await asyncio.wait_for(sleeper, 1)


def test_the_clock_goes_on_from_where_it_is_set() -> None:
    clock = Clock()
    clock.set(datetime(2030, 1, 1, tzinfo=UTC))
    assert 0 <= clock.time() - datetime(2030, 1, 1, tzinfo=UTC).timestamp() < 1
    assert clock.now().year == 2030


def test_a_rolling_budget_gives_back_as_time_goes_by() -> None:
    clock = Clock()
    budget = Budget(clock, 3, 2.0)
    assert [budget.take() for _ in range(4)] == [True, True, True, False]
    assert (budget.remaining, budget.refused, budget.peak) == (0, 1, 3)
    assert 1.5 < budget.reset_in <= 2
    clock.advance(1)
    assert not budget.take()
    clock.advance(1.01)
    assert budget.take(3)
    clock.advance(-100)  # what was spent in what is now the future no longer counts
    assert budget.take(3)


def test_a_rolling_budget_knows_when_each_call_of_a_crowd_came() -> None:
    clock = Clock()
    budget = Budget(clock, 100, 2.0)
    for _ in range(100):  # within a tenth of a second
        assert budget.take()
        clock.advance(0.001)
    clock.advance(1.95)
    assert 40 <= budget.remaining <= 60


def test_a_day_ends_at_midnight() -> None:
    clock = Clock()
    clock.set(datetime(2030, 1, 1, 23, 59, 50, tzinfo=UTC))
    budget = Budget(clock, 5, DAY, rolling=False)
    assert budget.take(5)
    assert not budget.take()
    assert 9 < budget.reset_in <= 10
    clock.advance(10)
    assert budget.take(5)


def test_no_limit_counts_all_the_same() -> None:
    budget = Budget(Clock(), None, 2.0)
    assert all(budget.take() for _ in range(100))
    assert (budget.peak, budget.remaining) == (100, float("inf"))


def test_pkce_codes_and_their_refusals() -> None:
    clock = Clock()
    grants, client = Grants(clock), Client("hub-client", "hub-secret")
    uri = "http://localhost:1/cb"

    def code() -> str:
        return grants.issue_code(client.id, uri, "a b", challenge_of("v" * 50))

    for verifier, error in ((None, "invalid_grant"), ("wrong", "invalid_request")):
        with pytest.raises(OAuthRefused) as refused:
            grants.redeem(client, code(), uri, verifier)
        assert refused.value.error == error
    issued = grants.redeem(client, code(), uri, "v" * 50)
    assert issued.grant.scope == "a b"
    assert grants.bearer(issued.access_token) is issued.grant
    assert grants.bearer("stranger") is None
    clock.advance(3601)
    with pytest.raises(TokenExpired) as expired:
        grants.bearer(issued.access_token)
    assert 0 < expired.value.seconds < 10


def test_an_access_token_in_use_may_live_on() -> None:
    clock = Clock()
    grants = Grants(clock, sliding=True, access_seconds=100)
    token = grants.grant("hub-client").access_token
    for _ in range(3):
        clock.advance(90)
        assert grants.bearer(token)


@pytest.mark.parametrize(
    ("uri", "allowed"),
    [
        ("http://localhost:8000/cb", True),
        ("http://127.9.9.9/cb", True),
        ("http://[::1]:1/cb", True),
        ("https://hub.example.com/cb", False),
        ("http://127.0.0.1.example.com/", False),
        ("http://localhost@example.com/", False),
        ("", False),
        ("http://[/", False),
    ],
)
def test_redirects_stay_on_this_machine_unless_registered(uri: str, allowed: bool) -> None:
    assert Client("c", "s").allows(uri) is allowed
    assert Client("c", "s", ("https://hub.example.com/cb",)).allows(uri) is (uri == "https://hub.example.com/cb")


def test_faults_are_drawn_as_ordered_and_the_same_for_the_same_seed() -> None:
    def draws(seed: int) -> list[bool]:
        faults = Faults(["lag"])
        faults.set({"rules": [{"match": {"path": "^/a"}, "kind": "lag", "probability": 0.5}], "seed": seed})
        return [faults.draw("lag", "GET", "/a") is not None for _ in range(50)]

    assert draws(1) == draws(1) != draws(2)
    faults = Faults(["lag"])
    faults.set({"rules": [{"match": {"method": "post"}, "kind": "lag", "times": 1, "skip": 1, "seconds": 5}]})
    assert faults.draw("lag", "GET", "/") is None
    assert [faults.draw("lag", "POST", "/") is not None for _ in range(4)] == [False, True, False, False]
    for rule in ({"kind": "other"}, {}, {"kind": "lag", "match": {"path": "("}}, "x"):
        with pytest.raises(BadRule):
            faults.set({"rules": [rule]})


def test_people_are_many_and_the_same_for_the_same_seed() -> None:
    people = [person(number) for number in range(10_000)]
    assert people == [person(number) for number in range(10_000)]
    assert len({each.email for each in people}) == 10_000
    assert len({re.sub(r"\D", "", each.phone)[-10:] for each in people}) == 10_000
    assert all(each.email.isascii() for each in people)
    assert any(not each.name.isascii() for each in people)
