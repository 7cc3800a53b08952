"""The webhooks API, still of version 1."""

from aiohttp import web

from simulators.kit.answers import answer
from simulators.pipedrive.access import ACTOR, body_of
from simulators.pipedrive.crm import Crm
from simulators.pipedrive.errors import Refused, forbidden, whole
from simulators.pipedrive.webhooks import Webhooks


def hook_routes(crm: Crm, webhooks: Webhooks) -> list[web.RouteDef]:
    """List, create, delete. An app sees and deletes its own only."""

    async def listing(request: web.Request) -> web.Response:
        client = request[ACTOR].client_id
        mine = [each.shown() for each in webhooks.subscriptions.values() if client in (None, each.client_id)]
        return answer({"status": "ok", "success": True, "data": mine})

    async def create(request: web.Request) -> web.Response:
        actor = request[ACTOR]
        made = webhooks.subscribe(
            await body_of(request), user_id=actor.user_id, company_id=crm.options.company_id, client_id=actor.client_id
        )
        return answer({"status": "ok", "success": True, "data": made.shown()}, 201)

    async def delete(request: web.Request) -> web.Response:
        none = Refused(404, {"status": "error", "success": False, "error": "Webhook not found"})
        found = webhooks.subscriptions.get(whole(request.match_info["id"], none))
        if found is None:
            raise none
        if request[ACTOR].client_id not in (None, found.client_id):
            raise forbidden("You do not have permission to delete this webhook")
        webhooks.remove(found.id, "deleted by user")
        return answer({"status": "ok", "success": True})

    return [
        route
        for base in ("/api/v1/webhooks", "/v1/webhooks")
        for route in (web.get(base, listing), web.post(base, create), web.delete(base + "/{id}", delete))
    ]
