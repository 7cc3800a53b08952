"""Values on their way out that a CRM cannot take: each named, each the trouble of its own record alone."""

from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from hub.contracts.failures import FailureKind
from hub.contracts.grants import FixedToken, Token
from hub.contracts.pushing import PushItem, PushResult

from .operations import failure_of, operations
from .stage import Sample, Stage, everywhere

UNSENDABLE: Mapping[str, tuple[Any, str]] = {
    "half a pair": ("cut \ud83d", "BROKEN_CHARACTER"),
    "NUL": ("a\x00b", "NUL_CHARACTER"),
    "2^63": (2**63, "OUT_OF_RANGE"),
    "2^64": (2**64, "OUT_OF_RANGE"),
    "-2^70": (-(2**70), "OUT_OF_RANGE"),
    "nan": (float("nan"), "OUT_OF_RANGE"),
    "inf": (float("inf"), "OUT_OF_RANGE"),
    "object": ({"a": 1}, "UNSUPPORTED_VALUE"),
}
LONG = "x" * 70_000


def leads(bad: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Five, of which the third is bad."""
    found: list[dict[str, Any]] = [
        {"first_name": "F", "last_name": "L", "email": f"p{n}@example.com"} for n in range(5)
    ]
    found[2] |= bad
    return found


def only_the_third(stage: Stage, items: list[PushItem], results: list[PushResult]) -> PushResult:
    """The others are stored."""
    assert [(result.ok, result.error) for result in results if result is not results[2]] == [(True, None)] * 4
    there = {str(person.reference) for person in stage.people().values()}
    assert there == {item.reference for item in items if item is not items[2]}
    bad = results[2]
    assert (bad.ok, bad.kind, bad.unknown_outcome) == (False, FailureKind.VALIDATION, False)
    assert bad.error is not None
    orjson.dumps([bad.error.message, bad.error.field, bad.error.attempted_value])  # it can be stored and shown
    assert "\x00" not in repr(bad.error)
    return bad


@pytest.mark.parametrize("name", UNSENDABLE)
@everywhere
async def test_a_value_that_cannot_travel(stage: Stage, name: str) -> None:
    value, code = UNSENDABLE[name]
    items = [stage.item(n, lead) for n, lead in enumerate(leads({"city": value}), 1)]
    bad = only_the_third(stage, items, await stage.client().push(items))
    assert bad.error
    assert bad.error.code == code
    assert bad.error.field in items[2].fields


@everywhere
async def test_one_that_cannot_travel_is_not_updated(stage: Stage) -> None:
    good = leads({})
    made = await stage.client().push([stage.item(n, lead) for n, lead in enumerate(good, 1)])
    worse = [lead | {"last_name": "New"} for lead in good]
    worse[2]["last_name"] = "\ud83d"
    items = [stage.item(n, worse[n - 1], made[n - 1].external_id, ["last_name"]) for n in range(1, 6)]
    results = await stage.client().push(items)
    assert [result.ok for result in results] == [True, True, False, True, True]
    assert results[2].external_id == made[2].external_id
    assert sorted(str(person.last_name) for person in stage.people().values()) == ["L", "New", "New", "New", "New"]


@everywhere
async def test_a_choice_that_the_crm_does_not_offer(stage: Stage) -> None:
    """Named as an error; or, where the choices are known beforehand, as left out of a record that is stored."""
    sample = stage.unknown_choice
    if sample.codes:
        await _refused(stage, sample)
        return
    config = dict(sample.config or {})
    items = [stage.item(n, lead, **config) for n, lead in enumerate(leads(sample.registers), 1)]
    results = await stage.client(**config).push(items)
    assert [(result.ok, result.left_out) for result in results] == [
        (True, (sample.field,) if n == 2 else ()) for n in range(5)
    ]


@everywhere
async def test_a_text_that_is_too_long(stage: Stage) -> None:
    field, code = {
        "salesforce": ("LastName", "STRING_TOO_LONG"), "hubspot": ("lastname", "VALUE_TOO_LONG"),
        "pipedrive": ("last_name", "TOO_LONG"), "custom": ("last_name", "TOO_LONG"),
    }[stage.crm_type]  # fmt: skip
    await _refused(stage, Sample({"last_name": LONG}, field, (code,)))


async def _refused(stage: Stage, sample: Sample) -> None:
    config = dict(sample.config or {})
    items = [stage.item(n, lead, **config) for n, lead in enumerate(leads(sample.registers), 1)]
    bad = only_the_third(stage, items, await stage.client(**config).push(items))
    assert bad.error
    assert bad.error.code in sample.codes
    assert bad.error.field == sample.field
    (value,) = sample.registers.values()
    assert bad.error.attempted_value
    assert value.startswith(bad.error.attempted_value)
    assert len(bad.error.attempted_value) <= 500


@pytest.mark.parametrize("key", ["canary\nkey", "canary\r\nX-Evil: 1", "canary\x00key"])
@everywhere
async def test_a_key_that_cannot_be_sent(stage: Stage, key: str) -> None:
    """Copied with a line break, say. It is told without being repeated."""
    (known, _) = stage.seed(2)
    stage.tokens = _Fixed(key, stage.road.url)
    for name, operation in operations(stage, known).items():
        error = await failure_of(stage, operation)
        assert error is not None, name
        assert error.code == "UNSENDABLE_CALL", name
        assert "canary" not in repr(error)
    assert not any("X-Evil" in call.headers for call in stage.road.calls)


class _Fixed(FixedToken):
    def __init__(self, value: str, base_url: str) -> None:
        super().__init__(value)
        self._token = Token(value, base_url)


@everywhere
async def test_everything_at_once(stage: Stage) -> None:
    """A batch of which every second record is bad, each for a reason of its own."""
    reasons: list[dict[str, Any]] = [{"city": value} for value, _ in UNSENDABLE.values()]
    reasons += [dict(stage.refused.registers), {"last_name": LONG}]
    people = [{"last_name": "L", "email": f"p{n}@example.com"} | (reasons[n // 2] if n % 2 else {}) for n in range(20)]
    results = await stage.client().push([stage.item(n, lead) for n, lead in enumerate(people, 1)])
    assert [result.ok for result in results] == [True, False] * 10
    assert {str(person.reference) for person in stage.people().values()} == {f"MPP-{n}" for n in range(1, 21, 2)}
