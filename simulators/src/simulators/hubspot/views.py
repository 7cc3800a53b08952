"""Records as answers tell them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simulators.hubspot.catalogue import Kind
from simulators.hubspot.errors import invalid_json, validation
from simulators.hubspot.portal import Objects, Portal
from simulators.hubspot.records import Record
from simulators.hubspot.times import iso


@dataclass(frozen=True, slots=True)
class View:
    """What is wanted of each record. Empty ``properties``: the usual ones."""

    properties: Sequence[str] = ()
    history: Sequence[str] = ()
    associations: Sequence[str] = ()


def shown(objects: Objects, properties: Mapping[str, str], wanted: Sequence[str]) -> dict[str, str | None]:
    """The properties wanted; null for those without a value, nothing for those that do not exist."""
    kind = objects.kind
    if not wanted:
        return {name: properties.get(name) for name in kind.shown}
    known = objects.schema.properties
    named = dict.fromkeys((*wanted, kind.created, "hs_object_id", kind.modified))
    return {name: properties.get(name) for name in named if name in known}


def body_of(number: int, properties: Mapping[str, str | None], created: int, updated: int) -> dict[str, Any]:
    """The members that every record has."""
    return {
        "id": str(number), "properties": properties, "createdAt": iso(created), "updatedAt": iso(updated),
        "archived": False,
    }  # fmt: skip


def full(portal: Portal, objects: Objects, record: Record, view: View) -> dict[str, Any]:
    """A record as reads tell it."""
    properties = shown(objects, record.properties, (*view.properties, *view.history))
    body = body_of(record.id, properties, record.created, record.updated)
    if record.archived_at is not None:
        body |= {"archived": True, "archivedAt": iso(record.archived_at)}
    if view.history:
        body["propertiesWithHistory"] = {name: _history(record, name) for name in view.history}
    linked = _linked(portal, objects.kind, record.id, view.associations)
    if linked:
        body["associations"] = linked
    return body


def written(objects: Objects, record: Record, given: Iterable[str], trace: str | None = None) -> dict[str, Any]:
    """A record as writes answer it: what was written, and what HubSpot keeps itself."""
    kind = objects.kind
    named = {*given, *kind.shown}
    properties = {name: record.properties.get(name) for name in named if name in record.properties or name in given}
    body = body_of(record.id, properties, record.created, record.updated)
    if trace is not None:
        body["objectWriteTraceId"] = trace
    return body


def _history(record: Record, name: str) -> list[dict[str, Any]]:
    if name in record.history:
        return record.history[name]
    value = record.properties.get(name)
    if value is None:
        return []
    return [{"value": value, "timestamp": iso(record.created), "sourceType": "CRM_UI", "sourceId": ""}]


def _linked(portal: Portal, kind: Kind, number: int, wanted: Sequence[str]) -> dict[str, Any]:
    found = {}
    for name in wanted:
        end = portal.of(name).kind
        results = [
            {"id": str(other), "type": f"{kind.singular}_to_{end.singular}"}
            for other, _ in portal.associations.of((kind.name, number), end.name)
        ]
        if results:
            found[end.name] = {"results": results}
    return found


def links_of(portal: Portal, start: Kind, wish: Any) -> list[tuple[Kind, int, set[int]]]:
    """The ``associations`` of a create: type, id and association types of each. Raises HubSpotRefused."""
    links = []
    for each in _dicts(wish, "associations"):
        types = _dicts(each.get("types"), "types")
        to = each.get("to")
        target = str(to.get("id", "")) if isinstance(to, dict) else ""
        end = _end(portal, start, types)
        record = portal.of(end.name).table.by_id(target)
        if record is None or record.archived_at is not None:
            raise validation(f"Associated {end.singular} {target} does not exist")
        links.append((end, record.id, portal.associations.types(start, end, types)))
    return links


def _dicts(found: Any, name: str) -> list[dict[str, Any]]:
    if not isinstance(found or [], list) or not all(isinstance(each, dict) for each in found or []):
        raise invalid_json(f"Cannot deserialize value of type `java.util.ArrayList` for {name}")
    return found or []


def _end(portal: Portal, start: Kind, types: list[dict[str, Any]]) -> Kind:
    """The other end's type, which only the association type tells."""
    for each in types:
        for name, objects in portal.objects.items():
            if each.get("associationTypeId") in portal.associations.known(start.name, name):
                return objects.kind
    raise validation(f"invalid association types for {start.singular}: {types}")
