"""Misbehaviour on demand.

A rule says which calls (regular expressions on method and path), how often (``probability``, or the next ``times``) and
what happens: one of the generic kinds below, applied by the middleware, or a kind of the vendor's own, for which the
vendor's code asks with ``draw``.
"""

import asyncio
import random
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

from simulators.kit.answers import broken

GENERIC = {
    "latency",  # the answer comes ``seconds`` later
    "status",  # ``status``, ``body`` (text or JSON) and ``headers`` instead of the API's answer; nothing happens
    "reset",  # the connection is cut; nothing happens
    "truncate",  # the call takes effect; the answer breaks off in the middle
    "html",  # a web page, with ``status`` (200 unless told), instead of the API's answer; nothing happens
    "lost_answer",  # the call takes effect; the connection is cut before the answer
}
_PAGE = "<!doctype html><html><head><title>Just a moment...</title></head><body><h1>Sorry</h1></body></html>"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class BadRule(ValueError):
    """A rule that cannot be followed."""


@dataclass(slots=True)
class Rule:
    """One rule. ``options`` holds what the kind needs."""

    kind: str
    method: re.Pattern[str]
    path: re.Pattern[str]
    probability: float = 1.0
    times: int | None = None  # how often yet; None: no end
    skip: int = 0  # how often it lets pass first, each time that it would be asked
    options: Mapping[str, Any] = field(default_factory=dict)
    hits: int = 0

    def concerns(self, method: str, path: str) -> bool:
        """Whether the rule matches a call."""
        return self.times != 0 and bool(self.method.search(method)) and bool(self.path.search(path))


class Faults:
    """The rules in force. ``vendor_kinds`` are allowed beside the generic ones."""

    def __init__(self, vendor_kinds: Iterable[str] = ()) -> None:
        self._kinds = GENERIC | set(vendor_kinds)
        self._rules: list[Rule] = []
        self._random = random.Random(1)

    def set(self, document: Mapping[str, Any]) -> None:
        """Replace all rules: ``{"rules": [{"match": {…}, "kind": …, …}], "seed": 1}``. Raises BadRule."""
        rules = [self._rule(each) for each in document.get("rules", [])]
        self._rules, self._random = rules, random.Random(document.get("seed", 1))

    def clear(self) -> None:
        """No more faults."""
        self._rules = []

    def report(self) -> list[dict[str, Any]]:
        """The rules and how often each struck."""
        return [
            {"kind": rule.kind, "path": rule.path.pattern, "times_left": rule.times, "hits": rule.hits}
            for rule in self._rules
        ]

    def draw(self, kind: str, method: str, path: str) -> Mapping[str, Any] | None:
        """Whether a fault of this kind strikes now; its options if so. Each question is a new draw."""
        for rule in self._rules:
            if rule.kind == kind and rule.concerns(method, path) and self._strikes(rule):
                return rule.options
        return None

    def _strikes(self, rule: Rule) -> bool:
        if rule.skip > 0:
            rule.skip -= 1
            return False
        if rule.probability < 1 and self._random.random() >= rule.probability:
            return False
        if rule.times is not None:
            rule.times -= 1
        rule.hits += 1
        return True

    def _rule(self, wish: Any) -> Rule:
        try:
            match, kind = wish.get("match", {}), wish["kind"]
            rule = Rule(
                kind,
                re.compile(match.get("method", ""), re.IGNORECASE),
                re.compile(match.get("path", "")),
                float(wish.get("probability", 1.0)),
                int(wish["times"]) if wish.get("times") is not None else None,
                int(wish.get("skip", 0)),
                {name: value for name, value in wish.items() if name not in ("match", "kind", "probability", "times")},
            )
        except (re.error, KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadRule(f"not a rule: {error!r}") from None
        if kind not in self._kinds:
            raise BadRule(f"unknown kind {kind!r}; there are {', '.join(sorted(self._kinds))}")
        return rule


def faults_middleware(faults: Faults) -> Any:
    """Applies the generic kinds to every call outside /control."""

    @web.middleware
    async def apply(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith("/control"):
            return await handler(request)

        def struck(kind: str) -> Mapping[str, Any] | None:
            return faults.draw(kind, request.method, request.path)

        if (late := struck("latency")) is not None:
            await asyncio.sleep(float(late.get("seconds", 1)))
        if struck("reset") is not None:
            return broken(request)
        if (page := struck("html")) is not None:
            return web.Response(text=_PAGE, status=int(page.get("status", 200)), content_type="text/html")
        if (instead := struck("status")) is not None:
            return _instead(instead)
        response = await handler(request)
        if struck("lost_answer") is not None:
            return broken(request, response)
        if struck("truncate") is not None:
            return await _truncated(request, response)
        return response

    return apply


def _instead(options: Mapping[str, Any]) -> web.Response:
    body, headers = options.get("body", ""), dict(options.get("headers", {}))
    if not isinstance(body, str):
        body = orjson.dumps(body).decode()
        headers.setdefault("Content-Type", "application/json")
    return web.Response(text=body, status=int(options.get("status", 503)), headers=headers)


async def _truncated(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """The first half of the body under the length of the whole."""
    body = response.body if isinstance(response, web.Response) else None
    if not isinstance(body, bytes) or not body:
        return broken(request, response)
    half = web.StreamResponse(status=response.status, headers=response.headers)
    half.content_length = len(body)
    await half.prepare(request)
    await half.write(body[: len(body) // 2])
    if request.transport:
        request.transport.close()
    return half
