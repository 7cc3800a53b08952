"""The properties API: what objects have."""

from typing import Any

from aiohttp import web

from simulators.hubspot.access import Access
from simulators.hubspot.errors import HubSpotRefused, invalid_json, not_found
from simulators.hubspot.portal import Objects, Portal
from simulators.hubspot.reading import both, document, flag, inputs
from simulators.hubspot.times import iso
from simulators.kit.answers import answer


class PropertiesApi:
    """``/crm/v3/properties/{objectType}`` and its dated twin."""

    def __init__(self, portal: Portal, access: Access) -> None:
        self._portal, self._access = portal, access

    def routes(self) -> list[web.RouteDef]:
        """All of them; fixed names before those that could be a property."""
        base = "/{objectType}"
        rows = [
            ("GET", f"{base}/groups", self.groups), ("POST", f"{base}/groups", self.add_group),
            ("GET", f"{base}/groups/{{name}}", self.group), ("POST", f"{base}/batch/create", self.add_many),
            ("POST", f"{base}/batch/read", self.read_many), ("POST", f"{base}/batch/archive", self.archive_many),
            ("GET", base, self.listing), ("POST", base, self.add), ("GET", f"{base}/{{name}}", self.read),
            ("PATCH", f"{base}/{{name}}", self.change), ("DELETE", f"{base}/{{name}}", self.archive),
        ]  # fmt: skip
        return [each for method, rest, handler in rows for each in both(method, "crm/properties", rest, handler)]

    def _of(self, request: web.Request, right: str) -> Objects:
        objects = self._portal.of(request.match_info["objectType"])
        scope = objects.kind.scope
        reading = (f"crm.objects.{scope}.read",) if right == "read" else ()
        self._access.require(request, f"crm.schemas.{scope}.{right}", *reading)
        return objects

    async def listing(self, request: web.Request) -> web.Response:
        """All at once; there are no pages."""
        found = self._of(request, "read").schema.all(archived=flag(request, "archived"))
        return answer({"results": [each.document() for each in found]})

    async def read(self, request: web.Request) -> web.Response:
        """One."""
        schema = self._of(request, "read").schema
        return answer(schema.get(request.match_info["name"], archived=flag(request, "archived")).document())

    async def add(self, request: web.Request) -> web.Response:
        """201."""
        objects = self._of(request, "write")
        return answer(self._add(objects, await document(request)), 201)

    async def change(self, request: web.Request) -> web.Response:
        """Label, options and the like."""
        schema = self._of(request, "write").schema
        return answer(schema.change(request.match_info["name"], await document(request), self._portal.now()).document())

    async def archive(self, request: web.Request) -> web.Response:
        """204."""
        self._of(request, "write").schema.archive(request.match_info["name"], self._portal.now())
        return web.Response(status=204)

    async def add_many(self, request: web.Request) -> web.Response:
        """201, or 207."""
        objects = self._of(request, "write")
        _, wishes = await inputs(request)
        return self._several([lambda each=each: self._add(objects, each) for each in wishes], 201)

    async def read_many(self, request: web.Request) -> web.Response:
        """200, or 207."""
        schema, archived = self._of(request, "read").schema, flag(request, "archived")
        _, wishes = await inputs(request)
        found = [lambda each=each: schema.get(str(each.get("name")), archived=archived).document() for each in wishes]
        return self._several(found, 200)

    async def archive_many(self, request: web.Request) -> web.Response:
        """204."""
        schema = self._of(request, "write").schema
        _, wishes = await inputs(request)
        for each in wishes:
            schema.archive(str(each.get("name")), self._portal.now())
        return web.Response(status=204)

    async def groups(self, request: web.Request) -> web.Response:
        """The groups under which properties are shown."""
        return answer({"results": list(self._of(request, "read").schema.groups.values())})

    async def group(self, request: web.Request) -> web.Response:
        """One."""
        found = self._of(request, "read").schema.groups.get(request.match_info["name"])
        if found is None:
            raise not_found(f"There is no property group named '{request.match_info['name']}'")
        return answer(found)

    async def add_group(self, request: web.Request) -> web.Response:
        """201."""
        groups, wish = self._of(request, "write").schema.groups, await document(request)
        if not isinstance(wish.get("name"), str) or not isinstance(wish.get("label"), str):
            raise invalid_json("Some required fields were not set: [name, label]")
        if wish["name"] in groups:
            raise HubSpotRefused(409, "OBJECT_ALREADY_EXISTS", f"A group named '{wish['name']}' already exists.")
        groups[wish["name"]] = {
            "name": wish["name"], "label": wish["label"], "displayOrder": wish.get("displayOrder", -1),
            "archived": False,
        }  # fmt: skip
        return answer(groups[wish["name"]], 201)

    def _add(self, objects: Objects, wish: Any) -> dict[str, Any]:
        made = objects.schema.create(wish, self._portal.now())
        if made.unique:
            objects.index.keyed.add(made.name)
        return made.document()

    def _several(self, attempts: list[Any], status: int) -> web.Response:
        now = iso(self._portal.now())
        results, errors = [], []
        for attempt in attempts:
            try:
                results.append(attempt())
            except HubSpotRefused as refused:
                errors.append(refused.row({}))
        body: dict[str, Any] = {"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now}
        if errors:
            body |= {"numErrors": len(errors), "errors": errors}
        return answer(body, 207 if errors else status)
