"""The control API, under /control and without a key: what tests and demonstrations steer."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol

import orjson
from aiohttp import web

from simulators.kit.answers import answer
from simulators.kit.clock import Clock
from simulators.kit.deliveries import Deliveries
from simulators.kit.faults import BadRule, Faults
from simulators.kit.grants import LOOPBACK, Client, Grants
from simulators.kit.ledger import Ledger

_LINES_AT_ONCE = 500


class ControlRefused(Exception):
    """The control API says no: a status and why."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


class World(Protocol):
    """A vendor's simulator. Methods raise ControlRefused for what does not exist or does not fit."""

    clock: Clock
    faults: Faults
    ledger: Ledger
    grants: Grants
    deliveries: Deliveries

    def reset(self) -> None:
        """Forget records, subscriptions, spent limits and whatever else the vendor keeps."""

    def seed(self, kind: str, count: int, records: list[dict[str, Any]] | None, seed: int) -> list[str]:
        """Store many records quickly, without webhooks: ``count`` made up ones, or those given; their ids."""

    def records(self, kind: str, *, deleted: bool) -> Iterable[Mapping[str, Any]]:
        """All records as stored, with deleted ones or without."""

    def create(self, kind: str, fields: dict[str, Any]) -> Mapping[str, Any]:
        """Create a record as a person does in the vendor's pages: with webhooks. The record."""

    def edit(self, kind: str, record_id: str, fields: dict[str, Any]) -> Mapping[str, Any]:
        """Change one likewise."""

    def delete(self, kind: str, record_id: str) -> None:
        """Delete one likewise."""

    def merge(self, kind: str, winner: str, losers: list[str]) -> Mapping[str, Any]:
        """Merge records into the winner likewise; the winner."""

    def limits(self, settings: dict[str, Any] | None) -> Mapping[str, Any]:
        """Change limits by name (None as a value: off), or only tell them; those in force."""


def control_routes(world: World) -> list[web.RouteDef]:
    """The routes that every simulator has."""
    return [*_record_routes(world), *_machine_routes(world), *_watch_routes(world)]


def _record_routes(world: World) -> list[web.RouteDef]:
    async def seed(request: web.Request) -> web.Response:
        wish = await document(request)
        rows = wish.get("records")
        ids = world.seed(text(wish, "object"), int(wish.get("count", 0)), rows, int(wish.get("seed", 1)))
        return answer({"created": len(ids), "first": ids[0] if ids else None, "last": ids[-1] if ids else None}, 201)

    async def records(request: web.Request) -> web.StreamResponse:
        found = world.records(request.match_info["object"], deleted=request.query.get("deleted") == "true")
        return await _lines(request, found)

    async def create(request: web.Request) -> web.Response:
        wish = await document(request)
        return answer(world.create(text(wish, "object"), wish.get("fields", {})), 201)

    async def edit(request: web.Request) -> web.Response:
        wish = await document(request)
        kind = text(wish, "object")
        if "edits" in wish:
            for each in wish["edits"]:
                world.edit(kind, str(each["id"]), each.get("fields", {}))
            return answer({"edited": len(wish["edits"])})
        return answer(world.edit(kind, text(wish, "id"), wish.get("fields", {})))

    async def delete(request: web.Request) -> web.Response:
        wish = await document(request)
        ids = [str(each) for each in wish.get("ids", [wish.get("id")])]
        for each in ids:
            world.delete(text(wish, "object"), each)
        return answer({"deleted": len(ids)})

    async def merge(request: web.Request) -> web.Response:
        wish = await document(request)
        losers = [str(each) for each in wish.get("losers", [wish.get("loser")])]
        return answer(world.merge(text(wish, "object"), text(wish, "winner"), losers))

    return [
        web.post("/control/seed", guarded(seed)),
        web.get("/control/records/{object}", guarded(records)),
        web.post("/control/create", guarded(create)),
        web.post("/control/edit", guarded(edit)),
        web.post("/control/delete", guarded(delete)),
        web.post("/control/merge", guarded(merge)),
    ]


def _machine_routes(world: World) -> list[web.RouteDef]:
    async def reset(_request: web.Request) -> web.Response:
        world.clock.reset()
        world.faults.clear()
        world.grants.reset()
        world.deliveries.reset()
        world.reset()
        world.ledger.reset()
        return answer({"reset": True})

    async def clock(request: web.Request) -> web.Response:
        wish = await document(request) if request.method == "POST" else {}
        if "now" in wish:
            world.clock.set(datetime.fromisoformat(wish["now"]))
        world.clock.advance(float(wish.get("advance", 0)))
        return answer({"now": world.clock.now().isoformat()})

    async def limits(request: web.Request) -> web.Response:
        return answer(world.limits(await document(request) if request.method == "POST" else None))

    async def faults(request: web.Request) -> web.Response:
        if request.method == "POST":
            world.faults.set(await document(request))
        if request.method == "DELETE":
            world.faults.clear()
        return answer({"rules": world.faults.report()})

    async def tokens(request: web.Request) -> web.Response:
        wish = await document(request)
        expired = world.grants.expire(wish["expire"]) if "expire" in wish else 0
        revoked = 0
        if "revoke" in wish:
            everything = wish["revoke"] == "all"
            revoked = world.grants.revoke_all() if everything else int(world.grants.revoke(wish["revoke"]))
        return answer({"expired": expired, "revoked": revoked})

    async def clients(request: web.Request) -> web.Response:
        wish = await document(request)
        uris = tuple(wish.get("redirect_uris", [LOOPBACK]))
        name = wish.get("name", "CRM Hub")
        world.grants.register(Client(text(wish, "client_id"), text(wish, "client_secret"), uris, name))
        return answer({"client_id": wish["client_id"], "redirect_uris": uris}, 201)

    both = [("POST", "/control/clock", clock), ("GET", "/control/clock", clock), ("POST", "/control/limits", limits),
            ("GET", "/control/limits", limits), ("POST", "/control/reset", reset), ("GET", "/control/faults", faults),
            ("POST", "/control/faults", faults), ("DELETE", "/control/faults", faults),
            ("POST", "/control/tokens", tokens), ("POST", "/control/clients", clients)]  # fmt: skip
    return [web.route(method, path, guarded(handler)) for method, path, handler in both]


def _watch_routes(world: World) -> list[web.RouteDef]:
    async def webhooks(request: web.Request) -> web.Response:
        if request.method == "POST":
            world.deliveries.misbehave(await document(request))
        return answer(world.deliveries.report(int(request.query.get("limit", 100))))

    async def calls(_request: web.Request) -> web.Response:
        return answer({**world.ledger.report(), "refreshes": world.grants.refreshes})

    async def recount(_request: web.Request) -> web.Response:
        world.ledger.reset()
        world.grants.refreshes = 0
        return answer({"reset": True})

    return [
        web.get("/control/webhooks", guarded(webhooks)),
        web.post("/control/webhooks", guarded(webhooks)),
        web.get("/control/calls", guarded(calls)),
        web.post("/control/calls/reset", guarded(recount)),
    ]


def guarded(handler: Any) -> Any:
    """A control handler whose refusals are answered in JSON."""

    async def guard(request: web.Request) -> web.StreamResponse:
        try:
            response: web.StreamResponse = await handler(request)
        except ControlRefused as refused:
            return answer({"error": str(refused)}, refused.status)
        except BadRule as bad:
            return answer({"error": str(bad)}, 422)
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            return answer({"error": f"not understood: {error!r}"}, 422)
        return response

    return guard


async def document(request: web.Request) -> dict[str, Any]:
    """The JSON object in the body; an empty body is an empty one. Raises ControlRefused."""
    try:
        found = orjson.loads(await request.read() or b"{}")
    except orjson.JSONDecodeError:
        raise ControlRefused(400, "the body is not JSON") from None
    if not isinstance(found, dict):
        raise ControlRefused(422, "send a JSON object")
    return found


def text(wish: Mapping[str, Any], name: str) -> str:
    """A member that must be there, as text. Raises ControlRefused."""
    if wish.get(name) is None:
        raise ControlRefused(422, f"{name} is missing")
    return str(wish[name])


async def _lines(request: web.Request, records: Iterable[Mapping[str, Any]]) -> web.StreamResponse:
    """One record a line; records that change while this is read may be told in either state."""
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    rows = list(records)
    await response.prepare(request)
    for start in range(0, len(rows), _LINES_AT_ONCE):
        chunk = rows[start : start + _LINES_AT_ONCE]
        await response.write(b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in chunk))
    await response.write_eof()
    return response
