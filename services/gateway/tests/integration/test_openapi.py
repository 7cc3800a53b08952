"""The OpenAPI document is valid, says of every route what it takes, and its examples work."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from gateway.routes import ROUTES


@pytest.fixture
async def document(hub: Any) -> Any:
    """What the gateway serves."""
    async with hub.client.get("/openapi.json") as answer:
        return await answer.json()


async def test_the_document_is_valid_and_complete(document: Any) -> None:
    validate(document)
    assert document["openapi"].startswith("3.1")
    for route in ROUTES:
        operation = document["paths"][route.path][route.method.lower()]
        assert operation["operationId"] == route.name
        assert operation["description"], route.name
        assert bool(operation.get("security")) == bool(route.scope)


async def test_every_example_is_what_its_schema_says(document: Any) -> None:
    checked = 0
    for path in document["paths"].values():
        for operation in path.values():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            if "example" in content:
                schema = {**content["schema"], "components": document["components"]}
                Draft202012Validator(schema).validate(content["example"])
                checked += 1
    assert checked >= 8


async def test_every_example_is_taken(hub: Any, document: Any) -> None:
    await hub.pool.execute(
        "INSERT INTO leads.lead (account_id, id, version, fields, clocks, created_at, updated_at)"
        " VALUES ($1, 123, 1, '{}', '{}', now(), now())",
        hub.account_id,
    )
    for route in ROUTES:
        if route.example is None or route.scope is None:
            continue
        async with hub.client.request(route.method, route.path.format(lead_id=123), json=route.example) as answer:
            assert answer.status == route.status, (route.name, await answer.text())
            assert route.response is not None
            route.response.model_validate(await answer.json())
