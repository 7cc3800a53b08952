"""What the org has: resources, objects, fields, limits."""

from datetime import datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

from simulators.salesforce.calls import Call, Reply
from simulators.salesforce.conversion import convert
from simulators.salesforce.describe import described, summary
from simulators.salesforce.errors import Refused, RowRefused
from simulators.salesforce.ids import full_id
from simulators.salesforce.org import Org
from simulators.salesforce.times import moment_of

_RESOURCES = ("sobjects", "query", "queryAll", "search", "composite", "limits", "jobs", "actions")


def resources(_org: Org, call: Call) -> Reply:
    """GET /services/data/v60.0"""
    return Reply(body={name: f"{call.base}/{name}" for name in _RESOURCES})


def sobjects(org: Org, call: Call) -> Reply:
    """GET /sobjects"""
    every = [summary(kind, call.base) for kind in org.schema]
    return Reply(body={"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": every})


def sobject(org: Org, call: Call) -> Reply:
    """GET /sobjects/Lead"""
    kind = org.schema.needed(call.args["object"])
    records = list(org.store.table(kind).records.values())[-10:]
    recent = [
        {"attributes": {"type": kind.name, "url": f"{call.base}/sobjects/{kind.name}/{each['Id']}"},
         "Id": each["Id"], "Name": each.get("Name")} for each in reversed(records) if not each["IsDeleted"]
    ]  # fmt: skip
    return Reply(body={"objectDescribe": summary(kind, call.base), "recentItems": recent})


def describe(org: Org, call: Call) -> Reply:
    """GET /sobjects/Lead/describe; 304 if the fields are as they were at ``If-Modified-Since``."""
    kind = org.schema.needed(call.args["object"])
    changed = moment_of(kind.changed) if kind.changed else org.created
    since = _http_date(call.headers.get("If-Modified-Since"))
    headers = {"Last-Modified": format_datetime(changed, usegmt=True)}
    if since and changed.replace(microsecond=0) <= since:
        return Reply(304, headers=headers)
    return Reply(body=described(kind, call.base), headers=headers)


def limits(org: Org, _call: Call) -> Reply:
    """GET /limits"""
    return Reply(body=org.allowance.report())


def convert_lead(org: Org, call: Call) -> Reply:
    """POST /actions/standard/convertLead with ``{"inputs": [{"leadId": …}]}``"""
    inputs = call.document().get("inputs")
    if not isinstance(inputs, list):
        raise Refused("MISSING_ARGUMENT", "inputs must be a list")
    results: list[dict[str, Any]] = []
    for wish in inputs:
        try:
            output = convert(org.records, full_id(wish.get("leadId")) or "", wish, call.actor)
            results.append({"actionName": "convertLead", "errors": None, "isSuccess": True, "outputValues": output})
        except RowRefused as refused:
            errors = refused.row()["errors"]
            results.append({"actionName": "convertLead", "errors": errors, "isSuccess": False, "outputValues": None})
    failed = any(not each["isSuccess"] for each in results)
    return Reply(400 if failed else 200, results)


def _http_date(text: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(text) if text else None
    except ValueError:
        return None
