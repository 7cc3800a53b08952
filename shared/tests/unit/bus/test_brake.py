"""The brake trips when nearly everything dies, and only then."""

from hypothesis import given
from hypothesis import strategies as st

from hub.bus.brake import Brake, BrakeSettings

_SETTINGS = BrakeSettings(window=200, minimum=50, ratio=0.9)
_BATCHES = st.lists(st.integers(1, 500).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))), max_size=50)


def test_it_trips_when_all_of_enough_events_die() -> None:
    brake = Brake(_SETTINGS)
    assert not brake.observe(49, 49)
    assert brake.observe(1, 1)
    assert brake.on


def test_a_few_deaths_among_many_do_not_trip_it() -> None:
    brake = Brake(_SETTINGS)
    for _ in range(100):
        assert not brake.observe(500, 400)


def test_a_good_past_does_not_hide_a_bad_present() -> None:
    brake = Brake(_SETTINGS)
    brake.observe(100_000, 0)
    assert not brake.observe(100, 100)
    assert brake.observe(200, 200)


def test_a_probe_that_dies_keeps_it_on_and_one_that_lives_releases_it() -> None:
    brake = Brake(_SETTINGS)
    brake.observe(50, 50)
    assert not brake.observe(10, 10)
    assert brake.on is True
    assert brake.observe(10, 2)
    assert bool(brake.on) is False
    assert not brake.observe(49, 49)  # the past is forgotten


@given(_BATCHES)
def test_it_is_on_exactly_when_the_window_is_nearly_all_dead(batches: list[tuple[int, int]]) -> None:
    brake = Brake(_SETTINGS)
    seen: list[tuple[int, int]] = []
    for events, dead in batches:
        seen.append((events, dead))
        brake.observe(events, dead)
        kept: list[tuple[int, int]] = []
        for batch in reversed(seen):
            if sum(size for size, _ in kept) >= _SETTINGS.window:
                break
            kept.append(batch)
        total, died = sum(size for size, _ in kept), sum(lost for _, lost in kept)
        assert brake.on == (total >= 50 and died >= 0.9 * total)
        if brake.on:
            break
