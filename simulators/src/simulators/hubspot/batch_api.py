"""Batches of up to a hundred: partial success where HubSpot grants it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from simulators.hubspot.errors import HubSpotRefused, validation
from simulators.hubspot.gate import Gate
from simulators.hubspot.objects_api import ObjectsApi
from simulators.hubspot.portal import Objects, Portal, normal_key
from simulators.hubspot.reading import both, flag, inputs
from simulators.hubspot.records import Record
from simulators.hubspot.times import iso
from simulators.hubspot.views import View, full, links_of, written
from simulators.kit.answers import answer
from simulators.kit.faults import Faults


@dataclass(slots=True)
class Row:
    """One input: the record it is about (None: a new one), what to write, and what is wrong with it."""

    wish: Mapping[str, Any]
    given: Any
    record: Record | None = None
    links: list[Any] = field(default_factory=list)
    problem: HubSpotRefused | None = None
    alone: bool = False  # it may fail without the others

    @property
    def trace(self) -> str | None:
        """The caller's own name for it."""
        found = self.wish.get("objectWriteTraceId")
        return None if found is None else str(found)

    def error(self) -> dict[str, Any]:
        """As a 207 tells it."""
        assert self.problem is not None
        key = str(self.wish.get("id", ""))
        context = {"objectWriteTraceId": [self.trace]} if self.trace is not None else {"ids": [key]}
        return self.problem.row({name: [each for each in texts if each] for name, texts in context.items()})


class BatchApi:
    """``…/{objectType}/batch/{create,read,update,upsert,archive}``."""

    def __init__(self, portal: Portal, objects: ObjectsApi, gate: Gate, faults: Faults) -> None:
        self._portal, self._objects, self._gate, self._faults = portal, objects, gate, faults

    def routes(self) -> list[web.RouteDef]:
        """All of them."""
        handlers = {"create": self.create, "read": self.read, "update": self.update, "upsert": self.upsert,
                    "archive": self.archive}  # fmt: skip
        rows = [(f"/{{objectType}}/batch/{name}", handler) for name, handler in handlers.items()]
        return [each for rest, handler in rows for each in both("POST", "crm/objects", rest, handler)]

    async def create(self, request: web.Request) -> web.Response:
        """201, or 207."""
        objects = self._objects.of(request, "write")
        _, wishes = await inputs(request)
        rows = [Row(each, each.get("properties")) for each in wishes]
        for row in rows:
            try:
                row.links = links_of(self._portal, objects.kind, row.wish.get("associations"))
            except HubSpotRefused as refused:
                row.problem = refused
        return self._written(request, objects, rows, 201)

    async def update(self, request: web.Request) -> web.Response:
        """200, or 207. A record that is not there fails alone."""
        objects = self._objects.of(request, "write")
        _, wishes = await inputs(request)
        rows = [Row(each, each.get("properties")) for each in wishes]
        for row in rows:
            self._find(objects, row, row.wish.get("idProperty"))
        self._refuse_twins(objects, rows)
        return self._written(request, objects, rows, 200)

    async def upsert(self, request: web.Request) -> web.Response:
        """200, or 207; each result tells whether it is ``new``."""
        objects = self._objects.of(request, "write")
        _, wishes = await inputs(request)
        rows = [Row(each, each.get("properties")) for each in wishes]
        self._refuse_twins(objects, rows)
        for row in rows:
            self._find_or_make(objects, row)
        return self._written(request, objects, rows, 200, upsert=True)

    async def read(self, request: web.Request) -> web.Response:
        """200, or 207 with the ids not found."""
        objects = self._objects.of(request, "read")
        body, wishes = await inputs(request)
        view = View(_texts(body, "properties"), _texts(body, "propertiesWithHistory"))
        found, missing = {}, []
        for each in wishes:
            key = str(each.get("id", ""))
            try:
                record = self._portal.find(objects, key, body.get("idProperty"), archived=flag(request, "archived"))
                found[record.id] = full(self._portal, objects, record, view)
            except HubSpotRefused as refused:
                if refused.status != 404:
                    raise
                missing.append(key)
        text = (
            f"Could not get some {objects.kind.singular.upper()} objects, they may be deleted or not exist. "
            "Check that ids are valid."
        )
        errors = [HubSpotRefused(404, "OBJECT_NOT_FOUND", text).row({"ids": missing})] if missing else []
        return self._answer(list(found.values()), errors, 200)

    async def archive(self, request: web.Request) -> web.Response:
        """204; what is not there is passed over."""
        objects, actor = self._objects.of(request, "write"), self._gate.actor(request)
        _, wishes = await inputs(request)
        for each in wishes:
            record = objects.table.by_id(str(each.get("id", "")))
            if record is not None and record.archived_at is None:
                self._portal.archive(objects, record, actor)
        return web.Response(status=204)

    def _written(
        self, request: web.Request, objects: Objects, rows: Sequence[Row], status: int, *, upsert: bool = False
    ) -> web.Response:
        if (whole := self._faults.draw("batch_refused", request.method, request.path)) is not None:
            raise validation(str(whole.get("message", "Invalid batch input")))
        self._check(request, objects, rows)
        actor, results, errors = self._gate.actor(request), [], []
        for row in rows:
            new = False
            try:
                if row.problem is not None:
                    raise row.problem
                row.record = row.record or self._made_before(objects, row)
                if row.record is None:
                    new, row.record = True, self._portal.create(objects, row.given, actor, row.links)
                else:
                    self._portal.change(objects, row.record, row.given, actor)
            except HubSpotRefused as refused:
                row.problem = refused
                errors.append(row.error())
                continue
            result = written(objects, row.record, row.given or (), row.trace)
            results.append({**result, "new": new} if upsert else result)
        return self._answer(results, errors, status)

    def _check(self, request: web.Request, objects: Objects, rows: Iterable[Row]) -> None:
        """Find what is wrong with each row. Raises HubSpotRefused if that sinks the batch: then nothing is written."""
        policy = self._portal.options.batch_errors
        taken: dict[tuple[str, str], Row] = {}
        for row in rows:
            row.alone = policy == "rows" or (policy == "trace" and row.trace is not None)
            try:
                if row.problem is None:
                    self._try(objects, row, taken)
            except HubSpotRefused as refused:
                row.problem = refused
            if row.problem is not None and row.problem.category == "OBJECT_NOT_FOUND":
                row.alone = row.alone or policy != "whole"
            strike = self._faults.draw("row_error", request.method, request.path)
            if strike is not None:
                category = str(strike.get("category", "VALIDATION_ERROR"))
                row.problem = HubSpotRefused(400, category, str(strike.get("message", "The row could not be written")))
                row.alone = True
            if row.problem is not None and not row.alone:
                raise row.problem

    def _try(self, objects: Objects, row: Row, taken: dict[tuple[str, str], Row]) -> None:
        values = self._portal.check(objects, row.record, row.given)
        if self._portal.options.duplicate_keys != "refuse" and row.wish.get("idProperty"):
            return
        for name in objects.schema.unique:
            value = values.get(name)
            if value is not None and taken.setdefault((name, value), row) is not row:
                raise validation(f"Duplicate value {value} of {name} found in batch input")

    def _find(self, objects: Objects, row: Row, id_property: str | None) -> None:
        try:
            row.record = self._portal.find(objects, str(row.wish.get("id", "")), id_property)
        except HubSpotRefused as refused:
            row.problem = refused

    def _find_or_make(self, objects: Objects, row: Row) -> None:
        name, key = str(row.wish.get("idProperty") or ""), str(row.wish.get("id", ""))
        self._find(objects, row, name)
        if row.problem is None or row.problem.status != 404 or name not in objects.schema.unique or not key:
            return
        row.problem = None
        row.given = {name: key, **(row.given if isinstance(row.given, Mapping) else {})}

    def _made_before(self, objects: Objects, row: Row) -> Record | None:
        """What an earlier row of the same upsert made of the same key."""
        name = str(row.wish.get("idProperty") or "")
        return objects.table.by_value(name, normal_key(name, str(row.wish.get("id", "")))) if name else None

    def _refuse_twins(self, objects: Objects, rows: Iterable[Row]) -> None:
        if self._portal.options.duplicate_keys != "refuse":
            return
        seen, twice = set(), []
        for row in rows:
            name = str(row.wish.get("idProperty") or "")
            key = normal_key(name, str(row.wish.get("id", "")))
            if (name, key) in seen:
                twice.append(key)
            seen.add((name, key))
        if twice:
            raise validation(f"Duplicate IDs found in batch input: [{', '.join(twice)}]. IDs must be unique")

    def _answer(self, results: list[dict[str, Any]], errors: list[dict[str, Any]], status: int) -> web.Response:
        if self._portal.options.shuffle_results:
            results = results[1::2] + results[::2]
        now = iso(self._portal.now())
        body: dict[str, Any] = {"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now}
        if errors:
            body |= {"numErrors": len(errors), "errors": errors}
        return answer(body, 207 if errors else status)


def _texts(body: Mapping[str, Any], name: str) -> tuple[str, ...]:
    found = body.get(name)
    return tuple(str(each) for each in found) if isinstance(found, list) else ()
