"""The associations API, v4: links of one record, and in batches."""

from typing import Any

import orjson
from aiohttp import web

from simulators.hubspot.access import Access
from simulators.hubspot.catalogue import Kind
from simulators.hubspot.errors import validation
from simulators.hubspot.gate import Gate
from simulators.hubspot.portal import Portal
from simulators.hubspot.reading import inputs
from simulators.hubspot.times import iso
from simulators.kit.answers import answer

_MOST = 2_000


class AssociationsApi:
    """``/crm/v4/objects/…/associations/…`` and ``/crm/v4/associations/…/batch/…``."""

    def __init__(self, portal: Portal, access: Access, gate: Gate) -> None:
        self._portal, self._access, self._gate = portal, access, gate

    def routes(self) -> list[web.RouteDef]:
        """All of them."""
        one, many = "/crm/v4/objects/{from}/{id}/associations", "/crm/v4/associations/{from}/{to}/batch"
        return [
            web.put(one + "/default/{to}/{toId}", self.link_default),
            web.put(one + "/{to}/{toId}", self.link),
            web.delete(one + "/{to}/{toId}", self.part),
            web.get(one + "/{to}", self.listing),
            web.post(many + "/create", self.link_many),
            web.post(many + "/associate/default", self.link_many),
            web.post(many + "/archive", self.part_many),
            web.post(many + "/read", self.read_many),
        ]

    async def link_default(self, request: web.Request) -> web.Response:
        """With the usual type."""
        return self._link_one(request, None)

    async def link(self, request: web.Request) -> web.Response:
        """With the types in the body, a list."""
        try:
            wish = orjson.loads(await request.read())
        except orjson.JSONDecodeError:
            raise validation("Invalid input JSON on line 1, column 1") from None
        return self._link_one(request, wish)

    async def part(self, request: web.Request) -> web.Response:
        """204."""
        start, end = self._ends(request, "write")
        number, other = self._id(start, request.match_info["id"]), self._id(end, request.match_info["toId"])
        self._portal.unlink(start, number, end, other, self._gate.actor(request))
        return web.Response(status=204)

    async def listing(self, request: web.Request) -> web.Response:
        """What one record is linked to."""
        start, end = self._ends(request, "read")
        return answer({"results": self._links(start, self._id(start, request.match_info["id"]), end)})

    async def link_many(self, request: web.Request) -> web.Response:
        """201; pairs ``{"from": {"id"}, "to": {"id"}, "types": […]}``."""
        start, end = self._ends(request, "write")
        _, wishes = await inputs(request, _MOST)
        pairs = [
            (self._id(start, _id_of(each, "from")), self._id(end, _id_of(each, "to")), each.get("types"))
            for each in wishes
        ]
        results, actor = [], self._gate.actor(request)
        for number, other, types in pairs:
            chosen = self._portal.associations.types(start, end, types)
            self._portal.link(start, number, end, other, chosen, actor)
            results.append({"fromObjectTypeId": start.type_id, "fromObjectId": number, "toObjectTypeId": end.type_id,
                            "toObjectId": other, "labels": []})  # fmt: skip
        return self._complete(results, 201)

    async def part_many(self, request: web.Request) -> web.Response:
        """204; ``{"from": {"id"}, "to": [{"id"}]}``."""
        start, end = self._ends(request, "write")
        _, wishes = await inputs(request, _MOST)
        actor = self._gate.actor(request)
        for each in wishes:
            number = self._id(start, _id_of(each, "from"))
            targets = each.get("to")
            for other in targets if isinstance(targets, list) else [targets]:
                self._portal.unlink(start, number, end, self._id(end, str((other or {}).get("id", ""))), actor)
        return web.Response(status=204)

    async def read_many(self, request: web.Request) -> web.Response:
        """Of each record that has links."""
        start, end = self._ends(request, "read")
        _, wishes = await inputs(request, 1_000)
        results = []
        for each in wishes:
            number = self._id(start, str(each.get("id", "")))
            if links := self._links(start, number, end):
                results.append({"from": {"id": str(number)}, "to": links})
        return self._complete(results, 200)

    def _link_one(self, request: web.Request, types: Any) -> web.Response:
        start, end = self._ends(request, "write")
        number, other = self._id(start, request.match_info["id"]), self._id(end, request.match_info["toId"])
        chosen = self._portal.associations.types(start, end, types)
        self._portal.link(start, number, end, other, chosen, self._gate.actor(request))
        return answer({"fromObjectTypeId": start.type_id, "fromObjectId": number, "toObjectTypeId": end.type_id,
                       "toObjectId": other, "labels": []}, 201)  # fmt: skip

    def _ends(self, request: web.Request, right: str) -> tuple[Kind, Kind]:
        ends = tuple(self._portal.of(request.match_info[name]).kind for name in ("from", "to"))
        for each in ends:
            self._access.require(request, f"crm.objects.{each.scope}.{right}")
        return ends[0], ends[1]

    def _id(self, kind: Kind, text: str) -> int:
        return self._portal.find(self._portal.objects[kind.name], text).id

    def _links(self, start: Kind, number: int, end: Kind) -> list[dict[str, Any]]:
        return [
            {"toObjectId": other, "associationTypes": [
                {"category": "HUBSPOT_DEFINED", "typeId": each, "label": None} for each in types]}
            for other, types in self._portal.associations.of((start.name, number), end.name)
        ]  # fmt: skip

    def _complete(self, results: list[Any], status: int) -> web.Response:
        now = iso(self._portal.now())
        return answer({"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now}, status)


def _id_of(wish: Any, name: str) -> str:
    found = wish.get(name)
    return str(found.get("id", "")) if isinstance(found, dict) else ""
