"""The generated reference: it is valid, complete, and the golden events are what it describes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator

from hub.contracts.events import CATALOGUE
from hub.contracts.topology import QUEUES
from hubctl.reference.asyncapi import asyncapi
from hubctl.reference.events import events_page
from hubctl.reference.settings import all_settings, settings_page

GOLDEN = Path(__file__).parents[3] / "shared/tests/golden"
DOCUMENT = asyncapi()


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from ([node["$ref"]] if isinstance(node.get("$ref"), str) else [])
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_every_reference_leads_somewhere() -> None:
    for reference in references(DOCUMENT):
        node: Any = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]
        assert node


@pytest.mark.parametrize("kind", CATALOGUE)
def test_golden_events_are_as_described(kind: str) -> None:
    message = DOCUMENT["components"]["messages"][kind]
    schema = {"components": DOCUMENT["components"], **message["payload"]}
    event = orjson.loads((GOLDEN / f"{kind}.json").read_bytes())
    Draft202012Validator(schema).validate([event])
    errors = Draft202012Validator(schema).iter_errors([event | {"accountid": "not a number"}])
    assert next(errors, None) is not None


def test_every_queue_hears_what_it_binds() -> None:
    operations = DOCUMENT["operations"]
    for queue in QUEUES:
        for kind in queue.binds:
            assert operations[f"{queue.name.removeprefix('mpp.')}.hears.{kind}"]["action"] == "receive"


def test_pages_name_everything() -> None:
    page = events_page()
    assert all(kind in page for kind in CATALOGUE)
    settings = settings_page()
    assert all(each.variable in settings for each in all_settings())


def test_every_setting_says_what_it_means() -> None:
    assert [each.variable for each in all_settings() if not each.meaning] == []
