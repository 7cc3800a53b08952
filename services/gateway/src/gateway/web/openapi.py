"""OpenAPI 3.1, generated from the table of routes and the pydantic models that it names."""

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from gateway.web.models_out import ErrorAnswer
from gateway.web.routing import Route

Names = dict[Any, dict[str, Any]]  # model -> its schema, a reference
_REF = "#/components/schemas/{model}"
_DESCRIPTION = (
    "Leads in and out of the hub. Send an API key as `Authorization: Bearer mpp_…`; each operation names the "
    "permission it needs. Every refusal has the same shape, with a machine-readable `code`."
)


def build_openapi(routes: Sequence[Route], version: str) -> dict[str, Any]:
    """The document. Everything in it comes from the routes."""
    models = sorted(
        {model for route in routes for model in _models(route)} | {ErrorAnswer}, key=lambda each: each.__name__
    )
    refs, schemas = models_json_schema([(model, "validation") for model in models], ref_template=_REF)
    names: Names = {model: schema for (model, _), schema in refs.items()}
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, names)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "CRM Hub",
            "version": version,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas.get("$defs", {}),
            "securitySchemes": {
                "apiKey": {"type": "http", "scheme": "bearer", "bearerFormat": "mpp_<id>_<secret>"},
                "session": {"type": "apiKey", "in": "cookie", "name": "hub_session"},
            },
        },
        "tags": [{"name": tag} for tag in dict.fromkeys(route.tag for route in routes)],
    }


def _models(route: Route) -> list[type[BaseModel]]:
    return [model for model in (route.body, route.response) if model]


def _operation(route: Route, names: Names) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "tags": [route.tag],
        "parameters": [*_path_parameters(route.path), *_query_parameters(route.query), *_header_parameters(route)],
        "responses": _responses(route, names),
    }
    handler = route.handler or route.raw or route.per_crm
    description = (handler.__doc__ or "").strip() if handler else ""
    if route.scope:
        description = f"{description}\n\nNeeds the permission `{route.scope}`."
        schemes = ["apiKey", "session"] if route.method == "GET" else ["apiKey"]
        operation["security"] = [{scheme: []} for scheme in schemes]
    operation["description"] = description
    if route.body:
        json_body: dict[str, Any] = {"schema": names[route.body]}
        if route.example is not None:
            json_body["example"] = route.example
        content = {"application/json": json_body}
        content |= {media: {"schema": {"type": "string", "description": what}} for media, what in route.media.items()}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _path_parameters(path: str) -> list[dict[str, Any]]:
    found = re.findall(r"\{(\w+)\}", path)
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in found]


def _query_parameters(model: type[BaseModel] | None) -> list[dict[str, Any]]:
    if model is None:
        return []
    schema = model.model_json_schema()
    definitions = schema.get("$defs", {})
    parameters = []
    for name, described in schema["properties"].items():
        inline = _inlined(described, definitions)
        parameter = {"name": name, "in": "query", "required": name in schema.get("required", []), "schema": inline}
        if description := inline.pop("description", None):
            parameter["description"] = description
        parameters.append(parameter)
    return parameters


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    # A parameter that may be absent is not one that may be null.
    if isinstance(schema, list):
        return [_inlined(each, definitions) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(definitions[schema["$ref"].rsplit("/", 1)[-1]], definitions)
    result = {name: _inlined(value, definitions) for name, value in schema.items() if name != "title"}
    options = [each for each in result.pop("anyOf", []) if each != {"type": "null"}]
    if result.get("default", 0) is None:
        del result["default"]
    return {**(options[0] if len(options) == 1 else {"anyOf": options} if options else {}), **result}


def _header_parameters(route: Route) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "header", "required": False, "schema": {"type": "string"}, "description": description}
        for name, description in route.headers.items()
    ]


def _responses(route: Route, names: Names) -> dict[str, Any]:
    good: dict[str, Any] = {"description": HTTPStatus(route.status).phrase}
    if route.status != 204:
        good["content"] = {media: {"schema": {"type": "string"}} for media in route.produces}
    if route.response:
        good["content"][route.produces[0]] = {"schema": names[route.response]}
    statuses = {*route.errors, 503}
    if route.scope:
        statuses |= {401, 403, 429}
    if route.query or route.body:
        statuses |= {422}
    if route.body:
        statuses |= {400, 413, 415}
    if "{" in route.path:
        statuses |= {404}
    error = {"application/json": {"schema": names[ErrorAnswer]}}
    refusals = {
        str(status): {"description": HTTPStatus(status).phrase, "content": error} for status in sorted(statuses)
    }
    return {str(route.status): good, **refusals}
