"""Works through an uploaded file, 200 rows at a time."""

import asyncio
import csv
import io
import time
from collections.abc import Callable, Iterator
from typing import Any

from simulators.kit.faults import Faults
from simulators.salesforce.bulk.jobs import DELIMITERS, ENDINGS, Job, Jobs
from simulators.salesforce.errors import Refused, RowRefused
from simulators.salesforce.ids import full_id
from simulators.salesforce.records import Records
from simulators.salesforce.schema import ObjectType

_AT_ONCE = 200
Row = dict[str, str]
csv.field_size_limit(2**31 - 1)


class BadFile(Exception):
    """The file as a whole cannot be used; the job fails."""


async def ingest(job: Job, jobs: Jobs, records: Records, faults: Faults) -> None:
    """Do the job; it ends as JobComplete or Failed, unless it is aborted meanwhile."""
    begun = time.monotonic()
    jobs.move(job, "InProgress")
    await asyncio.sleep(jobs.delay)
    if job.state != "InProgress":
        return
    if (wish := faults.draw("bulk_job_failed", *job.actor.call)) is not None:
        jobs.move(job, "Failed", wish.get("message", "InternalServerError : Retried more than fifteen times"))
        return
    kind = records.schema.needed(job.object)
    try:
        job.header, rows = read(job)
        _check_header(kind, job, records)
    except BadFile as bad:
        jobs.move(job, "Failed", str(bad))
        return
    job.left = list(rows)
    while job.left and job.state == "InProgress":
        chunk, job.left = job.left[:_AT_ONCE], job.left[_AT_ONCE:]
        _chunk(job, kind, chunk, records)
        job.milliseconds = int((time.monotonic() - begun) * 1000)
        await asyncio.sleep(0)
    if job.state == "InProgress":
        jobs.move(job, "JobComplete")


def read(job: Job) -> tuple[list[str], Iterator[list[str]]]:
    """The header and the rows. Raises BadFile."""
    try:
        text = (job.data or b"").decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadFile("InvalidBatch : The file is not encoded in UTF-8") from None
    first, _, _ = text.partition("\n")
    if text and first.endswith("\r") != (job.ending == "CRLF") and "\n" in text:
        message = f"LineEnding is invalid on user data. Current LineEnding setting is {job.ending}"
        raise BadFile(f"ClientInputError : {message}")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=DELIMITERS[job.delimiter])
    header = next(reader, [])
    return header, (row for row in reader if row)


def written(job: Job, rows: list[list[str]], header: list[str]) -> bytes:
    """A result file."""
    out = io.StringIO(newline="")
    writer = csv.writer(
        out, delimiter=DELIMITERS[job.delimiter], lineterminator=ENDINGS[job.ending], quoting=csv.QUOTE_ALL
    )
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue().encode()


def _check_header(kind: ObjectType, job: Job, records: Records) -> None:
    for name in job.header:
        relation, _, path = name.partition(".")
        by = kind.relations.get(relation.lower()) if path else None
        targets = [records.schema.needed(each) for each in by.refers_to] if by else []
        if not (any(target.field(path) for target in targets) if path else kind.field(name)):
            raise BadFile(f"InvalidBatch : Field name not found : {name}")
    names = {name.lower() for name in job.header}
    needed = {"update": "id", "delete": "id", "hardDelete": "id", "upsert": (job.external or "Id").lower()}
    wanted = needed.get(job.operation)
    if job.header and wanted and wanted != "id" and wanted not in names:
        raise BadFile(f"InvalidBatch : The upsert file must have the external id field {job.external}")
    if job.operation in ("delete", "hardDelete") and job.header and names != {"id"}:
        raise BadFile(f"InvalidBatch : The 'delete/hard_delete' batch must contain only 'Id', {job.header}")


def _chunk(job: Job, kind: ObjectType, rows: list[list[str]], records: Records) -> None:
    act = _ACTS[job.operation]
    seen: set[str] = set()
    with records.transaction(job.actor):
        for cells in rows:
            row = dict(zip(job.header, cells, strict=False))
            try:
                if len(cells) != len(job.header):
                    raise RowRefused("INVALID_CSV", "The row has another number of columns than the header")
                if job.operation == "upsert":
                    _check_once(job, row, seen)
                record_id, created = act(job, kind, row, records)
            except Refused as refused:
                row_refused = refused if isinstance(refused, RowRefused) else RowRefused(refused.code, str(refused))
                job.failed.append([_id(row), row_refused.csv(), *cells])
            else:
                job.done.append([record_id, "true" if created else "false", *cells])


def _check_once(job: Job, row: Row, seen: set[str]) -> None:
    value = _cell(row, job.external or "Id").casefold()
    if value and value in seen:
        raise RowRefused("DUPLICATE_VALUE", f"Duplicate external id specified: {value}", [job.external or "Id"])
    seen.add(value)


def _insert(job: Job, kind: ObjectType, row: Row, records: Records) -> tuple[str, bool]:
    return records.create(kind, row, job.actor, csv=True), True


def _update(job: Job, kind: ObjectType, row: Row, records: Records) -> tuple[str, bool]:
    record_id = _id(row)
    if not record_id:
        raise RowRefused("MISSING_ARGUMENT", "Id not specified in an update call", ["Id"])
    records.update(kind, record_id, _without(row, "Id"), job.actor, csv=True)
    return full_id(record_id) or record_id, False


def _upsert(job: Job, kind: ObjectType, row: Row, records: Records) -> tuple[str, bool]:
    name = job.external or "Id"
    return records.upsert(kind, name, _cell(row, name), _without(row, name), job.actor, csv=True)


def _delete(job: Job, kind: ObjectType, row: Row, records: Records) -> tuple[str, bool]:
    records.delete(kind, _id(row), job.actor)
    record_id = full_id(_id(row)) or ""
    if job.operation == "hardDelete":
        records.store.table(kind).forget(record_id)
    return record_id, False


_ACTS: dict[str, Callable[[Job, ObjectType, Row, Any], tuple[str, bool]]] = {
    "insert": _insert, "update": _update, "upsert": _upsert, "delete": _delete, "hardDelete": _delete
}  # fmt: skip


def _cell(row: Row, name: str) -> str:
    return next((value for key, value in row.items() if key.lower() == name.lower()), "")


def _id(row: Row) -> str:
    return _cell(row, "Id")


def _without(row: Row, name: str) -> Row:
    return {key: value for key, value in row.items() if key.lower() != name.lower()}
