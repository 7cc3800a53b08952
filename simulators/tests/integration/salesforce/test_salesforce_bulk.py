"""Bulk API 2.0 of the simulated Salesforce, over plain HTTP."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from simulators.kit.serving import Running

JOBS = "/services/data/v60.0/jobs"
CSV = {"Content-Type": "text/csv"}


@pytest.fixture
async def http(crm: Running) -> AsyncIterator[aiohttp.ClientSession]:
    """Signed in."""
    token = crm.world.grants.grant("hub-client", "api").access_token
    async with aiohttp.ClientSession(crm.url, headers={"Authorization": f"Bearer {token}"}) as session:
        yield session


async def call(http: aiohttp.ClientSession, method: str, path: str, json: Any = None) -> tuple[int, Any]:
    """(status, body)"""
    async with http.request(method, path if path.startswith("/") else f"{JOBS}/{path}", json=json) as answer:
        return answer.status, await answer.json() if await answer.read() else None


async def opened(http: aiohttp.ClientSession, operation: str = "insert", **more: Any) -> Any:
    """A new ingest job."""
    status, job = await call(http, "POST", "ingest", {"object": "Lead", "operation": operation, **more})
    assert status == 200, job
    return job


async def put(http: aiohttp.ClientSession, job: Any, data: Any) -> int:
    """Upload."""
    async with http.put(f"{JOBS}/ingest/{job['id']}/batches", data=data, headers=CSV) as answer:
        return answer.status


async def finished(http: aiohttp.ClientSession, kind: str, job: Any) -> Any:
    """The job once it has ended."""
    async with asyncio.timeout(5):
        while True:
            _, seen = await call(http, "GET", f"{kind}/{job['id']}")
            if seen["state"] in ("JobComplete", "Failed", "Aborted"):
                return seen
            await asyncio.sleep(0.01)


async def rows(http: aiohttp.ClientSession, job: Any, which: str, **layout: Any) -> list[dict[str, str]]:
    """A result file."""
    async with http.get(f"{JOBS}/ingest/{job['id']}/{which}/") as answer:
        assert answer.content_type == "text/csv"
        return list(csv.DictReader(io.StringIO(await answer.text()), **layout))


async def ingested(http: aiohttp.ClientSession, operation: str, data: str, **more: Any) -> Any:
    """A job that has ended."""
    job = await opened(http, operation, **more)
    assert await put(http, job, data.encode()) == 201
    assert (await call(http, "PATCH", f"ingest/{job['id']}", {"state": "UploadComplete"}))[0] == 200
    return await finished(http, "ingest", job)


async def test_a_job_s_states_and_members(http: aiohttp.ClientSession) -> None:
    job = await opened(http, "upsert", externalIdFieldName="ExtId__c", contentType="CSV", lineEnding="LF")
    assert job["contentUrl"] == f"services/data/v60.0/jobs/ingest/{job['id']}/batches"
    assert (job["apiVersion"], job["state"], job["externalIdFieldName"]) == (60.0, "Open", "ExtId__c")
    assert not {"jobType", "numberRecordsProcessed"} & set(job)

    async def chunks() -> AsyncIterator[bytes]:
        yield b"ExtId__c,LastName,Company\nE-1,Li,"
        yield b"Acme\n"

    assert await put(http, job, chunks()) == 201
    assert await put(http, job, b"again") == 400
    _, closed = await call(http, "PATCH", f"ingest/{job['id']}", {"state": "UploadComplete"})
    assert closed["state"] == "UploadComplete"
    done = await finished(http, "ingest", job)
    assert (done["state"], done["jobType"], done["numberRecordsProcessed"], done["numberRecordsFailed"]) == (
        "JobComplete", "V2Ingest", 1, 0
    )  # fmt: skip
    assert list((await rows(http, job, "successfulResults"))[0]) == [
        "sf__Id", "sf__Created", "ExtId__c", "LastName", "Company"
    ]  # fmt: skip
    assert (await call(http, "PATCH", f"ingest/{job['id']}", {"state": "Aborted"}))[0] == 400
    _, listed = await call(http, "GET", "ingest")
    assert (listed["done"], [each["id"] for each in listed["records"]]) == (True, [job["id"]])
    assert (await call(http, "DELETE", f"ingest/{job['id']}"))[0] == 204
    assert await call(http, "GET", f"ingest/{job['id']}") == (
        404, [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}]
    )  # fmt: skip


async def test_cells(http: aiohttp.ClientSession) -> None:
    await call(http, "POST", "/services/data/v60.0/sobjects/Account", {"Name": "Acme", "ExtId__c": "A-1"})
    head = "LastName;Account.ExtId__c;DoNotCall;Birthdate;Title\r\n"
    text = f'{head}" Li; ""x""\nline two";A-1;true;1990-02-03;Owner\r\nBad;A-9;false;;\r\nBad;;maybe;;\r\n'
    job = await ingested(http, "insert", text, object="Contact", columnDelimiter="SEMICOLON", lineEnding="CRLF")
    assert (job["state"], job["numberRecordsFailed"]) == ("JobComplete", 2)
    good = (await rows(http, job, "successfulResults", delimiter=";"))[0]
    _, contact = await call(http, "GET", f"/services/data/v60.0/sobjects/Contact/{good['sf__Id']}")
    assert (contact["LastName"], contact["DoNotCall"], contact["Birthdate"]) == (
        ' Li; "x"\nline two', True, "1990-02-03"
    )  # fmt: skip
    assert contact["AccountId"]
    errors = [each["sf__Error"].split(":")[0] for each in await rows(http, job, "failedResults", delimiter=";")]
    assert errors == ["INVALID_FIELD", "INVALID_TYPE_ON_FIELD_IN_RECORD"]
    # In an update #N/A clears and an empty cell leaves alone.
    update = f"Id,Title,Email\n{good['sf__Id']},#N/A,\n,x,\n"
    job = await ingested(http, "update", update, object="Contact")
    assert [each["sf__Error"] for each in await rows(http, job, "failedResults")] == [
        "MISSING_ARGUMENT:Id not specified in an update call:Id --"
    ]
    _, contact = await call(http, "GET", f"/services/data/v60.0/sobjects/Contact/{good['sf__Id']}")
    assert (contact["Title"], contact["LastName"]) == (None, ' Li; "x"\nline two')


@pytest.mark.parametrize(
    ("operation", "text", "more", "complaint"),
    [
        ("insert", "LastName,Nope\nx,y\n", {}, "InvalidBatch : Field name not found : Nope"),
        ("insert", "LastName,Company\r\nx,y\r\n", {}, "ClientInputError : LineEnding is invalid on user data"),
        ("upsert", "LastName\nx\n", {"externalIdFieldName": "ExtId__c"}, "InvalidBatch : The upsert file must have"),
        ("delete", "Id,LastName\nx,y\n", {}, "InvalidBatch : The 'delete/hard_delete' batch"),
    ],
)
async def test_files_that_fail_whole(
    http: aiohttp.ClientSession, operation: str, text: str, more: dict[str, str], complaint: str
) -> None:
    job = await ingested(http, operation, text, **more)
    assert job["state"] == "Failed"
    assert job["errorMessage"].startswith(complaint)


async def test_locks_and_failed_jobs(crm: Running, http: aiohttp.ClientSession) -> None:
    crm.world.faults.set({"rules": [{"kind": "lock", "match": {"path": "jobs/ingest"}, "times": 1, "skip": 1}]})
    text = "LastName,Company\nA,x\nB,x\nC,x\n"
    job = await ingested(http, "insert", text)
    (failed,) = await rows(http, job, "failedResults")
    assert failed["LastName"] == "B"
    assert failed["sf__Error"].startswith("UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record")
    assert failed["sf__Error"].endswith(":--")
    crm.world.faults.set({"rules": [{"kind": "bulk_job_failed"}]})
    assert (await ingested(http, "insert", text))["state"] == "Failed"


async def test_an_aborted_job_tells_what_it_left(crm: Running, http: aiohttp.ClientSession) -> None:
    crm.world.org.jobs.delay = 5
    job = await opened(http)
    await put(http, job, b"LastName,Company\nA,x\nB,x\n")
    await call(http, "PATCH", f"ingest/{job['id']}", {"state": "UploadComplete"})
    assert (await call(http, "GET", f"ingest/{job['id']}"))[1]["state"] in ("UploadComplete", "InProgress")
    await call(http, "PATCH", f"ingest/{job['id']}", {"state": "Aborted"})
    assert [each["LastName"] for each in await rows(http, job, "unprocessedrecords")] == ["A", "B"]


async def test_multipart_jobs(http: aiohttp.ClientSession) -> None:
    form = aiohttp.FormData()
    form.add_field("job", '{"object": "Lead", "operation": "insert"}', content_type="application/json")
    form.add_field("content", "LastName,Company\nLi,Acme\n", content_type="text/csv", filename="content")
    async with http.post(f"{JOBS}/ingest", data=form) as answer:
        job = await answer.json()
    assert job["state"] == "UploadComplete"
    assert (await finished(http, "ingest", job))["numberRecordsProcessed"] == 1


async def test_query_jobs(crm: Running, http: aiohttp.ClientSession) -> None:
    ids = crm.world.seed("Lead", 2500, None, 1)
    crm.world.delete("Lead", ids[0])
    wish = {"operation": "queryAll", "query": "SELECT Id, Name, IsDeleted, Title FROM Lead"}
    _, job = await call(http, "POST", "query", wish)
    assert job["state"] == "UploadComplete"
    done = await finished(http, "query", job)
    assert (done["state"], done["jobType"], done["numberRecordsProcessed"]) == ("JobComplete", "V2Query", 2500)
    locator, pages = "", []
    while locator != "null":
        params = {"maxRecords": "1000"} | ({"locator": locator} if locator else {})
        async with http.get(f"{JOBS}/query/{job['id']}/results", params=params) as answer:
            pages.append(list(csv.DictReader(io.StringIO(await answer.text()))))
            assert answer.headers["Sforce-NumberOfRecords"] == str(len(pages[-1]))
            locator = answer.headers["Sforce-Locator"]
    assert [len(page) for page in pages] == [1000, 1000, 500]
    assert [each["IsDeleted"] for each in pages[0][:2]] == ["true", "false"]
    status, _ = await call(http, "GET", f"/services/data/v59.0/jobs/query/{job['id']}/results")
    assert status == 409


@pytest.mark.parametrize(
    "query",
    [
        "SELECT COUNT() FROM Lead",
        "SELECT Id FROM Lead OFFSET 5",
        "SELECT Address FROM Lead",
        "SELECT",
        "SELECT X FROM Lead",
    ],
)
async def test_queries_that_bulk_does_not_do(http: aiohttp.ClientSession, query: str) -> None:
    status, body = await call(http, "POST", "query", {"operation": "query", "query": query})
    assert (status, type(body)) == (400, list)
