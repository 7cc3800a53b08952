"""Coalescing: nothing is lost, doubled or reordered, and no message grows beyond its limits."""

import asyncio

import orjson
from hypothesis import given
from hypothesis import strategies as st

from hub.bus.group_commit import Gathering, Group

_EVENT = st.text(max_size=30).map(orjson.dumps)


def _gather(
    events: list[bytes], max_events: int, max_bytes: int, leave_after: set[int]
) -> tuple[list[Group], list["asyncio.Future[None]"]]:
    loop = asyncio.new_event_loop()
    try:
        gathering, groups, waiters = Gathering(max_events, max_bytes), [], []
        for number, event in enumerate(events):
            waiters.append(loop.create_future())
            full = gathering.add(event, waiters[-1])
            groups += [full] if full else []
            if number in leave_after:
                rest = gathering.take()
                groups += [rest] if rest else []
        rest = gathering.take()
        return groups + ([rest] if rest else []), waiters
    finally:
        loop.close()


@given(
    st.lists(_EVENT, max_size=60),
    st.integers(1, 10),
    st.integers(1, 200),
    st.sets(st.integers(0, 60)),
)
def test_every_event_leaves_once_in_order_with_its_own_waiter(
    events: list[bytes], max_events: int, max_bytes: int, leave_after: set[int]
) -> None:
    groups, waiters = _gather(events, max_events, max_bytes, leave_after)
    assert [event for group in groups for event in group.events] == events
    assert [waiter for group in groups for waiter in group.waiters] == waiters
    for group in groups:
        assert 0 < len(group.events) <= max_events
        assert orjson.loads(group.body()) == [orjson.loads(event) for event in group.events]
        assert len(group.body()) <= group.size
        assert group.size <= max_bytes or len(group.events) == 1


@given(st.lists(_EVENT, min_size=1, max_size=60), st.integers(1, 10))
def test_a_message_leaves_early_only_when_it_is_full(events: list[bytes], max_events: int) -> None:
    groups, _ = _gather(events, max_events, 10**6, set())
    assert [len(group.events) for group in groups[:-1]] == [max_events] * (len(groups) - 1)


def test_an_empty_gathering_has_nothing_to_take() -> None:
    gathering = Gathering()
    assert gathering.take() is None
    assert len(gathering) == 0
