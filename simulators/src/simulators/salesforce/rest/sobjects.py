"""One record at a time: /sobjects/Lead/…

https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_sobject_basic_info.htm
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from simulators.salesforce.calls import NO_CONTENT, Call, Reply
from simulators.salesforce.errors import Ambiguous, Refused, RowRefused, not_found
from simulators.salesforce.ids import full_id
from simulators.salesforce.org import Org
from simulators.salesforce.schema import ObjectType
from simulators.salesforce.soql.paths import address
from simulators.salesforce.store import Record
from simulators.salesforce.times import moment_of, parsed, told

_LONGEST = timedelta(days=30)
_OLD_UPSERT = 46.0  # from this version on an upsert that updates is answered with a body


def create(org: Org, call: Call) -> Reply:
    """POST /sobjects/Lead"""
    kind = org.schema.needed(call.args["object"])
    record_id = org.records.create(kind, call.document(), call.actor)
    location = {"Location": f"{call.base}/sobjects/{kind.name}/{record_id}"}
    return Reply(201, {"id": record_id, "success": True, "errors": []}, headers=location)


def read(org: Org, call: Call) -> Reply:
    """GET /sobjects/Lead/{id}"""
    kind = org.schema.needed(call.args["object"])
    return _shown(call, kind, _found(org, kind, call.args["id"]))


def update(org: Org, call: Call) -> Reply:
    """PATCH /sobjects/Lead/{id}"""
    kind = org.schema.needed(call.args["object"])
    record = _found(org, kind, call.args["id"], deleted_is="ENTITY_IS_DELETED")
    _check_unchanged(call, record)
    org.records.update(kind, record["Id"], call.document(), call.actor)
    return NO_CONTENT


def delete(org: Org, call: Call) -> Reply:
    """DELETE /sobjects/Lead/{id}"""
    kind = org.schema.needed(call.args["object"])
    record = _found(org, kind, call.args["id"], deleted_is="ENTITY_IS_DELETED")
    org.records.delete(kind, record["Id"], call.actor)
    return NO_CONTENT


def read_by(org: Org, call: Call) -> Reply:
    """GET /sobjects/Lead/ExtId__c/{value}, or /sobjects/Lead/{id}/Owner."""
    kind = org.schema.needed(call.args["object"])
    by, record_id = kind.relations.get(call.args["value"].lower()), full_id(call.args["field"])
    if by and record_id and kind.field(call.args["field"]) is None:
        related = _found(org, kind, record_id).get(by.name)
        other = org.schema.of_id(related) if related else None
        if other is None or related is None:
            raise Refused("NOT_FOUND", f"The requested resource does not exist: {by.relationship}")
        return _shown(call, other, _found(org, other, related))
    return _shown(call, kind, _by_external(org, kind, call))


def upsert(org: Org, call: Call) -> Reply:
    """PATCH /sobjects/Lead/ExtId__c/{value}"""
    kind = org.schema.needed(call.args["object"])
    only = call.query.get("updateOnly", "").lower() == "true"
    name, value = call.args["field"], call.args["value"]
    record_id, created = org.records.upsert(kind, name, value, call.document(), call.actor, update_only=only)
    if not created and float(call.version) < _OLD_UPSERT:
        return NO_CONTENT
    return Reply(201 if created else 200, {"id": record_id, "success": True, "errors": [], "created": created})


def delete_by(org: Org, call: Call) -> Reply:
    """DELETE /sobjects/Lead/ExtId__c/{value}"""
    kind = org.schema.needed(call.args["object"])
    org.records.delete(kind, _by_external(org, kind, call)["Id"], call.actor)
    return NO_CONTENT


def deleted(org: Org, call: Call) -> Reply:
    """GET /sobjects/Lead/deleted/?start=…&end=…"""
    start, end, rows = _window(org, call)
    gone = [{"id": row["Id"], "deletedDate": row["SystemModstamp"]} for row in rows if row["IsDeleted"]]
    earliest = min([start, *(each["deletedDate"] for each in gone)])
    return Reply(body={"deletedRecords": gone, "earliestDateAvailable": earliest, "latestDateCovered": end})


def updated(org: Org, call: Call) -> Reply:
    """GET /sobjects/Lead/updated/?start=…&end=…"""
    _, end, rows = _window(org, call)
    return Reply(body={"ids": [row["Id"] for row in rows if not row["IsDeleted"]], "latestDateCovered": end})


def _window(org: Org, call: Call) -> tuple[str, str, Iterable[Record]]:
    kind = org.schema.needed(call.args["object"])
    start, end = (_moment(call.needed(name), name) for name in ("start", "end"))
    if end - start > _LONGEST or start < org.clock.now() - _LONGEST - timedelta(minutes=1):
        raise Refused("INVALID_REPLICATION_DATE", "startDate cannot be more than 30 days ago")
    if end - start < timedelta(minutes=1):
        raise Refused("INVALID_REPLICATION_DATE", "endDate must be at least one minute after startDate")
    table = org.store.table(kind)
    last = told(min(end, org.clock.now()))
    ids = table.stamps.between(told(start), told(end), table.records)
    return told(start), last, [table.records[each] for each in ids]


def _moment(text: str, name: str) -> datetime:
    moment = parsed(text.replace(" ", "+"))
    if moment is None:
        raise Refused("INVALID_REPLICATION_DATE", f"Invalid {name} date: {text}")
    return moment


def _found(org: Org, kind: ObjectType, text: str, *, deleted_is: str = "NOT_FOUND") -> Record:
    record_id = full_id(text)
    if record_id is None:
        message = f"Provided external ID field does not exist or is not accessible: {text}"
        raise Refused("NOT_FOUND", message)
    record = org.store.table(kind).records.get(record_id)
    if record is None:
        raise not_found()
    if record["IsDeleted"]:
        raise not_found() if deleted_is == "NOT_FOUND" else RowRefused("ENTITY_IS_DELETED", "entity is deleted")
    return record


def _by_external(org: Org, kind: ObjectType, call: Call) -> Record:
    known = kind.external(call.args["field"])
    if known is None:
        message = f"Provided external ID field does not exist or is not accessible: {call.args['field']}"
        raise Refused("NOT_FOUND", message)
    if known.type == "id":
        return _found(org, kind, call.args["value"])
    found = org.store.table(kind).living(known.name, call.args["value"])
    if not found:
        raise not_found()
    if len(found) > 1:
        raise Ambiguous(known.name, [each["Id"] for each in found], f"{call.base}/sobjects/{kind.name}/")
    return found[0]


def _shown(call: Call, kind: ObjectType, record: Record) -> Reply:
    since = _http_date(call.headers.get("If-Modified-Since"))
    if since and moment_of(record["LastModifiedDate"]) <= since:
        return Reply(304)
    names = [name for name in call.query.get("fields", "").split(",") if name]
    fields = [kind.needed(name.strip()) for name in names] if names else list(kind.fields.values())
    shown: dict[str, Any] = {
        "attributes": {"type": kind.name, "url": f"{call.base}/sobjects/{kind.name}/{record['Id']}"}
    }  # fmt: skip
    for each in fields:
        shown[each.name] = address(record, each.name) if each.type == "address" else record.get(each.name)
    shown["Id"] = record["Id"]
    return Reply(body=shown)


def _check_unchanged(call: Call, record: Record) -> None:
    since = _http_date(call.headers.get("If-Unmodified-Since"))
    if since and moment_of(record["LastModifiedDate"]) > since:
        raise Refused("ENTITY_HAS_BEEN_MODIFIED", "The record was modified since the given time", 412)


def _http_date(text: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(text) if text else None
    except ValueError:
        return None
