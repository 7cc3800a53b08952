"""Runs a query job and tells its result in parts."""

import asyncio
import base64
import binascii
import time
from typing import Any

from simulators.kit.clock import Clock
from simulators.kit.faults import Faults
from simulators.salesforce.bulk.ingest import written
from simulators.salesforce.bulk.jobs import Job, Jobs
from simulators.salesforce.errors import Refused
from simulators.salesforce.soql.engine import Engine, Result
from simulators.salesforce.soql.groups import is_grouped
from simulators.salesforce.soql.parser import parse
from simulators.salesforce.soql.paths import Found
from simulators.salesforce.times import told_in_bulk


def checked(query: str, engine: Engine, clock: Clock) -> Result:
    """The result of a query that a job may have. Raises Refused."""
    asked = parse(query)
    if asked.count or is_grouped(asked) or asked.offset:
        raise Refused("API_ERROR", "Aggregates, GROUP BY and OFFSET are not supported in Bulk Query")
    result = engine.run(query, clock.now())
    compound = [each.field.name for each in result.fields if each.field.type == "address"]
    if compound:
        raise Refused("API_ERROR", f"Selecting compound data not supported in Bulk Query: {compound[0]}")
    return result


async def extract(job: Job, jobs: Jobs, engine: Engine, clock: Clock, faults: Faults) -> None:
    """Do the job; the records are told as they are now, however long they wait to be fetched."""
    begun = time.monotonic()
    jobs.move(job, "InProgress")
    await asyncio.sleep(jobs.delay)
    if job.state != "InProgress":
        return
    if (wish := faults.draw("bulk_job_failed", *job.actor.call)) is not None:
        jobs.move(job, "Failed", wish.get("message", "InternalServerError : Retried more than fifteen times"))
        return
    result = engine.run(job.query, clock.now(), deleted=job.operation == "queryAll")
    job.columns, job.found = result.fields, list(result.records(0, len(result.ids)))
    job.milliseconds = int((time.monotonic() - begun) * 1000)
    jobs.move(job, "JobComplete")


def part(job: Job, locator: str | None, size: int) -> tuple[bytes, int, str]:
    """CSV, how many records, and the next locator (``null`` on the last page). Raises Refused."""
    start = _start(locator) if locator and locator != "null" else 0
    rows = job.found[start : start + size]
    columns: list[Found] = job.columns
    header = [".".join((*each.steps, each.field.name)) for each in columns]
    cells = [[_cell(each, each.fetch(record)) for each in columns] for record in rows]
    following = start + len(rows)
    more = following < len(job.found)
    return written(job, cells, header), len(rows), _locator(following) if more else "null"


def _locator(start: int) -> str:
    return base64.urlsafe_b64encode(str(start).encode()).decode().rstrip("=")


def _start(locator: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(locator + "=" * (-len(locator) % 4)))
    except (ValueError, binascii.Error):
        raise Refused("INVALID_LOCATOR", f"The locator {locator} is not valid") from None


def _cell(found: Found, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return told_in_bulk(value) if found.field.type == "datetime" else str(value)
