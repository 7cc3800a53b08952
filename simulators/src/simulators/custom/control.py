"""What tests and demonstrations steer: people's edits, faults, counters. Under /_control, without a key."""

from dataclasses import asdict, fields
from typing import Any

import orjson
from aiohttp import web

from simulators.custom.api import answer
from simulators.custom.crm import Crm
from simulators.custom.faults import Faults
from simulators.custom.records import Refused
from simulators.custom.webhooks import Target


def control_routes(crm: Crm) -> list[web.RouteDef]:
    """All routes of the control API."""

    async def seed(request: web.Request) -> web.Response:
        wish = await _object(request)
        made = crm.seed(int(wish.get("count", 100)), tell=bool(wish.get("webhooks")), seed=int(wish.get("seed", 1)))
        return answer({"created": len(made), "first": made[0]["id"] if made else None}, 201)

    async def create(request: web.Request) -> web.Response:
        return answer(crm.create(await _object(request), by_api=False), 201)

    async def edit(request: web.Request) -> web.Response:
        return answer(crm.change(request.match_info["id"], await _object(request), by_api=False))

    async def delete(request: web.Request) -> web.Response:
        crm.delete(request.match_info["id"], by_api=False)
        return web.Response(status=204)

    async def everything(_request: web.Request) -> web.Response:
        return answer({"data": crm.store.everything()})

    async def set_faults(request: web.Request) -> web.Response:
        crm.gate.faults = Faults(**_known(Faults, await _object(request)))
        return answer(asdict(crm.gate.faults))

    async def set_webhook(request: web.Request) -> web.Response:
        crm.webhooks.point(Target(**_known(Target, await _object(request))))
        return answer({"url": crm.webhooks.target.url})

    async def counters(_request: web.Request) -> web.Response:
        hooks = {"sent": crm.webhooks.sent, "lost": crm.webhooks.lost, "pending": crm.webhooks.pending}
        creations = crm.store.creations()
        twice = {name: times for name, times in creations.items() if times > 1}
        total = crm.store.page({}, 0, 0)[1]
        return answer(
            {
                "requests": crm.requests,
                "leads": total,
                "creations": len(creations),
                "duplicates": twice,
                "webhooks": hooks,
            }
        )

    async def creations(_request: web.Request) -> web.Response:
        return answer(crm.store.creations())

    return [
        web.post("/_control/seed", seed),
        web.get("/_control/leads", everything),
        web.post("/_control/leads", create),
        web.patch("/_control/leads/{id}", edit),
        web.delete("/_control/leads/{id}", delete),
        web.put("/_control/faults", set_faults),
        web.put("/_control/webhook", set_webhook),
        web.get("/_control/counters", counters),
        web.get("/_control/creations", creations),
    ]


@web.middleware
async def refusals(request: web.Request, handler: Any) -> web.StreamResponse:
    """Refusals in the CRM's error format."""
    try:
        response: web.StreamResponse = await handler(request)
    except Refused as refused:
        return answer(refused.body(), refused.status)
    return response


async def _object(request: web.Request) -> dict[str, Any]:
    try:
        document = orjson.loads(await request.read() or b"{}")
    except orjson.JSONDecodeError:
        raise Refused(400, "BAD_JSON", "the body is not JSON") from None
    if not isinstance(document, dict):
        raise Refused(422, "NOT_AN_OBJECT", "send a JSON object")
    return document


def _known(kind: type[Any], wish: dict[str, Any]) -> dict[str, Any]:
    unknown = set(wish) - {each.name for each in fields(kind)}
    if unknown:
        raise Refused(422, "UNKNOWN_SETTING", f"no such setting: {', '.join(sorted(unknown))}")
    return wish
