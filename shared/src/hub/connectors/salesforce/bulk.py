"""Bulk API 2.0: many leads written in one job, many read in another.

https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/bulk_api_2_0.htm
"""

import asyncio
import csv
import io
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from hub.connectors.calls import Answer, not_json
from hub.connectors.salesforce import answers
from hub.connectors.salesforce.api import Api
from hub.connectors.salesforce.rows import Outcome, Row, Written
from hub.connectors.salesforce.wire import is_record_id
from hub.contracts.failures import CrmFailure, FailureKind, RecordError

NULL = "#N/A"
CSV = {"Accept": "text/csv"}
_UPLOAD_SECONDS, _RESULT_SECONDS = 120.0, 60.0
_TRIES, _PAUSE, _LONGEST_PAUSE = 5, 0.2, 15.0
_POLLS = (0.3, 0.5, 1.0, 2.0, 3.0, 5.0)  # seconds between looks at a job; the last one for ever
_OVER = frozenset({"JobComplete", "Failed", "Aborted"})
_NOT_OPEN = "INVALIDJOBSTATE"
_PASSING = frozenset({FailureKind.NETWORK, FailureKind.SERVER})

T = TypeVar("T")


class Ingest:
    """Writes rows by jobs. An outcome for each, whatever happens; nothing is raised."""

    def __init__(self, api: Api) -> None:
        self._api = api

    @staticmethod
    def fits(row: Row) -> bool:
        """Whether a job can carry the row: its result must be known by a key, and a text must not mean null."""
        return row.operation in ("update", "upsert") and NULL not in row.fields.values()

    async def write(self, rows: Sequence[Row]) -> list[tuple[Row, Outcome]]:
        """Rows of one table and operation."""
        first = rows[0]
        key = "Id" if first.operation == "update" else str(first.reference)
        order: dict[str, Any] = {"object": first.table, "operation": first.operation, "contentType": "CSV"}
        order |= {"lineEnding": "LF", "columnDelimiter": "COMMA"}
        if first.operation == "upsert":
            order["externalIdFieldName"] = key
        try:
            job = await self._started(order, written([row.fields for row in rows]))
            state = await self._ended(job)
            found = await self._results(job, key)
        except CrmFailure as failure:
            return [(row, failure) for row in rows]
        # Not in any result: the job failed or was aborted before this row's turn.
        missing = _unfinished(state)
        return [(row, found.get(str(row.fields[key]), missing)) for row in rows]

    async def _started(self, order: Mapping[str, Any], content: bytes) -> str:
        """A job with its data, on its way. Nothing happens before UploadComplete, so all until then may be retried."""

        async def uploaded() -> str:
            job = job_id(await self._api.json("POST", "/jobs/ingest", order))
            path, headers = f"/jobs/ingest/{job}/batches", {"Content-Type": "text/csv; charset=UTF-8"}
            try:
                answer = await self._api.call("PUT", path, content, headers=headers, timeout=_UPLOAD_SECONDS)
                if answer.content:
                    raise answers.unexpected("the job's data was not acknowledged")
            except CrmFailure:
                await self._aborted(job)
                raise
            return job

        job = await persistently(uploaded)

        async def closed() -> None:
            try:
                await self._api.json("PATCH", f"/jobs/ingest/{job}", {"state": "UploadComplete"})
            except CrmFailure as failure:
                refused = failure.stored is False and failure.kind not in _PASSING
                if refused and failure.error.code != _NOT_OPEN:  # that one: an earlier attempt had closed it
                    raise
                if (await self._api.json("GET", f"/jobs/ingest/{job}")).get("state") == "Open":
                    raise

        await persistently(closed)
        return job

    async def _ended(self, job: str) -> Mapping[str, Any]:
        deadline = time.monotonic() + self._api.config.bulk_seconds
        async for state in states(self._api, f"/jobs/ingest/{job}"):
            if state.get("state") in _OVER:
                return state
            if time.monotonic() > deadline:
                await self._aborted(job)
                told = RecordError("TIMEOUT", "the bulk job did not end in time; it was aborted")
                raise CrmFailure(FailureKind.NETWORK, told, stored=None)
        raise AssertionError("a job is watched until it ends")

    async def _results(self, job: str, key: str) -> dict[str, Outcome]:
        """By what stood in the key column; rows come in any order."""
        found: dict[str, Outcome] = {}
        for row in await read_csv(self._api, f"/jobs/ingest/{job}/successfulResults/"):
            found[row.get(key, "")] = _written(row)
        for row in await read_csv(self._api, f"/jobs/ingest/{job}/failedResults/"):
            found[row.get(key, "")] = bulk_failure(row.get("sf__Error", ""), row)
        return found

    async def _aborted(self, job: str) -> None:
        try:
            await self._api.json("PATCH", f"/jobs/ingest/{job}", {"state": "Aborted"})
        except CrmFailure:
            return  # Salesforce removes it after a week


async def persistently(work: Callable[[], Awaitable[T]]) -> T:
    """Do what may be done twice again when the network or the vendor fails. Raises CrmFailure in the end."""
    for attempt in range(1, _TRIES + 1):
        try:
            return await work()
        except CrmFailure as failure:
            pause = failure.retry_after or _PAUSE * 2**attempt
            if failure.kind not in _PASSING or attempt == _TRIES or pause > _LONGEST_PAUSE:
                raise
            await asyncio.sleep(pause)
    raise AssertionError("the last attempt returns or raises")


async def states(api: Api, path: str) -> AsyncIterator[Mapping[str, Any]]:
    """A job's descriptions, again and again, with pauses that grow."""
    for attempt in range(1_000_000):
        state = await persistently(lambda: api.json("GET", path))
        if not isinstance(state, dict):
            raise answers.unexpected("the job's description is not understood")
        yield state
        await asyncio.sleep(_POLLS[min(attempt, len(_POLLS) - 1)])


async def read_csv(api: Api, path: str) -> list[dict[str, str]]:
    """A result file. Raises CrmFailure."""

    async def read() -> list[dict[str, str]]:
        return parsed_csv(await api.call("GET", path, headers=CSV, timeout=_RESULT_SECONDS))

    return await persistently(read)


def parsed_csv(answer: Answer) -> list[dict[str, str]]:
    """Rows by column name. Raises CrmFailure when the answer is something else."""
    if answer.content.lstrip()[:1] == b"<":
        raise CrmFailure(FailureKind.SERVER, not_json(answer), stored=None)
    try:
        text = answer.content.decode("utf-8-sig")
        rows = [dict(row) for row in csv.DictReader(io.StringIO(text, newline=""), strict=True)]
    except (UnicodeDecodeError, csv.Error):
        raise answers.unexpected("the job's result is not CSV") from None
    if any(None in row or None in row.values() for row in rows):
        raise answers.unexpected("a row of the job's result has more or fewer columns than its head")
    return rows


def written(records: Sequence[Mapping[str, Any]]) -> bytes:
    """CSV: a column for every field of any record; an empty cell leaves alone, ``#N/A`` clears."""
    columns = list(dict.fromkeys(name for record in records for name in record))
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([[_cell(record, name) for name in columns] for record in records])
    return text.getvalue().encode()


def _cell(record: Mapping[str, Any], name: str) -> str:
    if name not in record:
        return ""
    value = record[name]
    if value is None or value == "":
        return NULL
    return str(value).lower() if isinstance(value, bool) else str(value)


def bulk_failure(told: str, row: Mapping[str, str]) -> CrmFailure:
    """``CODE:message:fields --`` of a failed row."""
    code, _, rest = told.partition(":")
    message, _, named = rest.rpartition(":")
    fields = [name.strip() for name in named.removesuffix("--").split(",") if name.strip()]
    return answers.row_failure([{"statusCode": code, "message": message or rest, "fields": fields}], row)


def _written(row: Mapping[str, str]) -> Outcome:
    record_id = row.get("sf__Id", "")
    if not is_record_id(record_id):
        return answers.unexpected("the job's result does not name the record's id")
    return Written(record_id, row.get("sf__Created", "").lower() == "true")


def _unfinished(state: Mapping[str, Any]) -> CrmFailure:
    message = str(state.get("errorMessage") or "the bulk job ended before this record's turn")[:500]
    return CrmFailure(FailureKind.SERVER, RecordError(f"BULK_{str(state.get('state')).upper()}", message))


def job_id(document: Any) -> str:
    """The id of a job that was just made. Raises CrmFailure."""
    job = document.get("id") if isinstance(document, dict) else None
    if not isinstance(job, str) or not job.isalnum():
        raise answers.unexpected("the job has no id")
    return job
