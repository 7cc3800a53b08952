"""Search in API v2 (and of leads in v1): by term in any field, or by the exact value of one."""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from aiohttp import web

from simulators.kit.answers import answer
from simulators.pipedrive.crm import Crm
from simulators.pipedrive.errors import bad, invalid, whole
from simulators.pipedrive.index import Entry
from simulators.pipedrive.pages import limit_of, offset_of, sealed
from simulators.pipedrive.tables import Row
from simulators.pipedrive.v2 import BASE, paged

FIELDS = {
    "person": ("custom_fields", "email", "notes", "phone", "name"),
    "deal": ("custom_fields", "notes", "title"),
    "lead": ("custom_fields", "notes", "title"),
    "organization": ("address", "custom_fields", "notes", "name"),
}
_PATHS = {"persons": "person", "deals": "deal", "organizations": "organization", "leads": "lead"}
_MATCHES: dict[str, Callable[[str, str], bool]] = {
    "exact": lambda text, term: text == term,
    "beginning": lambda text, term: text.startswith(term),
    "middle": lambda text, term: term in text,
}
EXACT, PARTIAL = 1.0, 0.5  # result scores


def search_routes(crm: Crm) -> list[web.RouteDef]:
    """Register these before the records' own routes, whose ``{id}`` would catch ``search``."""

    def of(kind: str) -> Any:
        async def search(request: web.Request) -> web.Response:
            found, cursor = _page(request.query, _found(crm, kind, request.query), 500)
            return paged({"items": [_result(crm, kind, *each) for each in found]}, cursor)

        return search

    async def leads_v1(request: web.Request) -> web.Response:
        start, limit = whole(request.query.get("start", "0"), bad("start: must be a number")), limit_of(request.query)
        rows = list(islice(_found(crm, "lead", request.query), start, start + limit + 1))
        paging = {"start": start, "limit": limit, "more_items_in_collection": len(rows) > limit}
        items = [_result(crm, "lead", *each) for each in rows[:limit]]
        return answer({"success": True, "data": {"items": items}, "additional_data": {"pagination": paging}})

    async def everywhere(request: web.Request) -> web.Response:
        asked = request.query.get("item_types", ",".join(FIELDS)).split(",")
        kinds = [kind for kind in FIELDS if kind in asked]
        every = ((kind, each) for kind in kinds for each in _found(crm, kind, request.query, anything=True))
        found, cursor = _page(request.query, every, 100)
        items = [_result(crm, kind, *each) for kind, each in found]
        return paged({"items": items, "related_items": []}, cursor)

    async def by_field(request: web.Request) -> web.Response:
        found, cursor = _page(request.query, _by_field(crm, request.query), 500)
        return paged(found, cursor)

    routes = [web.get(f"{BASE}/{path}/search", of(kind)) for path, kind in _PATHS.items()]
    v1 = [web.get(f"{base}/leads/search", leads_v1) for base in ("/api/v1", "/v1")]
    return [*routes, *v1, web.get(f"{BASE}/itemSearch/field", by_field), web.get(f"{BASE}/itemSearch", everywhere)]


def _term(query: Mapping[str, str], *, exact: bool) -> str:
    term = query.get("term", "").strip()
    if not term:
        raise invalid('term: "term" is not allowed to be empty')
    if len(term) < 2 and not exact:
        raise invalid("term: must be at least 2 characters long")
    return term


def _found(crm: Crm, kind: str, query: Mapping[str, str], *, anything: bool = False) -> Iterator[tuple[Entry, float]]:
    exact = query.get("exact_match") in ("true", "1")
    term = _term(query, exact=exact)
    fields = [each.strip() for each in query["fields"].split(",")] if query.get("fields") else FIELDS[kind]
    if not anything and not set(fields) <= set(FIELDS[kind]):
        raise invalid(f"fields: must be some of {', '.join(FIELDS[kind])}")
    usable = [each for each in fields if each in FIELDS[kind]]
    hits: Iterator[Entry]
    if exact:
        hits = (entry for field in usable for entry in crm.index.exact(kind, field, term))
    else:
        hits = crm.index.containing(kind, usable, term)
    seen: set[Any] = set()
    for entry in hits:
        if entry.row["id"] not in seen and _wanted(entry.row, query):
            seen.add(entry.row["id"])
            yield entry, EXACT if exact else PARTIAL


def _wanted(row: Row, query: Mapping[str, str]) -> bool:
    for name, members in (("person_id", ("person_id",)), ("organization_id", ("org_id", "organization_id"))):
        if name in query and not any(str(row.get(member)) == query[name] for member in members):
            return False
    return "status" not in query or row.get("status") == query["status"]


def _by_field(crm: Crm, query: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Case matters here, other than in the searches at large."""
    kind, field, match = query.get("entity_type", ""), query.get("field", ""), query.get("match", "exact")
    if kind not in FIELDS:
        raise invalid(f"entity_type: must be one of {', '.join(FIELDS)}")
    if match not in _MATCHES:
        raise invalid("match: must be one of exact, beginning, middle")
    field = {"emails": "email", "phones": "phone"}.get(field, field)
    if field not in FIELDS[kind] and field not in crm.fields[kind].by_code:
        raise bad("field: no such field")
    term = _term(query, exact=match == "exact")
    exact = match == "exact"
    entries = crm.index.exact(kind, field, term) if exact else crm.index.containing(kind, [field], term)
    fits: Callable[[str, str], bool] = _MATCHES[match]
    for entry in entries:
        value = next((text for text in entry.texts.get(field, ()) if fits(text, term)), None)
        if value is not None:
            name = "title" if kind in ("deal", "lead") else "name"
            item = {"id": entry.row["id"], "type": kind, name: entry.row[name], field: value}
            yield {"result_score": EXACT if exact else PARTIAL, "item": item}


def _page(query: Mapping[str, str], hits: Iterator[Any], most: int) -> tuple[list[Any], str | None]:
    limit, start = limit_of(query, most), offset_of(query)
    found = list(islice(hits, start, start + limit + 1))
    return found[:limit], sealed(start + limit) if len(found) > limit else None


def _result(crm: Crm, kind: str, entry: Entry, score: float) -> dict[str, Any]:
    row, texts = entry.row, entry.texts
    item: dict[str, Any] = {"id": row["id"], "type": kind}
    if kind in ("person", "organization"):
        item["name"] = row["name"]
    else:
        item["title"] = row["title"]
    if kind in ("person", "lead"):
        owner = row if kind == "person" else crm.tables["person"].rows.get(row["person_id"], {})
        item["phones"] = [each["value"] for each in owner.get("phones", ())]
        item["emails"] = [each["value"] for each in owner.get("emails", ())]
    if kind == "person":
        primary = next((each["value"] for each in row["emails"] if each["primary"]), None)
        item["primary_email"] = primary
    if kind == "organization":
        item["address"] = (row["address"] or {}).get("value")
    if kind == "deal":
        stage = crm.stages[row["stage_id"]]
        item |= {"value": row["value"], "currency": row["currency"], "status": row["status"],
                 "stage": {"id": stage["id"], "name": stage["name"]}, "is_archived": row["is_archived"]}  # fmt: skip
    if kind == "lead":
        value = row["value"] or {}
        item |= {"value": value.get("amount"), "currency": value.get("currency"), "is_archived": row["is_archived"]}
    item |= {"visible_to": int(row["visible_to"]), "owner": {"id": row["owner_id"]}}
    if kind != "organization":
        organization = row.get("org_id") or row.get("organization_id")
        item["organization"] = _link(crm, "organization", organization)
    if kind in ("deal", "lead"):
        item["person"] = _link(crm, "person", row["person_id"])
    return {"result_score": score, "item": {**item, "custom_fields": list(texts["custom_fields"]), "notes": []}}


def _link(crm: Crm, kind: str, record_id: Any) -> dict[str, Any] | None:
    row = crm.tables[kind].rows.get(record_id)
    return {"id": row["id"], "name": row["name"]} if row else None
