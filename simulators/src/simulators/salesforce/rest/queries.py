"""SOQL by GET, page by page; a little of SOSL.

https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_query.htm
"""

import re
from typing import Any

from simulators.salesforce.calls import Call, Reply
from simulators.salesforce.cursors import invalid_locator
from simulators.salesforce.errors import Refused
from simulators.salesforce.org import Org

PAGE = 2000
_SMALLEST = 200
_FIND = re.compile(r"\s*FIND\s*\{(.*?)\}\s*(?:IN\s+\w+\s+FIELDS\s*)?(?:RETURNING\s+(.*))?\Z", re.I | re.S)
_RETURNING = re.compile(r"(\w+)\s*(?:\(([^)]*)\))?\s*,?\s*")
_SEARCHED = ("Lead", "Contact", "Account", "Opportunity")
_MOST_FOUND = 2000


def query(org: Org, call: Call) -> Reply:
    """GET /query?q="""
    return _first(org, call, deleted=False)


def query_all(org: Org, call: Call) -> Reply:
    """GET /queryAll?q="""
    return _first(org, call, deleted=True)


def more(org: Org, call: Call) -> Reply:
    """GET /query/01g…-2000"""
    if org.faults.draw("invalid_locator", call.method, call.path) is not None:
        raise invalid_locator()
    cursor_id, cursor, start = org.cursors.find(call.args["locator"])
    body: dict[str, Any] = {"totalSize": cursor.result.total, "done": True}
    if start + cursor.size < cursor.result.total:
        body["done"] = False
        body["nextRecordsUrl"] = f"{call.base}/query/{cursor_id}-{start + cursor.size}"
    body["records"] = cursor.result.page(start, cursor.size, call.version)
    return Reply(body=body)


def search(org: Org, call: Call) -> Reply:
    """GET /search?q=FIND {…} RETURNING Lead(Id, Name): records with all the words somewhere in their texts."""
    found = _FIND.match(call.needed("q"))
    if not found or len(found[1].strip().strip("*")) < 2:
        raise Refused("MALFORMED_SEARCH", "search term must be longer than one character")
    words = [re.escape(word.strip("*\"'").casefold()) for word in found[1].split()]
    tests = [re.compile(rf"(^|\W){word}") for word in words]
    wanted = [(name, fields) for name, fields in _RETURNING.findall(found[2] or "") if name]
    rows: list[dict[str, Any]] = []
    for name, fields in wanted or [(name, "") for name in _SEARCHED]:
        rows += _found(org, call, name, fields or "Id", tests)
    return Reply(body={"searchRecords": rows[:_MOST_FOUND]})


def _found(
    org: Org, call: Call, name: str, fields: str, tests: list[re.Pattern[str]]
) -> list[dict[str, Any]]:  # fmt: skip
    result = org.engine.run(f"SELECT {fields} FROM {name}", org.clock.now())  # noqa: S608 - our own SOQL, no database
    kept = []
    for record in result.records(0, len(result.ids)):
        text = "\n".join(str(value) for value in record.values() if isinstance(value, str)).casefold()
        if all(test.search(text) for test in tests):
            kept.append(record["Id"])
    result.ids[:] = kept
    return result.page(0, _MOST_FOUND, call.version)


def _first(org: Org, call: Call, *, deleted: bool) -> Reply:
    result = org.engine.run(call.needed("q"), org.clock.now(), deleted=deleted)
    size = _page_size(call)
    body: dict[str, Any] = {"totalSize": result.total, "done": True}
    rows = result.page(0, size, call.version)
    if (result.ids or result.rows) and result.total > size:
        body["done"] = False
        # The pages of queryAll are told under /query too.
        body["nextRecordsUrl"] = f"{call.base}/query/{org.cursors.open(result, size)}-{size}"
    return Reply(body={**body, "records": rows})


def _page_size(call: Call) -> int:
    wish = call.option("Sforce-Query-Options", "batchSize") or ""
    return max(_SMALLEST, min(PAGE, int(wish))) if wish.isdigit() else PAGE
