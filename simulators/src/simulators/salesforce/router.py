"""Which function answers which call."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote

from simulators.salesforce.bulk import resources as bulk
from simulators.salesforce.calls import Call, Reply, acting, refusal
from simulators.salesforce.errors import Refused, not_found
from simulators.salesforce.org import Org
from simulators.salesforce.rest import about, collections, queries, sobjects
from simulators.salesforce.rest.composite import batch, composite

Handler = Callable[[Org, Call], Reply]
SUPPORTED = range(31, 69)  # API versions; older ones are retired
_PATH = re.compile(r"/services/data/v(\d+\.0)(?:/(.*?))?/?\Z", re.DOTALL)


def _composite(org: Org, call: Call) -> Reply:
    return composite(org, call, _perform)


def _batch(org: Org, call: Call) -> Reply:
    return batch(org, call, _perform)


RESOURCES: dict[str, dict[str, Handler]] = {  # literal paths before those with variables
    "": {"GET": about.resources},
    "limits": {"GET": about.limits},
    "query": {"GET": queries.query},
    "queryAll": {"GET": queries.query_all},
    "query/{locator}": {"GET": queries.more},
    "queryAll/{locator}": {"GET": queries.more},
    "search": {"GET": queries.search},
    "actions/standard/convertLead": {"POST": about.convert_lead},
    "composite": {"POST": _composite},
    "composite/batch": {"POST": _batch},
    "composite/sobjects": {
        "POST": collections.create, "PATCH": collections.update, "DELETE": collections.delete,
    },
    "composite/sobjects/{object}": {"GET": collections.read, "POST": collections.read},
    "composite/sobjects/{object}/{field}": {"PATCH": collections.upsert},
    "jobs/ingest": {"POST": bulk.create_ingest, "GET": bulk.list_jobs},
    "jobs/ingest/{id}": {"GET": bulk.read_job, "PATCH": bulk.change_ingest, "DELETE": bulk.delete_job},
    "jobs/ingest/{id}/batches": {"PUT": bulk.upload},
    "jobs/ingest/{id}/{results}": {"GET": bulk.results},
    "jobs/query": {"POST": bulk.create_query, "GET": bulk.list_jobs},
    "jobs/query/{id}": {"GET": bulk.read_job, "PATCH": bulk.change_query, "DELETE": bulk.delete_job},
    "jobs/query/{id}/results": {"GET": bulk.query_results},
    "sobjects": {"GET": about.sobjects},
    "sobjects/{object}": {"GET": about.sobject, "POST": sobjects.create},
    "sobjects/{object}/describe": {"GET": about.describe},
    "sobjects/{object}/deleted": {"GET": sobjects.deleted},
    "sobjects/{object}/updated": {"GET": sobjects.updated},
    "sobjects/{object}/{id}": {"GET": sobjects.read, "PATCH": sobjects.update, "DELETE": sobjects.delete},
    "sobjects/{object}/{field}/{value}": {
        "GET": sobjects.read_by, "PATCH": sobjects.upsert, "DELETE": sobjects.delete_by,
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Pattern:
    regex: re.Pattern[str]
    handlers: Mapping[str, Handler]


def _pattern(path: str, handlers: Mapping[str, Handler]) -> _Pattern:
    return _Pattern(re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path) + r"\Z"), handlers)


_PATTERNS = [_pattern(path, handlers) for path, handlers in RESOURCES.items()]


def found(method: str, path: str, query: Mapping[str, str]) -> tuple[str, Handler, dict[str, str]]:
    """API version, function and variables for a raw path. ``_HttpMethod`` overrides POST. Raises Refused."""
    whole = _PATH.match(path)
    if whole is None:
        raise not_found()
    version, rest = whole[1], whole[2] or ""
    check_version(version)
    if method == "POST":
        method = query.get("_HttpMethod", method).upper()
    for pattern in _PATTERNS:
        match = pattern.regex.match(rest)
        if match is None:
            continue
        handler = pattern.handlers.get("GET" if method == "HEAD" else method)
        if handler is None:
            allowed = ",".join(sorted({"HEAD", *pattern.handlers} if "GET" in pattern.handlers else pattern.handlers))
            raise Refused("METHOD_NOT_ALLOWED", f"HTTP Method '{method}' not allowed. Allowed are {allowed}")
        return version, handler, {name: unquote(value) for name, value in match.groupdict().items()}
    raise not_found()


def check_version(version: str) -> None:
    """Raises Refused: 410 for a retired version, 404 for one that is not yet."""
    number = int(float(version))
    if number < SUPPORTED.start:
        message = f"The requested resource is no longer available: API version {version} is retired"
        raise Refused("UNSUPPORTED_API_VERSION", message, 410)
    if number not in SUPPORTED:
        raise not_found()


def _perform(
    org: Org, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: Any, call: Call
) -> Reply:
    """A subrequest of a composite call."""
    try:
        version, handler, args = found(method, path, query)
        if handler in (_composite, _batch):
            raise Refused("INVALID_INPUT", "A composite request cannot be nested in another")
        inner = replace(
            call, method=method, path=path, version=version, args=args, query=query, headers=headers, body=body, raw=b""
        )  # fmt: skip
        return handler(org, acting(inner))
    except Refused as refused:
        return refusal(refused)
