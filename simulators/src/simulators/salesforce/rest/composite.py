"""Several calls in one, each able to use what came of an earlier one.

https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_composite_composite.htm
"""

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from multidict import CIMultiDict

from simulators.salesforce.calls import Call, Reply
from simulators.salesforce.errors import Refused
from simulators.salesforce.org import Org

Run = Callable[[Org, str, str, Mapping[str, str], Mapping[str, str], Any, Call], Reply]
_MOST, _MOST_HEAVY = 25, 5
_HEAVY = re.compile(r"/(query|queryAll|composite/sobjects)\b")
_REFERENCE = re.compile(r"@\{([^}]+)\}")
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
_HALTED = "The transaction was rolled back since another operation in the same transaction failed."
_STOPPED = {"errorCode": "BATCH_PROCESSING_HALTED", "message": "Batch processing halted per request"}
_DEPENDS = "Invalid reference specified. No value for {} found in {}"


class _Halted(Exception):
    """A subrequest failed and all are undone."""


def composite(org: Org, call: Call, run: Run) -> Reply:
    """POST /composite; ``run`` performs a subrequest."""
    body = call.document()
    wishes = body.get("compositeRequest")
    if not isinstance(wishes, list) or not wishes:
        raise Refused("MISSING_ARGUMENT", "compositeRequest must be a list of subrequests")
    heavy = sum(bool(_HEAVY.search(str(wish.get("url", "")))) for wish in wishes)
    if len(wishes) > _MOST or heavy > _MOST_HEAVY:
        limit = f"{_MOST} subrequests, of them {_MOST_HEAVY} queries and collections"
        raise Refused("LIMIT_EXCEEDED", f"A composite request has at most {limit}")
    done: dict[str, Reply] = {}
    try:
        with org.records.transaction(call.actor):
            for wish in wishes:
                done[str(wish.get("referenceId"))] = _one(org, call, wish, done, run)
            if body.get("allOrNone") and any(reply.status >= 400 for reply in done.values()):
                raise _Halted
    except _Halted:
        halted = Reply(400, [{"errorCode": "PROCESSING_HALTED", "message": _HALTED}])
        done = {name: reply if reply.status >= 400 else halted for name, reply in done.items()}
    return Reply(body={"compositeResponse": [_told(name, reply) for name, reply in done.items()]})


def batch(org: Org, call: Call, run: Run) -> Reply:
    """POST /composite/batch: independent calls."""
    body = call.document()
    wishes = body.get("batchRequests")
    if not isinstance(wishes, list) or not wishes or len(wishes) > _MOST:
        raise Refused("LIMIT_EXCEEDED", f"batchRequests must be a list of 1 to {_MOST} subrequests")
    results: list[dict[str, Any]] = []
    for wish in wishes:
        if body.get("haltOnError") and any(each["statusCode"] >= 400 for each in results):
            results.append({"statusCode": 412, "result": [_STOPPED]})
            continue
        url = "/services/data/" + str(wish.get("url", "")).removeprefix("/services/data/")
        reply = _performed(org, call, {**wish, "url": url, "body": wish.get("richInput")}, run)
        results.append({"statusCode": reply.status, "result": reply.body})
    failed = any(each["statusCode"] >= 400 for each in results)
    return Reply(body={"hasErrors": failed, "results": results})


def _one(org: Org, call: Call, wish: Mapping[str, Any], done: Mapping[str, Reply], run: Run) -> Reply:
    try:
        filled = {**wish, "url": _filled(str(wish.get("url", "")), done), "body": _filled(wish.get("body"), done)}
    except LookupError as missing:
        return Reply(400, [{"errorCode": "PROCESSING_HALTED", "message": str(missing.args[0])}])
    return _performed(org, call, filled, run)


def _performed(org: Org, call: Call, wish: Mapping[str, Any], run: Run) -> Reply:
    parts = urlsplit(str(wish["url"]))
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    headers = CIMultiDict(call.headers)
    headers.update(wish.get("httpHeaders") or {})
    return run(org, str(wish.get("method", "GET")).upper(), parts.path, query, headers, wish.get("body"), call)


def _filled(value: Any, done: Mapping[str, Reply]) -> Any:
    """The value with ``@{reference.path}`` replaced. Raises LookupError."""
    if isinstance(value, dict):
        return {name: _filled(each, done) for name, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, done) for each in value]
    if not isinstance(value, str):
        return value
    whole = _REFERENCE.fullmatch(value)
    if whole:
        return _looked_up(whole[1], done)
    return _REFERENCE.sub(lambda match: str(_looked_up(match[1], done)), value)


def _looked_up(path: str, done: Mapping[str, Reply]) -> Any:
    name, _, rest = path.partition(".")
    name, bracket, index = name.partition("[")
    rest = bracket + index + ("." + rest if rest else "")
    reply = done.get(name)
    if reply is None or reply.status >= 400:
        raise LookupError(_DEPENDS.format(path, name))
    current = reply.body
    for key, place in _STEP.findall(rest):
        try:
            current = current[int(place)] if place else current[key]
        except (KeyError, IndexError, TypeError):
            raise LookupError(_DEPENDS.format(path, name)) from None
    return current


def _told(name: str, reply: Reply) -> dict[str, Any]:
    return {
        "body": reply.body, "httpHeaders": dict(reply.headers), "httpStatusCode": reply.status, "referenceId": name
    }  # fmt: skip
