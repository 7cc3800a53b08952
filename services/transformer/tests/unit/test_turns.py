"""Decisions made without a lock stand only while nobody wrote what they rest on."""

import pytest

from transformer.domain.turns import Overtaken, Turns

ANN, BOB = frozenset({"1@ann@example.com"}), frozenset({"1@bob@example.com"})


def test_nobody_in_between() -> None:
    Turns().check(ANN, {1: [5, 6]}, {1: [5, 6]})
    Turns().check(ANN, {}, {1: []})


def test_our_own_batch_about_others_in_between_is_no_harm() -> None:
    turns = Turns()
    token = turns.enter(BOB)
    turns.check(ANN, {1: [5]}, {1: [5, token]})
    turns.check(ANN, {}, {1: [token]})


@pytest.mark.parametrize("seen", [{1: [5]}, {}])
def test_our_own_batch_about_the_same_person_in_between(seen: dict[int, list[int]]) -> None:
    turns = Turns()
    token = turns.enter(ANN)
    with pytest.raises(Overtaken):
        turns.check(ANN, seen, {1: [5, token] if seen else [token]})


def test_another_process_in_between() -> None:
    with pytest.raises(Overtaken):
        Turns().check(ANN, {1: [5]}, {1: [5, 77]})


def test_so_many_in_between_that_what_we_saw_is_gone() -> None:
    turns = Turns()
    with pytest.raises(Overtaken):
        turns.check(ANN, {1: [5]}, {1: [turns.enter(BOB) for _ in range(64)]})


def test_an_account_that_was_written_for_the_first_time_meanwhile() -> None:
    with pytest.raises(Overtaken):
        Turns().check(ANN, {}, {1: [77]})
