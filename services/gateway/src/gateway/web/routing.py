"""What a route is, and how its table becomes aiohttp's."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Generic, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from gateway.domain.access import StoredKey, check_scope, check_usable
from gateway.domain.json_lines import line_of
from gateway.domain.problems import Code, Problem, problem_of
from gateway.gateway import Gateway
from gateway.web.bodies import BODY, read_json
from gateway.web.guard import Endpoint
from hub.contracts.errors import Invalid, Unauthenticated, Unavailable
from hub.contracts.scopes import Scope
from hub.telemetry.trace import current_traceparent

SESSION_COOKIE = "hub_session"
_BODY_LIMIT = 1_000_000
Query = TypeVar("Query")
Body = TypeVar("Body")


@dataclass(frozen=True, slots=True)
class Call(Generic[Query, Body]):
    """An authenticated request: who asks, and what, validated."""

    request: web.Request
    key: StoredKey
    ip: str | None
    query: Query
    body: Body

    @property
    def account_id(self) -> int:
        """The tenant that the key belongs to."""
        return self.key.account_id

    @property
    def traceparent(self) -> str | None:
        """The trace that the request is part of."""
        return current_traceparent.get()

    def actor(self, user: str | None = None) -> dict[str, str]:
        """Who causes what this request causes."""
        actor = {"user": user or self.key.name}
        return actor | {"ip_address": self.ip} if self.ip else actor

    def path(self, name: str) -> str:
        """A parameter of the address."""
        return self.request.match_info[name]


Handler = Callable[[Gateway, Call[Any, Any]], Awaitable[web.StreamResponse]]
CrmHandler = Callable[[Gateway, str, web.Request], Awaitable[web.StreamResponse]]
RawHandler = Callable[[Gateway, web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """One line of the table: ``handler`` with a scope, or ``raw`` or ``per_crm`` for requests that bring no API key.

    A route ``per_crm`` has ``{crm_type}`` in its path and an address of its own for every CRM that sends webhooks.
    """

    method: str
    path: str
    name: str
    summary: str
    tag: str
    handler: Handler | None = None
    scope: Scope | None = None
    raw: RawHandler | None = None
    per_crm: CrmHandler | None = None
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    parse_body: bool = True  # False: the handler reads the body, and ``body`` only documents it
    media: Mapping[str, str] = field(default_factory=dict)  # further body types, with what they hold
    headers: Mapping[str, str] = field(default_factory=dict)  # request headers that it understands
    status: int = 200
    response: type[BaseModel] | None = None
    produces: Sequence[str] = ("application/json",)  # the first has the shape of ``response``
    errors: Sequence[int] = ()
    example: Any = None
    deadline: bool = True  # answered with 503 when it takes too long; not for streams


def endpoints(route: Route, gateway: Gateway) -> Iterator[tuple[str, Endpoint]]:
    """(address, aiohttp handler) of a route."""
    if route.per_crm is not None:
        for crm_type in gateway.webhook_parsers:
            yield route.path.replace("{crm_type}", crm_type), partial(route.per_crm, gateway, crm_type)
    elif route.raw is not None:
        yield route.path, partial(route.raw, gateway)
    else:
        yield route.path, _authenticated(route, gateway)


def _authenticated(route: Route, gateway: Gateway) -> Endpoint:
    handler, scope = route.handler, route.scope
    assert handler is not None
    assert scope is not None
    seconds = gateway.settings.read_seconds + 12 if route.deadline else None

    async def serve(request: web.Request) -> web.StreamResponse:
        key, ip = await _authorise(gateway, request, scope)
        query = _read_query(route.query, request) if route.query else None
        body = await _read_model(route.body, request) if route.body and route.parse_body else None
        try:
            async with asyncio.timeout(seconds):
                return await handler(gateway, Call(request, key, ip, query, body))
        except Invalid as error:
            _add_line(request, error)
            raise
        except TimeoutError:
            raise Unavailable("The request took too long; try again", code="TIMEOUT", retry_after=5) from None

    return serve


def _add_line(request: web.Request, error: Invalid) -> None:
    """Name the line of a configuration that does not fit."""
    place, body = error.details.get("field"), request.get(BODY)
    if body is not None and isinstance(place, str) and place.startswith("config"):
        line = line_of(body.decode("utf-8", "replace"), place)
        if line is not None:
            error.details["line"] = line


async def _authorise(gateway: Gateway, request: web.Request, scope: Scope) -> tuple[StoredKey, str | None]:
    authorization = request.headers.get("Authorization")
    if authorization is not None:
        key = await gateway.keys.authenticate(authorization)
    else:
        key = await _by_session(gateway, request)
    ip = gateway.client_ip(request)
    check_usable(key, ip, datetime.now(UTC))
    check_scope(key, scope)
    if key.rate_per_minute:
        gateway.rates.take(key.id, key.rate_per_minute)
    return key, ip


async def _by_session(gateway: Gateway, request: web.Request) -> StoredKey:
    # Cookies only ever read: another site's form or script can make a browser send them, not see the answer.
    cookie = request.cookies.get(SESSION_COOKIE) if request.method == "GET" else None
    key_id = gateway.sessions.key_id(cookie, datetime.now(UTC).timestamp()) if cookie else None
    key = await gateway.keys.find(key_id) if key_id else None
    if key is None:
        raise Unauthenticated("Send an API key: Authorization: Bearer mpp_…")
    return key


def _read_query(model: type[BaseModel], request: web.Request) -> BaseModel:
    given: dict[str, str] = {}
    for name, value in request.query.items():
        if name in given:
            raise refusal(Problem(Code.INVALID_VALUE, "The parameter is given twice", name[:100]))
        given[name] = value
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise refusal(problem_of(error)) from None


async def _read_model(model: type[BaseModel], request: web.Request) -> BaseModel:
    value = await read_json(request, _BODY_LIMIT)
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise refusal(problem_of(error)) from None


def refusal(problem: Problem, **details: Any) -> Invalid:
    """A problem as the error that answers the request."""
    place: dict[str, Any] = {"field": problem.field} if problem.field else {}
    return Invalid(problem.message, code=str(problem.code), **place, **details)
