"""What is left of API v1: leads with their labels, sources and fields, users, recents; the rest is gone."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from aiohttp import web

from simulators.kit.answers import answer
from simulators.pipedrive.access import ACTOR, body_of, origin
from simulators.pipedrive.company import LEAD_SOURCES
from simulators.pipedrive.crm import Crm
from simulators.pipedrive.errors import bad, gone, missing, whole
from simulators.pipedrive.fields import SYSTEM
from simulators.pipedrive.tables import Row
from simulators.pipedrive.values import unflat

_SORTS = ("id", "title", "owner_id", "creator_id", "was_seen", "expected_close_date", "next_activity_id", "add_time",
          "update_time")  # fmt: skip
_GONE = ("persons", "deals", "organizations", "activities", "pipelines", "stages", "itemSearch", "products",
         "personFields", "dealFields", "organizationFields")  # fmt: skip
_HASH = re.compile(r"[0-9a-f]{40}(_|\Z)")
_DATE_TIME = "%Y-%m-%d %H:%M:%S"


def v1_routes(crm: Crm) -> list[web.RouteDef]:
    """All of them, under /api/v1 and, as on api.pipedrive.com, under /v1."""

    async def no_more(_request: web.Request) -> web.Response:
        raise gone()

    handlers = [*_lead_handlers(crm), *_user_handlers(crm), *_list_handlers(crm)]
    routes = [web.route(method, base + path, do) for base in ("/api/v1", "/v1") for method, path, do in handlers]
    ended = [web.route("*", f"{base}/{name}{{rest:.*}}", no_more) for base in ("/api/v1", "/v1") for name in _GONE]
    return [*routes, *ended]


def _lead_handlers(crm: Crm) -> list[tuple[str, str, Callable[..., Any]]]:
    async def listing(request: web.Request) -> web.Response:
        rows, paging = _lead_page(crm, request.query, "archived" if request.path.endswith("/archived") else "live")
        return _listed(crm, [crm.shown("lead", row) for row in rows], paging)

    async def read(request: web.Request) -> web.Response:
        return answer({"success": True, "data": crm.shown("lead", crm.get("lead", request.match_info["id"]))})

    async def create(request: web.Request) -> web.Response:
        row = crm.create("lead", _lead_body(crm, await body_of(request)), request[ACTOR])
        return answer({"success": True, "data": crm.shown("lead", row)}, 201)

    async def change(request: web.Request) -> web.Response:
        fields = _lead_body(crm, await body_of(request))
        row = crm.change("lead", request.match_info["id"], fields, request[ACTOR])
        return answer({"success": True, "data": crm.shown("lead", row)})

    async def delete(request: web.Request) -> web.Response:
        crm.delete("lead", request.match_info["id"], request[ACTOR])
        return answer({"success": True, "data": {"id": request.match_info["id"]}})

    return [
        ("GET", "/leads", listing), ("GET", "/leads/archived", listing), ("POST", "/leads", create),
        ("GET", "/leads/{id}", read), ("PATCH", "/leads/{id}", change), ("DELETE", "/leads/{id}", delete),
    ]  # fmt: skip


def _lead_body(crm: Crm, body: Any) -> Any:
    """A request with its custom fields, which stand among the members, gathered; unknown ones are refused later."""
    if not isinstance(body, dict):
        return body
    custom = unflat(crm.fields["lead"].custom, body)
    known = {
        key: value for key, value in body.items() if not (_HASH.match(key) and key[:40] in crm.fields["lead"].custom)
    }
    return {**known, "custom_fields": custom} if custom else known


def _lead_page(crm: Crm, query: Mapping[str, str], shelf: str) -> tuple[list[Row], dict[str, Any]]:
    if "filter_id" in query:
        raise missing("Filter not found")
    start, limit = _number(query, "start", 0), max(1, min(_number(query, "limit", 100), 500))
    sort = query.get("sort", "add_time")
    for each in sort.split(","):
        name, _, way = each.strip().partition(" ")
        if name not in _SORTS or way.strip().upper() not in ("", "ASC", "DESC"):
            raise bad(f"sort: cannot sort by {each.strip()}")
    since = _since(query.get("updated_since"))
    wanted = {name: _number(query, name, 0) for name in ("owner_id", "person_id", "organization_id") if name in query}
    table = crm.tables["lead"]
    rows: Any = (table.rows[each] for each in table.sorted_ids(shelf, sort))
    if since or wanted:
        rows = (
            row for row in rows
            if (not since or row["update_time"] >= since) and all(row[name] == value for name, value in wanted.items())
        )  # fmt: skip
    elif start:
        ids = table.sorted_ids(shelf, sort)[start : start + limit + 1]
        found = [table.rows[each] for each in ids]
        return found[:limit], _paging(start, limit, len(found) > limit)
    found = list(islice(rows, start, start + limit + 1))
    return found[:limit], _paging(start, limit, len(found) > limit)


def _user_handlers(crm: Crm) -> list[tuple[str, str, Callable[..., Any]]]:
    options = crm.options

    async def everybody(_request: web.Request) -> web.Response:
        return answer({"success": True, "data": list(crm.users.values()), "additional_data": None})

    async def me(request: web.Request) -> web.Response:
        user = crm.users[request[ACTOR].user_id]
        company = {
            "company_id": options.company_id, "company_name": options.company_domain.title(), "company_country": "US",
            "company_domain": options.company_domain, "company_industry": None, "is_you": True,
            "language": {"language_code": "en", "country_code": "US"}, "api_domain": origin(request, options),
        }  # fmt: skip
        return answer({"success": True, "data": {**user, **company}})

    async def find(request: web.Request) -> web.Response:
        term, by = request.query.get("term", "").lower(), request.query.get("search_by_email", "0") == "1"
        found = [user for user in crm.users.values() if term and term in user["email" if by else "name"].lower()]
        return answer({"success": True, "data": found})

    async def one(request: web.Request) -> web.Response:
        number = whole(request.match_info["id"], missing("User not found"))
        if number not in crm.users:
            raise missing("User not found")
        return answer({"success": True, "data": crm.users[number]})

    return [("GET", "/users", everybody), ("GET", "/users/me", me), ("GET", "/users/find", find),
            ("GET", "/users/{id}", one)]  # fmt: skip


def _list_handlers(crm: Crm) -> list[tuple[str, str, Callable[..., Any]]]:
    async def labels(_request: web.Request) -> web.Response:
        return answer({"success": True, "data": list(crm.labels.values())})

    async def sources(_request: web.Request) -> web.Response:
        return answer({"success": True, "data": [{"name": each} for each in LEAD_SOURCES]})

    async def fields(request: web.Request) -> web.Response:
        start, limit = _number(request.query, "start", 0), max(1, min(_number(request.query, "limit", 100), 500))
        every = _lead_fields(crm)
        return _listed(crm, every[start : start + limit], _paging(start, limit, start + limit < len(every)))

    async def recents(request: web.Request) -> web.Response:
        return answer(_recents(crm, request.query))

    return [("GET", "/leadLabels", labels), ("GET", "/leadSources", sources), ("GET", "/leadFields", fields),
            ("GET", "/recents", recents)]  # fmt: skip


def _lead_fields(crm: Crm) -> list[dict[str, Any]]:
    own = [("title", "Title", "varchar"), ("value", "Value", "monetary"), ("owner_id", "Owner", "user"),
           ("label_ids", "Labels", "set"), ("person_id", "Contact person", "people"),
           ("organization_id", "Organization", "org"), ("source_name", "Source", "varchar")]  # fmt: skip
    own += [each for each in SYSTEM["deal"] if each[0] in ("expected_close_date", "add_time", "update_time")]
    rows = [{"key": code, "name": name, "field_type": kind, "options": None, "edit_flag": False,
             "mandatory_flag": code == "title"} for code, name, kind in own]  # fmt: skip
    for code, field in crm.fields["lead"].custom.items():
        rows.append({"key": code, "name": field["field_name"], "field_type": field["field_type"],
                     "options": field["options"], "edit_flag": True, "mandatory_flag": False})  # fmt: skip
    return [{"id": number, "order_nr": number, "active_flag": True, **row} for number, row in enumerate(rows, 1)]


def _recents(crm: Crm, query: Mapping[str, str]) -> dict[str, Any]:
    """Changed records since a moment, deleted ones included; there are no leads among them."""
    try:
        moment = datetime.strptime(query.get("since_timestamp", ""), _DATE_TIME).replace(tzinfo=UTC)
    except ValueError:
        raise bad("since_timestamp: expected YYYY-MM-DD HH:MM:SS") from None
    since, kinds = f"{moment:%Y-%m-%dT%H:%M:%SZ}", ("deal", "person", "organization")
    asked = [each for each in query.get("items", ",".join(kinds)).split(",") if each in kinds]
    start, limit = _number(query, "start", 0), max(1, min(_number(query, "limit", 100), 500))
    found: list[tuple[str, Any, str]] = []
    for kind in asked:
        for shelf in ("live", "archived", "deleted"):
            walk = crm.tables[kind].shelf(shelf, "update_time").walk(None, since=since)
            found.extend((crm.tables[kind].rows[each]["update_time"], each, kind) for each in walk)
    found.sort(key=lambda each: (each[0], each[2], each[1]))
    chosen = found[start : start + limit]
    data = [{"item": kind, "id": each, "data": _old_style(crm.tables[kind].rows[each])} for _, each, kind in chosen]
    last = chosen[-1][0] if chosen else since
    paging = _paging(start, limit, len(found) > start + limit)
    extra = {"since_timestamp": query["since_timestamp"], "last_timestamp_on_page": _plain_time(last),
             "pagination": paging}  # fmt: skip
    return {"success": True, "data": data, "additional_data": extra}


def _old_style(row: Row) -> Row:
    """A record much as API v1 showed it: plain times, active_flag, email and phone."""
    old: Row = {name: _plain_time(value) if name.endswith("_time") and value else value for name, value in row.items()}
    old |= {**old.pop("custom_fields"), "active_flag": not old.pop("is_deleted")}
    return old | {new: old.pop(name) for name, new in (("emails", "email"), ("phones", "phone")) if name in old}


def _plain_time(text: str) -> str:
    return text[:19].replace("T", " ")


def _since(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+"))
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise bad("updated_since: not a valid ISO 8601 time") from None
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    return whole(query.get(name, str(default)), bad(f"{name}: must be a number"))


def _paging(start: int, limit: int, more: bool) -> dict[str, Any]:
    paging: dict[str, Any] = {"start": start, "limit": limit, "more_items_in_collection": more}
    return {**paging, "next_start": start + limit} if more else paging


def _listed(crm: Crm, data: list[Any], paging: dict[str, Any]) -> web.Response:
    extra = {"pagination": paging} if crm.options.nested_pagination else paging
    return answer({"success": True, "data": data, "additional_data": extra})
