"""The control API's routes that only Salesforce has."""

from dataclasses import asdict, replace
from functools import partial
from typing import Any

from aiohttp import web

from simulators.kit.answers import answer
from simulators.kit.control import ControlRefused, document, guarded, text
from simulators.salesforce.conversion import convert
from simulators.salesforce.fields import Choice, Field
from simulators.salesforce.ids import full_id
from simulators.salesforce.org import Org
from simulators.salesforce.rules import DuplicateRule
from simulators.salesforce.sessions import session_of
from simulators.salesforce.standard import Definition, system_fields
from simulators.salesforce.steering import Steering, done
from simulators.salesforce.times import told


def salesforce_routes(world: Steering) -> list[web.RouteDef]:
    """Records beyond the usual, the schema, what is sent out, the machine."""
    return [*_record_routes(world), *_schema_routes(world), *_sending_routes(world.org), *_machine_routes(world.org)]


def _record_routes(world: Steering) -> list[web.RouteDef]:
    org = world.org

    async def undelete(request: web.Request) -> web.Response:
        wish = await document(request)
        kind = world.object(text(wish, "object"))
        done(lambda: org.records.undelete(kind, text(wish, "id"), org.person))
        return answer({"undeleted": 1})

    async def convert_lead(request: web.Request) -> web.Response:
        wish = await document(request)
        lead_id = full_id(text(wish, "id")) or ""
        return answer(done(lambda: convert(org.records, lead_id, wish, org.person)))

    async def automation(request: web.Request) -> web.Response:
        """Write as automation does: SystemModstamp moves, LastModifiedDate does not."""
        wish = await document(request)
        kind, ids = world.object(text(wish, "object")), wish.get("ids", [wish.get("id")])
        for each in map(str, ids):
            done(partial(org.records.touch, kind, each, wish.get("fields", {}), org.person))
        return answer({"touched": len(ids)})

    return [
        web.post("/control/undelete", guarded(undelete)),
        web.post("/control/convert", guarded(convert_lead)),
        web.post("/control/automation", guarded(automation)),
    ]


def _schema_routes(world: Steering) -> list[web.RouteDef]:
    def changed(kind: Any) -> None:
        kind.changed = told(world.org.clock.now())

    async def add_field(request: web.Request) -> web.Response:
        wish = await document(request)
        kind, wanted = world.object(text(wish, "object")), dict(wish["field"])
        choices = tuple(Choice(str(value), str(value)) for value in wanted.pop("choices", ()))
        refers_to = tuple(wanted.pop("refers_to", ()))
        options: dict[str, Any] = {"label": wanted["name"], "length": 255, **wanted}
        field = Field(choices=choices, refers_to=refers_to, **options)
        kind.put(field)
        changed(kind)
        return answer({"added": field.name}, 201)

    async def drop_field(request: web.Request) -> web.Response:
        wish = await document(request)
        kind = world.object(text(wish, "object"))
        if not kind.drop(text(wish, "name")):
            raise ControlRefused(404, f"{kind.name} has no field {wish['name']}")
        changed(kind)
        return answer({"dropped": wish["name"]})

    async def picklist(request: web.Request) -> web.Response:
        wish = await document(request)
        kind = world.object(text(wish, "object"))
        field = done(lambda: kind.offer(text(wish, "field"), wish["values"], active=wish.get("active", True)))
        if "restricted" in wish:
            kind.put(replace(field, restricted=bool(wish["restricted"])))
        changed(kind)
        return answer({"values": [each.value for each in field.choices if each.active]})

    async def add_object(request: web.Request) -> web.Response:
        wish = await document(request)
        name, label = text(wish, "name"), str(wish.get("label", wish["name"]))
        fields = (*system_fields(), Field("Name", "Name", length=80))
        definition = Definition(name, label, f"{label}s", str(wish.get("prefix", "a00")), fields)
        changed(world.org.schema.add(definition))
        return answer({"added": name}, 201)

    return [
        web.post("/control/fields", guarded(add_field)),
        web.delete("/control/fields", guarded(drop_field)),
        web.post("/control/picklist", guarded(picklist)),
        web.post("/control/objects", guarded(add_object)),
    ]


def _sending_routes(org: Org) -> list[web.RouteDef]:
    async def outbound(request: web.Request) -> web.Response:
        if request.method == "POST":
            return answer(asdict(org.outbound.add(await document(request))), 201)
        if request.method == "DELETE":
            org.outbound.reset()
        return answer(org.outbound.report())

    async def change_events(request: web.Request) -> web.Response:
        if request.method == "POST":
            return answer(asdict(org.events.point(await document(request))), 201)
        if request.method == "DELETE":
            org.events.targets.clear()
        return answer(org.events.report())

    async def kept(request: web.Request) -> web.Response:
        return answer(org.events.since(int(request.query.get("since", -2))))

    both = [("/control/outbound", outbound), ("/control/cdc", change_events)]
    routes = [web.route(method, path, guarded(each)) for path, each in both for method in ("GET", "POST", "DELETE")]
    return [*routes, web.get("/control/events", guarded(kept))]


def _machine_routes(org: Org) -> list[web.RouteDef]:
    async def sessions(request: web.Request) -> web.Response:
        """Tokens without the consent page."""
        wish = await document(request)
        client = org.grants.clients[str(wish.get("client_id", "hub-client"))]
        issued = org.grants.grant(client.id, str(wish.get("scope", "api refresh_token")))
        return answer(session_of(org, client, issued), 201)

    async def oauth(request: web.Request) -> web.Response:
        """Switch the rotation of refresh tokens, and lifetimes."""
        wish = await document(request)
        for name in ("rotate", "access_seconds", "code_seconds", "sliding", "refresh_idle_seconds"):
            if name in wish:
                setattr(org.grants, name, wish[name])
        return answer({"rotate": org.grants.rotate, "access_seconds": org.grants.access_seconds})

    async def duplicates(request: web.Request) -> web.Response:
        wish = await document(request)
        name = text(wish, "object")
        options: dict[str, Any] = {key: value for key, value in wish.items() if key not in ("object", "fields")}
        fields = tuple(wish.get("fields", ("Email",)))
        org.rules.duplicates[name] = DuplicateRule(fields=fields, **{"active": True, **options})
        return answer({name: asdict(org.rules.duplicates[name])})

    async def bulk(request: web.Request) -> web.Response:
        wish = await document(request)
        org.jobs.delay = float(wish.get("delay", org.jobs.delay))
        org.jobs.page = int(wish.get("page", org.jobs.page))
        return answer({"delay": org.jobs.delay, "page": org.jobs.page})

    return [
        web.post("/control/sessions", guarded(sessions)),
        web.post("/control/oauth", guarded(oauth)),
        web.post("/control/duplicates", guarded(duplicates)),
        web.post("/control/bulk", guarded(bulk)),
    ]
