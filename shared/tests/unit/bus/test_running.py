"""A handler that raises: which events are blamed, and for how long a batch is held."""

import asyncio
from collections.abc import Mapping, Sequence

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from hub.bus.backoff import pauses
from hub.bus.faults import is_passing, outcome_of
from hub.bus.running import Runner
from hub.contracts.cloudevents import Event
from hub.contracts.errors import Conflict, Fate, HubError, Outcome, RateLimited, Unavailable, dead, retry


@given(st.integers(1, 120), st.sets(st.integers(0, 119), max_size=6))
def test_exactly_the_events_that_raise_are_blamed(count: int, poison: set[int]) -> None:
    calls = 0
    handled: list[int] = []

    async def handle(events: Sequence[Event]) -> Mapping[str, Outcome]:
        nonlocal calls
        calls += 1
        for event in events:
            if event.data["n"] in poison:
                raise ValueError("bad")
        handled.extend(event.data["n"] for event in events)
        return {}

    async def run() -> Mapping[str, Outcome] | None:
        events = [Event("t.v1", 1, "s", {"n": number}, "test", id=str(number)) for number in range(count)]
        return await Runner("q", handle, asyncio.Event()).run(events)

    bad = {number for number in poison if number < count}
    with capture_logs():  # printing tracebacks would take most of the time
        found = asyncio.run(run())
    assert found == {str(number): retry("ValueError: bad") for number in bad}
    assert handled == [number for number in range(count) if number not in bad]
    assert calls <= 1 + 2 * len(bad) * count.bit_length()


async def test_outcomes_of_a_quiet_handler_are_its_own() -> None:
    async def handle(events: Sequence[Event]) -> Mapping[str, Outcome]:
        return {events[0].id: dead("no")}

    event = Event("t.v1", 1, "s", {}, "test")
    assert await Runner("q", handle, asyncio.Event()).run([event]) == {event.id: dead("no")}
    assert await Runner("q", handle, asyncio.Event()).run([]) == {}


async def test_a_hold_ends_when_the_consumer_stops() -> None:
    stopping = asyncio.Event()

    async def handle(_: Sequence[Event]) -> Mapping[str, Outcome]:
        stopping.set()
        raise Unavailable

    assert await Runner("q", handle, stopping).run([Event("t.v1", 1, "s", {}, "test")]) is None


@pytest.mark.parametrize(
    ("error", "passing"),
    [
        (Unavailable(), True),
        (RateLimited(), True),
        (HubError(), True),
        (Conflict(), False),
        (ConnectionRefusedError(), True),
        (TimeoutError(), True),
        (asyncpg.ConnectionDoesNotExistError(), True),
        (asyncpg.CannotConnectNowError(), True),
        (asyncpg.AdminShutdownError(), True),
        (asyncpg.TooManyConnectionsError(), True),
        (asyncpg.DeadlockDetectedError(), True),
        (asyncpg.InterfaceError("connection is closed"), True),
        (asyncpg.InterfaceError("the server expects 2 arguments"), False),
        (asyncpg.DataError("invalid input: connection is closed"), False),
        (asyncpg.UniqueViolationError(), False),
        (asyncpg.UndefinedTableError(), False),
        (ValueError(), False),
        (KeyError("x"), False),
    ],
)
def test_what_an_exception_says_about_the_batch(error: Exception, passing: bool) -> None:
    assert is_passing(error) is passing


def test_what_an_exception_says_about_a_lone_event() -> None:
    assert outcome_of(Conflict("twice")) == dead("CONFLICT: twice")
    assert outcome_of(KeyError("x")) == retry("KeyError: 'x'")
    assert outcome_of(Unavailable()).fate is Fate.RETRY
    assert len(outcome_of(ValueError("x" * 10_000)).reason) == 500


@given(st.floats(0, 1), st.floats(0.01, 1), st.floats(1, 60))
def test_pauses_grow_to_their_limit_and_never_beyond(chance: float, first: float, longest: float) -> None:
    waiting = pauses(first, longest, chance=lambda: chance)
    found = [next(waiting) for _ in range(20)]
    assert all(0 < pause <= longest for pause in found)
    assert found == sorted(found)
    assert found[-1] == pytest.approx(longest * (1 - chance / 2))
