"""Golden events: what was published once must be readable for ever, and come out as it went in.

``golden/<type>.json`` is a whole event with every field set; ``golden/<type>.minimal.json`` is the least data that a
publisher ever had to send. A change that fails here breaks somebody: add a field with a default, or add a version.
"""

from pathlib import Path
from typing import Any

import orjson
import pytest
from pydantic import BaseModel

from hub.contracts.cloudevents import decode_batch, encode_batch
from hub.contracts.events import CATALOGUE, EventType

GOLDEN = Path(__file__).parents[2] / "golden"
TYPES = [pytest.param(spec, id=spec.type) for spec in CATALOGUE.values()]


def load(name: str) -> dict[str, Any]:
    document: dict[str, Any] = orjson.loads((GOLDEN / name).read_bytes())
    return document


def parsed(spec: EventType, data: dict[str, Any]) -> dict[str, Any]:
    return spec.data.model_validate(data).model_dump(mode="json", by_alias=True, exclude_unset=True)


def test_every_event_has_golden_files_and_no_file_is_left_over() -> None:
    expected = {f"{kind}{suffix}" for kind in CATALOGUE for suffix in (".json", ".minimal.json")}
    assert {file.name for file in GOLDEN.iterdir()} == expected


@pytest.mark.parametrize("spec", TYPES)
def test_the_golden_event_comes_out_as_it_went_in(spec: EventType) -> None:
    envelope = load(f"{spec.type}.json")
    (event,) = decode_batch(orjson.dumps(envelope))
    assert orjson.loads(encode_batch([event])) == [envelope]


@pytest.mark.parametrize("spec", TYPES)
def test_the_model_keeps_every_field_of_the_golden_event(spec: EventType) -> None:
    data = load(f"{spec.type}.json")["data"]
    assert parsed(spec, data) == data


@pytest.mark.parametrize("spec", TYPES)
def test_the_golden_event_sets_every_field_of_the_model(spec: EventType) -> None:
    def missing(model: type[BaseModel], data: dict[str, Any]) -> set[str]:
        return {field.alias or name for name, field in model.model_fields.items()} - data.keys()

    assert missing(spec.data, load(f"{spec.type}.json")["data"]) == set()


@pytest.mark.parametrize("spec", TYPES)
def test_no_field_became_required(spec: EventType) -> None:
    minimal = load(f"{spec.type}.minimal.json")
    assert parsed(spec, minimal) == minimal


@pytest.mark.parametrize("spec", TYPES)
def test_fields_from_the_future_are_ignored(spec: EventType) -> None:
    envelope = load(f"{spec.type}.json")
    newer = envelope | {"partitionkey": "x", "data": envelope["data"] | {"added_in_2030": {"a": [1]}}}
    (event,) = decode_batch(orjson.dumps([newer]))
    assert parsed(spec, dict(event.data)) == envelope["data"]
