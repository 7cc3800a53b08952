"""Single records: list, create, read, update, archive, merge, search."""

from typing import Any

from aiohttp import web

from simulators.hubspot.access import Access
from simulators.hubspot.errors import invalid_json, not_found, validation
from simulators.hubspot.filters import read_query
from simulators.hubspot.gate import Gate
from simulators.hubspot.portal import Objects, Portal
from simulators.hubspot.reading import both, document, flag, link, names, number
from simulators.hubspot.search import documents_of
from simulators.hubspot.times import moment
from simulators.hubspot.views import View, body_of, full, links_of, shown, written
from simulators.kit.answers import answer

MAX_PAGE, MAX_HISTORY_PAGE, MAX_SEARCH_BODY = 100, 50, 3_000


class ObjectsApi:
    """``/crm/v3/objects/{objectType}`` and its dated twin."""

    def __init__(self, portal: Portal, access: Access, gate: Gate, public_url: str | None) -> None:
        self._portal, self._access, self._gate, self._public_url = portal, access, gate, public_url

    def routes(self) -> list[web.RouteDef]:
        """All of them; batches are apart."""
        base = "/{objectType}"
        rows = [
            ("POST", f"{base}/search", self.search), ("POST", f"{base}/merge", self.merge),
            ("POST", f"{base}/gdpr-delete", self.purge), ("GET", base, self.listing), ("POST", base, self.create),
            ("GET", f"{base}/{{objectId}}", self.read), ("PATCH", f"{base}/{{objectId}}", self.change),
            ("DELETE", f"{base}/{{objectId}}", self.archive),
        ]  # fmt: skip
        return [each for method, rest, handler in rows for each in both(method, "crm/objects", rest, handler)]

    def of(self, request: web.Request, right: str) -> Objects:
        """The object type of a call that the caller may make. Raises HubSpotRefused."""
        objects = self._portal.of(request.match_info["objectType"])
        self._access.require(request, f"crm.objects.{objects.kind.scope}.{right}")
        return objects

    async def listing(self, request: web.Request) -> web.Response:
        """A page in order of id."""
        objects, view, archived = self.of(request, "read"), _view(request), flag(request, "archived")
        limit = number(request, "limit", 10, MAX_HISTORY_PAGE if view.history else MAX_PAGE)
        found, more = objects.table.page(number(request, "after", 0), limit, archived=archived)
        body: dict[str, Any] = {"results": [full(self._portal, objects, each, view) for each in found]}
        if more:
            after = str(found[-1].id)
            origin = self._public_url or str(request.url.origin())
            body["paging"] = {"next": {"after": after, "link": link(request, origin, after)}}
        return answer(body)

    async def create(self, request: web.Request) -> web.Response:
        """201."""
        objects, body = self.of(request, "write"), await document(request)
        given = body.get("properties")
        links = links_of(self._portal, objects.kind, body.get("associations"))
        record = self._portal.create(objects, given, self._gate.actor(request), links)
        return answer(written(objects, record, given or (), body.get("objectWriteTraceId")), 201)

    async def read(self, request: web.Request) -> web.Response:
        """By id or unique value."""
        objects = self.of(request, "read")
        record = self._portal.find(
            objects, request.match_info["objectId"], request.query.get("idProperty"), archived=flag(request, "archived")
        )
        return answer(full(self._portal, objects, record, _view(request)))

    async def change(self, request: web.Request) -> web.Response:
        """Likewise."""
        objects, body = self.of(request, "write"), await document(request)
        record = self._portal.find(objects, request.match_info["objectId"], request.query.get("idProperty"))
        given = body.get("properties")
        self._portal.change(objects, record, given, self._gate.actor(request))
        return answer(written(objects, record, given or (), body.get("objectWriteTraceId")))

    async def archive(self, request: web.Request) -> web.Response:
        """204, also for what is archived already."""
        objects = self.of(request, "write")
        record = objects.table.by_id(request.match_info["objectId"])
        if record is None:
            raise not_found()
        if record.archived_at is None:
            self._portal.archive(objects, record, self._gate.actor(request))
        return web.Response(status=204)

    async def merge(self, request: web.Request) -> web.Response:
        """The record that is left."""
        objects, body = self.of(request, "write"), await document(request)
        keys = [body.get("primaryObjectId"), body.get("objectIdToMerge")]
        if not all(isinstance(each, str | int) for each in keys):
            raise invalid_json("Some required fields were not set: [primaryObjectId, objectIdToMerge]")
        winner, loser = (self._portal.find(objects, str(each)) for each in keys)
        kept = self._portal.merge(objects, winner, loser, self._gate.actor(request))
        return answer(full(self._portal, objects, kept, View()))

    async def purge(self, request: web.Request) -> web.Response:
        """204."""
        objects, body = self.of(request, "write"), await document(request)
        record = self._portal.find(objects, str(body.get("objectId", "")), body.get("idProperty"))
        self._portal.purge(objects, record, self._gate.actor(request))
        return web.Response(status=204)

    async def search(self, request: web.Request) -> web.Response:
        """A page of what matches, as the index knows it."""
        objects = self.of(request, "read")
        if len(await request.text()) > MAX_SEARCH_BODY:
            raise validation(f"The request body must be at most {MAX_SEARCH_BODY} characters long")
        query = read_query(await document(request), objects.schema, self._associated(objects))
        ids, total = objects.searcher.find(query)
        results = [
            body_of(each.id, shown(objects, each.properties, query.properties),
                    moment(each.properties[objects.kind.created]) or 0, each.updated)
            for each in documents_of(objects.index, ids)
        ]  # fmt: skip
        body: dict[str, Any] = {"total": total, "results": results}
        if query.after + query.limit < total:
            body["paging"] = {"next": {"after": str(query.after + query.limit)}}
        return answer(body)

    def _associated(self, objects: Objects) -> Any:
        def linked(name: str, key: str) -> set[int]:
            end = self._portal.of(name).kind
            if not key.isdigit():
                return set()
            links = self._portal.associations.of((end.name, int(key)), objects.kind.name)
            return {other for other, _ in links}

        return linked


def _view(request: web.Request) -> View:
    return View(names(request, "properties"), names(request, "propertiesWithHistory"), names(request, "associations"))
