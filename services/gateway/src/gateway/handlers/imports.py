"""Importing leads: JSON, NDJSON, CSV. The answer comes when every accepted record is durable."""

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from aiohttp import hdrs, web
from pydantic import TypeAdapter, ValidationError

from gateway.adapters.imports import NewImport
from gateway.domain.csv_rows import CsvReader, UnreadableFile
from gateway.domain.cursor import decode_cursor, encode_cursor
from gateway.domain.ndjson import NdjsonReader
from gateway.domain.problems import Code, Problem, printable, problem_of
from gateway.domain.receiving import import_accepted
from gateway.gateway import Gateway
from gateway.handlers.importing import ImportRun, shown
from gateway.handlers.places import uuid_in_path
from gateway.web.answers import answer
from gateway.web.bodies import JSON_TYPE, body_chunks, expect_type, read_json
from gateway.web.models_in import FileQuery, IssuesQuery
from gateway.web.routing import Call, refusal
from hub.contracts.errors import HubError, Invalid, NotFound, TooLarge, Unavailable
from hub.contracts.ids import new_id
from hub.contracts.records import Key, Short

NDJSON_TYPE, CSV_TYPE = "application/x-ndjson", "text/csv"
JSON_LIMIT = 10 * 1024 * 1024
JSON_RECORDS = 10_000
_READERS: dict[str, type[NdjsonReader] | type[CsvReader]] = {NDJSON_TYPE: NdjsonReader, CSV_TYPE: CsvReader}
_FORMATS = {JSON_TYPE: "json", NDJSON_TYPE: "ndjson", CSV_TYPE: "csv"}
_KEYS = frozenset({"source", "leads", "agent_id", "actor"})
_key = TypeAdapter(Key)
_short = TypeAdapter(Short)
Rows = AsyncIterator[list[tuple[int, Any]]]


async def import_leads(gateway: Gateway, call: Call[FileQuery, None]) -> web.Response:
    """202 when durable; refused records are listed, the others imported."""
    media = expect_type(call.request, *_FORMATS)
    user: str | None = None
    if media == JSON_TYPE:
        source, user, leads = _read_shape(await read_json(call.request, JSON_LIMIT))
        rows = _all_at_once(leads)
    else:
        if call.query.source is None:
            raise refusal(Problem(Code.MISSING_FIELD, "Name the system the file comes from: ?source=…", "source"))
        source = call.query.source
        rows = _file_rows(gateway, call.request, media)
    new = NewImport(call.account_id, new_id(), source, _FORMATS[media], call.key.name, _idempotency_key(call.request))
    earlier = await gateway.imports.begin(new)
    if earlier:
        errors = [{name: value for name, value in each.items() if name != "part"} for each in earlier["errors"]]
        return _accepted(earlier["id"], earlier["accepted"], earlier["rejected"], errors)
    run = ImportRun(gateway, new, call.actor(user), call.traceparent)
    try:
        await _run(gateway, run, new, rows, call)
    except BaseException as error:
        await run.settle()
        with suppress(Unavailable):
            await gateway.imports.end(new.account_id, new.id, "aborted", run.accepted, run.rejected)
        if isinstance(error, HubError):
            error.details.setdefault("import_id", new.id)
            error.details.setdefault("accepted", run.accepted)
        raise
    return _accepted(new.id, run.accepted, run.rejected, shown(run.errors))


async def _run(gateway: Gateway, run: ImportRun, new: NewImport, rows: Rows, call: Call[Any, Any]) -> None:
    async for some in rows:
        await run.take(some)
        if run.read > gateway.settings.import_max_records:
            raise TooLarge("The file has too many records", limit_records=gateway.settings.import_max_records)
    await run.finish()
    data = {
        "import_id": new.id,
        "source": new.source,
        "accepted": run.accepted,
        "rejected": run.rejected,
        "actor": call.actor(),
    }
    await gateway.bus.publish(import_accepted(new.account_id, data, call.traceparent))
    await gateway.imports.end(new.account_id, new.id, "accepted", run.accepted, run.rejected)


def _read_shape(document: Any) -> tuple[str, str | None, list[Any]]:
    if not isinstance(document, dict):
        raise refusal(Problem(Code.WRONG_TYPE, 'The body is an object: {"source": …, "leads": […]}'))
    for name in document:
        if name not in _KEYS:
            raise refusal(Problem(Code.UNKNOWN_FIELD, "The body has no such field", printable(name)))
    leads = document.get("leads")
    if "leads" not in document:
        raise refusal(Problem(Code.MISSING_FIELD, "The list of leads is missing", "leads"))
    if not isinstance(leads, list):
        raise refusal(Problem(Code.WRONG_TYPE, "The leads are a list", "leads"))
    if len(leads) > JSON_RECORDS:
        message = f"More than {JSON_RECORDS} leads; send them as NDJSON or CSV, or in parts"
        raise refusal(Problem(Code.TOO_MANY, message, "leads"))
    if "source" not in document:
        raise refusal(Problem(Code.MISSING_FIELD, "Name the system the leads come from", "source"))
    user = document.get("agent_id") or document.get("actor")
    return _text(_key, document["source"], "source"), _text(_short, user, "agent_id") if user else None, leads


def _text(kind: TypeAdapter[str], value: Any, field: str) -> str:
    try:
        return kind.validate_python(value)
    except ValidationError as error:
        found = problem_of(error)
        raise refusal(Problem(found.code, found.message, field)) from None


def _idempotency_key(request: web.Request) -> str | None:
    keys = request.headers.getall("Idempotency-Key", [])
    if not keys:
        return None
    if len(keys) > 1 or not 0 < len(keys[0]) <= 255 or not (keys[0].isascii() and keys[0].isprintable()):
        raise Invalid("One Idempotency-Key of 1 to 255 ASCII characters", code="INVALID_VALUE", field="Idempotency-Key")
    return keys[0]


async def _all_at_once(leads: list[Any]) -> Rows:
    yield list(enumerate(leads))


async def _file_rows(gateway: Gateway, request: web.Request, media: str) -> Rows:
    reader = _READERS[media]()
    try:
        async for chunk in body_chunks(request, gateway.settings.import_max_bytes):
            yield reader.feed(chunk)
        yield reader.finish()
    except UnreadableFile as error:
        raise refusal(error.problem) from None


def _accepted(import_id: str, accepted: int, rejected: int, errors: list[dict[str, Any]]) -> web.Response:
    address = f"/api/v1/external/imports/{import_id}"
    body = {
        "import_id": import_id,
        "status": "accepted",
        "accepted": accepted,
        "rejected": rejected,
        "errors": errors,
        "links": {
            "self": address,
            "rejections": f"{address}?severity=rejected",
            "warnings": f"{address}?severity=warning",
        },
    }
    return answer(body, 202, {hdrs.LOCATION: address})


async def get_import(gateway: Gateway, call: Call[IssuesQuery, None]) -> web.Response:
    """Progress, and a page of rejections or warnings."""
    import_id = uuid_in_path(call, "import_id")
    document = await gateway.imports.get(call.account_id, import_id)
    if document is None:
        raise NotFound("There is no such import")
    query = call.query
    after = _issue_position(query.cursor)
    issues = await gateway.imports.issues(call.account_id, import_id, query.severity, after, query.limit)
    full = len(issues) == query.limit
    document["next_cursor"] = encode_cursor(f"{issues[-1]['index']}:{issues[-1]['part']}") if full else None
    for issue in issues:
        del issue["part"]
    document["rejections" if query.severity == "rejected" else "warnings"] = issues
    return answer(document)


def _issue_position(cursor: str | None) -> tuple[int, str]:
    if cursor is None:
        return (-1, "")
    position, _, part = decode_cursor(cursor).partition(":")
    if not (position.isascii() and position.isdigit() and len(position) <= 18 and "\x00" not in part):
        raise Invalid("The cursor is not one that this API gave out", code="INVALID_CURSOR", field="cursor")
    return int(position), part
