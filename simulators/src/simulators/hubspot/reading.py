"""Requests, read and checked."""

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from simulators.hubspot.errors import invalid_json, validation

DATED = "{version:2026-03|2026-09}"


def both(method: str, stem: str, rest: str, handler: Any) -> list[web.RouteDef]:
    """The v3 route and the dated one: ``/crm/v3/objects…`` and ``/crm/objects/2026-03…`` for the stem crm/objects."""
    area, _, name = stem.partition("/")
    paths = (f"/{area}/v3/{name}{rest}", f"/{area}/{name}/{DATED}{rest}")
    return [web.route(method, path, handler) for path in paths]


async def document(request: web.Request) -> Mapping[str, Any]:
    """The JSON object in the body. Raises HubSpotRefused (400)."""
    try:
        found = orjson.loads(await request.read())
    except orjson.JSONDecodeError as error:
        raise validation(f"Invalid input JSON on line {error.lineno}, column {error.colno}: {error.msg}") from None
    if not isinstance(found, dict):
        raise invalid_json("Cannot deserialize the body: an object is expected")
    return found


async def inputs(request: web.Request, most: int = 100) -> tuple[Mapping[str, Any], list[Mapping[str, Any]]]:
    """The body and the rows of a batch. Raises HubSpotRefused (400)."""
    body = await document(request)
    rows = body.get("inputs")
    if not isinstance(rows, list) or not all(isinstance(each, dict) for each in rows):
        raise invalid_json("Some required fields were not set: [inputs]")
    if len(rows) > most:
        raise validation(f"The maximum number of inputs is {most}, but {len(rows)} were given.")
    return body, rows


def names(request: web.Request, parameter: str) -> tuple[str, ...]:
    """A parameter that may be repeated, and each may be a list with commas."""
    given = request.query.getall(parameter, [])
    return tuple(each.strip() for text in given for each in text.split(",") if each.strip())


def number(request: web.Request, parameter: str, default: int, most: int | None = None) -> int:
    """A parameter that is a whole number. Raises HubSpotRefused (400)."""
    text = request.query.get(parameter) or str(default)
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise validation(f"Invalid value for {parameter}: {text} is not a number")
    if most is not None and not 1 <= int(text) <= most:
        raise validation(f"Invalid value for {parameter}: {text} is not between 1 and {most}")
    return int(text)


def flag(request: web.Request, parameter: str) -> bool:
    """A parameter that is true or false (also when left out)."""
    return request.query.get(parameter, "false").lower() == "true"


def link(request: web.Request, public_url: str, after: str) -> str:
    """The address of the next page."""
    query = [(name, value) for name, value in request.query.items() if name != "after"]
    return str(request.url.with_query([*query, ("after", after)])).replace(str(request.url.origin()), public_url, 1)
