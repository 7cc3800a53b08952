"""The resources under /jobs."""

from collections.abc import Mapping
from email.parser import BytesParser
from typing import Any

import orjson

from simulators.salesforce.bulk.extract import checked, extract, part
from simulators.salesforce.bulk.ingest import ingest, read, written
from simulators.salesforce.bulk.jobs import DELIMITERS, ENDINGS, FINAL, Job, Kind, invalid_state
from simulators.salesforce.calls import NO_CONTENT, Call, Reply
from simulators.salesforce.errors import Refused, not_found, unreadable
from simulators.salesforce.org import Org

MOST_BYTES = 150_000_000
_PAGE = 1000
_OPERATIONS = ("insert", "update", "upsert", "delete", "hardDelete")
_CSV = "text/csv; charset=UTF-8"


def create_ingest(org: Org, call: Call) -> Reply:
    """POST /jobs/ingest; as multipart the file comes along."""
    document, data = _parts(call)
    kind = org.schema.find(str(document.get("object", "")))
    operation = str(document.get("operation", ""))
    if kind is None or not kind.writable:
        raise Refused("INVALIDENTITY", f"'{document.get('object')}' is not a valid or supported entity")
    if operation not in _OPERATIONS:
        raise Refused("INVALIDOPERATION", f"'{operation}' is not an operation")
    external = document.get("externalIdFieldName")
    if operation == "upsert" and (external is None or kind.external(str(external)) is None):
        raise Refused("INVALIDJOB", f"External ID was blank or is not valid for {kind.name}. An External ID must be "
                                    "specified when upserting records")  # fmt: skip
    job = org.jobs.add("ingest", operation, kind.name, call.version, call.actor)
    _layout(job, document)
    job.external = str(external) if external else None
    if data is not None:
        job.data = data
        _submit(org, job)
    return Reply(body=job.told(full=False))


def upload(org: Org, call: Call) -> Reply:
    """PUT /jobs/ingest/{id}/batches, once."""
    job = org.jobs.find("ingest", call.args["id"])
    if job.data is not None:
        message = f"Found multiple contents for job: <{job.id}>, please 'Close' / 'Abort' / 'Delete' the current Job"
        raise invalid_state(f"{message} then create a new Job and make sure you only do 'PUT' once on a given Job.")
    if job.state != "Open":
        raise invalid_state(f"The job with id {job.id} is in the {job.state} state and takes no data.")
    if not call.headers.get("Content-Type", "text/csv").startswith("text/csv"):
        raise Refused("UNSUPPORTED_MEDIA_TYPE", "The content type must be text/csv", 415)
    if len(call.raw) > MOST_BYTES:
        raise Refused("FILE_SIZE_LIMIT_EXCEEDED", "The uploaded file is larger than 150 MB", 413)
    job.data = call.raw
    return Reply(201, raw=b"")


def change_ingest(org: Org, call: Call) -> Reply:
    """PATCH /jobs/ingest/{id} with the state UploadComplete or Aborted."""
    job = org.jobs.find("ingest", call.args["id"])
    state = call.document().get("state")
    if state == "UploadComplete" and job.state == "Open":
        _submit(org, job)
    elif state == "Aborted" and job.state not in FINAL:
        _abort(org, job)
    else:
        raise invalid_state(f"The job with id {job.id} is in the {job.state} state and cannot become {state}.")
    return Reply(body=job.told(full=False))


def read_job(org: Org, call: Call) -> Reply:
    """GET /jobs/ingest/{id} or /jobs/query/{id}"""
    return Reply(body=org.jobs.find(_kind(call), call.args["id"]).told(full=True))


def delete_job(org: Org, call: Call) -> Reply:
    """DELETE of either."""
    org.jobs.remove(org.jobs.find(_kind(call), call.args["id"]))
    return NO_CONTENT


def list_jobs(org: Org, call: Call) -> Reply:
    """GET /jobs/ingest or /jobs/query, 1,000 a page."""
    kind = _kind(call)
    start = call.query.get("queryLocator", "0")
    first = int(start) if start.isdigit() else 0
    jobs = list(org.jobs.every(kind))
    more = first + _PAGE < len(jobs)
    following = f"{call.base}/jobs/{kind}?queryLocator={first + _PAGE}" if more else None
    told = [job.told(full=False) for job in jobs[first : first + _PAGE]]
    return Reply(body={"done": not more, "records": told, "nextRecordsUrl": following})


def results(org: Org, call: Call) -> Reply:
    """GET /jobs/ingest/{id}/successfulResults, failedResults or unprocessedrecords"""
    job = org.jobs.find("ingest", call.args["id"])
    which = call.args["results"].lower()
    if which == "successfulresults":
        raw = written(job, job.done, ["sf__Id", "sf__Created", *job.header])
    elif which == "failedresults":
        raw = written(job, job.failed, ["sf__Id", "sf__Error", *job.header])
    elif which == "unprocessedrecords":
        raw = written(job, job.left, job.header)
    else:
        raise not_found()
    return Reply(raw=raw, content_type=_CSV)


def create_query(org: Org, call: Call) -> Reply:
    """POST /jobs/query"""
    document = call.document()
    operation = str(document.get("operation", ""))
    if operation not in ("query", "queryAll"):
        raise Refused("INVALIDOPERATION", f"'{operation}' is not an operation")
    found = checked(str(document.get("query", "")), org.engine, org.clock)
    org.allowance.query_job()
    job = org.jobs.add("query", operation, found.table.type.name, call.version, call.actor)
    _layout(job, document)
    job.query = document["query"]
    org.jobs.spawn(extract(job, org.jobs, org.engine, org.clock, org.faults))
    return Reply(body=job.told(full=False))


def change_query(org: Org, call: Call) -> Reply:
    """PATCH /jobs/query/{id} with the state Aborted."""
    job = org.jobs.find("query", call.args["id"])
    if call.document().get("state") != "Aborted" or job.state in FINAL:
        raise invalid_state(f"The job with id {job.id} is in the {job.state} state.")
    org.jobs.move(job, "Aborted")
    return Reply(body=job.told(full=False))


def query_results(org: Org, call: Call) -> Reply:
    """GET /jobs/query/{id}/results"""
    job = org.jobs.find("query", call.args["id"])
    if call.version != job.version:
        raise Refused("VERSION_MISMATCH", f"The job was created with API version {job.version}", 409)
    if job.state != "JobComplete":
        raise invalid_state(f"The job with id {job.id} is in the {job.state} state and has no results.")
    wish = call.query.get("maxRecords", "")
    size = min(int(wish), 1_000_000) if wish.isdigit() and int(wish) else org.jobs.page
    raw, count, locator = part(job, call.query.get("locator"), size)
    headers = {"Sforce-NumberOfRecords": str(count), "Sforce-Locator": locator}
    return Reply(raw=raw, content_type=_CSV, headers=headers)


def _submit(org: Org, job: Job) -> None:
    org.jobs.move(job, "UploadComplete")
    org.jobs.spawn(ingest(job, org.jobs, org.records, org.faults))


def _abort(org: Org, job: Job) -> None:
    if not job.left and not job.done and not job.failed:
        job.header, rows = read(job) if job.data else ([], iter(()))
        job.left = list(rows)
    org.jobs.move(job, "Aborted")


def _kind(call: Call) -> Kind:
    return "query" if "/jobs/query" in call.path else "ingest"


def _layout(job: Job, document: Mapping[str, Any]) -> None:
    job.delimiter = str(document.get("columnDelimiter") or "COMMA").upper()
    job.ending = str(document.get("lineEnding") or "LF").upper()
    if job.delimiter not in DELIMITERS or job.ending not in ENDINGS:
        raise Refused("INVALIDJOB", "columnDelimiter or lineEnding is not known")
    if str(document.get("contentType") or "CSV") != "CSV":
        raise Refused("INVALIDJOB", f"Unsupported content type {document.get('contentType')}")


def _parts(call: Call) -> tuple[Mapping[str, Any], bytes | None]:
    kind = call.headers.get("Content-Type", "")
    if not kind.startswith("multipart/"):
        return call.document(), None
    message = BytesParser().parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + call.raw)
    parts = {
        each.get_param("name", header="content-disposition"): each.get_payload(decode=True)
        for each in message.walk()
        if not each.is_multipart()
    }
    job, content = parts.get("job"), parts.get("content")
    if not isinstance(job, bytes) or not isinstance(content, bytes):
        raise unreadable("A multipart request needs the parts job and content")
    try:
        document = orjson.loads(job)
    except orjson.JSONDecodeError as error:
        raise unreadable(str(error)) from None
    return document, content
