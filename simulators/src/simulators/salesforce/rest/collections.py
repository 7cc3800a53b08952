"""Up to 200 records in one call, each with its own fate: /composite/sobjects

https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_composite_sobjects_collections.htm
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any

from simulators.salesforce.calls import Call, Reply
from simulators.salesforce.errors import Refused, RowRefused
from simulators.salesforce.ids import full_id
from simulators.salesforce.org import Org
from simulators.salesforce.schema import ObjectType
from simulators.salesforce.soql.paths import address
from simulators.salesforce.store import Record

MOST = 200
_MOST_READ_BY_GET, _MOST_READ = 800, 2000
_MOST_CHUNKS = 10
ROLLED_BACK = (
    "Record rolled back because not all records were valid and the request was using AllOrNone header"
)  # fmt: skip
Row = dict[str, Any]


class _AllOrNone(Exception):
    """Everything is undone; the rows tell why."""

    def __init__(self, rows: list[Row]) -> None:
        self.rows = rows
        super().__init__("rolled back")


def create(org: Org, call: Call) -> Reply:
    """POST /composite/sobjects"""
    body, rows = _rows(call)
    kinds = _kinds(org, rows)

    def one(place: int) -> Row:
        return _good(org.records.create(kinds[place], rows[place], call.actor))

    return _each(org, call, len(rows), one, all_or_none=_flag(body))


def update(org: Org, call: Call) -> Reply:
    """PATCH /composite/sobjects"""
    body, rows = _rows(call)
    kinds = _kinds(org, rows)

    def one(place: int) -> Row:
        row = {name: value for name, value in rows[place].items() if name.lower() != "id"}
        record_id = _id_of(rows[place])
        if not record_id:
            raise RowRefused("MISSING_ARGUMENT", "Id not specified in an update call", ["Id"])
        org.records.update(kinds[place], record_id, row, call.actor)
        return _good(full_id(record_id))

    return _each(org, call, len(rows), one, all_or_none=_flag(body))


def upsert(org: Org, call: Call) -> Reply:
    """PATCH /composite/sobjects/Lead/ExtId__c"""
    kind = org.schema.needed(call.args["object"])
    known = kind.external(call.args["field"])
    if known is None:
        message = f"Provided external ID field does not exist or is not accessible: {call.args['field']}"
        raise Refused("NOT_FOUND", message)
    body, rows = _rows(call)
    if any(other is not kind for other in _kinds(org, rows, default=kind)):
        raise Refused("INVALID_INPUT", "All records must be of the same type")
    seen: set[str] = set()

    def one(place: int) -> Row:
        keys = [name for name in rows[place] if name.lower() == known.name.lower()]
        value = str(rows[place][keys[0]] or "") if keys else ""
        if not value and known.type != "id":
            raise RowRefused("MISSING_ARGUMENT", f"{known.name} not specified", [known.name])
        if value and value.casefold() in seen:
            raise RowRefused("DUPLICATE_VALUE", f"Duplicate external id specified: {value}", [known.name])
        seen.add(value.casefold())
        row = {name: each for name, each in rows[place].items() if name not in keys}
        record_id, created = org.records.upsert(kind, known.name, value, row, call.actor)
        return {**_good(record_id), "created": created}

    return _each(org, call, len(rows), one, all_or_none=_flag(body))


def delete(org: Org, call: Call) -> Reply:
    """DELETE /composite/sobjects?ids=a,b"""
    ids = [each.strip() for each in call.needed("ids").split(",") if each.strip()]
    _check_count(ids, MOST)

    def one(place: int) -> Row:
        record_id = full_id(ids[place])
        kind = org.schema.of_id(record_id) if record_id else None
        if kind is None or record_id is None:
            raise RowRefused("MALFORMED_ID", f"malformed id {ids[place]}")
        org.records.delete(kind, record_id, call.actor)
        return _good(record_id)

    return _each(org, call, len(ids), one, all_or_none=call.query.get("allOrNone", "").lower() == "true")


def read(org: Org, call: Call) -> Reply:
    """GET /composite/sobjects/Lead?ids=…&fields=…, or POST with the same in the body."""
    kind = org.schema.needed(call.args["object"])
    if call.method == "POST":
        body = call.document()
        ids, fields, most = body.get("ids"), body.get("fields"), _MOST_READ
        if not isinstance(ids, list) or not isinstance(fields, list):
            raise Refused("MISSING_ARGUMENT", "ids and fields are required")
    else:
        ids, fields = call.needed("ids").split(","), call.needed("fields").split(",")
        most = _MOST_READ_BY_GET
    _check_count(ids, most)
    names = [kind.needed(str(name).strip()).name for name in fields]
    records = org.store.table(kind).records
    found = (records.get(full_id(str(each).strip()) or "") for each in ids)
    return Reply(body=[_shown(call, kind, names, record) for record in found])


def _shown(call: Call, kind: ObjectType, names: Sequence[str], record: Record | None) -> Row | None:
    if record is None or record["IsDeleted"]:
        return None
    row: Row = {"attributes": {"type": kind.name, "url": f"{call.base}/sobjects/{kind.name}/{record['Id']}"}}
    return row | {name: record.get(name) or (address(record, name) if name.endswith("Address") else record.get(name))
                  for name in names}  # fmt: skip


def _each(org: Org, call: Call, count: int, one: Callable[[int], Row], *, all_or_none: bool) -> Reply:
    rows: list[Row] = []
    try:
        with org.records.transaction(call.actor):
            for place in range(count):
                try:
                    rows.append(one(place))
                except RowRefused as refused:
                    rows.append(refused.row())
            if all_or_none and not all(row["success"] for row in rows):
                raise _AllOrNone(rows)
    except _AllOrNone as undone:
        back = RowRefused("ALL_OR_NONE_OPERATION_ROLLED_BACK", ROLLED_BACK).row()
        rows = [back if row["success"] else row for row in undone.rows]
    return Reply(body=rows)


def _rows(call: Call) -> tuple[Mapping[str, Any], list[Row]]:
    body = call.document()
    rows = body.get("records")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Refused("MISSING_ARGUMENT", "The records parameter is required and must be a list of records")
    _check_count(rows, MOST)
    return body, rows


def _check_count(rows: Sequence[Any], most: int) -> None:
    if len(rows) > most:
        raise Refused("EXCEEDED_MAX_SIZE_REQUEST", f"Cannot process more than {most} records in one request.")
    if not rows:
        raise Refused("MISSING_ARGUMENT", "The request has no records")


def _kinds(org: Org, rows: list[Row], *, default: ObjectType | None = None) -> list[ObjectType]:
    kinds = []
    for row in rows:
        attributes = row.get("attributes")
        name = attributes.get("type") if isinstance(attributes, dict) else None
        kind = org.schema.find(str(name)) if name else default
        if kind is None:
            raise Refused("INVALID_TYPE", f"sObject type '{name}' is not supported." if name else "type is missing")
        kinds.append(kind)
    if len(list(groupby(kind.name for kind in kinds))) > _MOST_CHUNKS:
        raise Refused("INVALID_INPUT", f"Cannot have more than {_MOST_CHUNKS} chunks in a single operation.")
    return kinds


def _id_of(row: Row) -> str:
    return next((str(value) for name, value in row.items() if name.lower() == "id"), "")


def _flag(body: Mapping[str, Any]) -> bool:
    return bool(body.get("allOrNone", False))


def _good(record_id: str | None) -> Row:
    return {"id": record_id, "success": True, "errors": []}
