"""Every event of a batch is accounted for once, whatever its outcome."""

from hypothesis import given
from hypothesis import strategies as st

from hub.bus.settlement import Delivery, apart, settle
from hub.contracts.cloudevents import Event, decode_batch, encode_batch
from hub.contracts.errors import Outcome, dead, retry
from hub.contracts.topology import Queue

_QUEUE = Queue("q", ("t.v1",), delivery_limit=3)
_OUTCOME = st.sampled_from([None, retry("later"), dead("never")])
_MESSAGE = st.tuples(st.lists(_OUTCOME, min_size=1, max_size=5), st.integers(0, 4))


def _event(number: int) -> Event:
    return Event("t.v1", 1, "s", {"n": number}, "test", id=str(number))


@given(st.lists(_MESSAGE, max_size=6), st.integers(0, 2))
def test_every_event_is_done_again_or_dead_exactly_once(
    messages: list[tuple[list[Outcome | None], int]], unreadable: int
) -> None:
    deliveries: list[Delivery] = [Delivery(b"{", f"bad{number}") for number in range(unreadable)]
    outcomes: dict[str, Outcome] = {}
    expected_again, expected_dead, number = {}, set(), 0
    for decisions, attempt in messages:
        events = []
        for outcome in decisions:
            events.append(_event(number))
            if outcome is not None:
                outcomes[str(number)] = outcome
                if outcome == retry("later") and attempt + 1 < _QUEUE.delivery_limit:
                    expected_again[str(number)] = attempt + 1
                else:
                    expected_dead.add(str(number))
            number += 1
        deliveries.append(Delivery(encode_batch(events), number, attempt))
    settlement = settle(deliveries, outcomes, _QUEUE)
    assert {letter.id: letter.attempt for letter in settlement.again} == expected_again
    bad = [letter for letter in settlement.dead if letter.reason.startswith("unreadable")]
    assert len(bad) == unreadable
    assert {letter.id for letter in settlement.dead if letter not in bad} == expected_dead
    assert settlement.events == number + unreadable
    for letter in settlement.again:
        assert [event.id for event in decode_batch(letter.body)] == [letter.id]


def test_a_letter_knows_the_delivery_it_came_in() -> None:
    deliveries = [Delivery(encode_batch([_event(number)]), f"tag{number}") for number in range(2)]
    settlement = settle(deliveries, {"1": dead("never")}, _QUEUE)
    assert [letter.origin for letter in settlement.dead] == ["tag1"]


def test_apart_makes_a_message_of_every_event() -> None:
    delivery = Delivery(encode_batch([_event(number) for number in range(3)]), "tag", attempt=1)
    settlement = apart([delivery])
    assert [(letter.id, letter.attempt, letter.origin) for letter in settlement.again] == [
        ("0", 1, "tag"),
        ("1", 1, "tag"),
        ("2", 1, "tag"),
    ]
    assert settlement.dead == []


def test_what_cannot_be_read_is_kept_even_when_a_message_is_taken_apart() -> None:
    body = b"[5," + encode_batch([_event(1), _event(2)])[1:]
    settlement = apart([Delivery(body, "tag")])
    assert [letter.id for letter in settlement.again] == ["1", "2"]
    assert [(letter.body, letter.origin) for letter in settlement.dead] == [(b"[5]", "tag")]


def test_a_reason_fits_in_a_message_header() -> None:
    for outcome in (dead("x" * 1_000_000), retry("\N{GRINNING FACE}" * 1_000_000), dead("a\x00\ud800")):
        assert len(outcome.reason.encode()) <= 2_000
        assert "\x00" not in outcome.reason
