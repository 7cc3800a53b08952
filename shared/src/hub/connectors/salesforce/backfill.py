"""All leads by a Bulk API 2.0 query: a few calls for any number of records, in any order.

https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/queries.htm
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hub.connectors.salesforce.api import Api
from hub.connectors.salesforce.bulk import CSV, job_id, parsed_csv, states
from hub.connectors.salesforce.fields import LeadObject, typed
from hub.connectors.salesforce.soql import encoded
from hub.connectors.salesforce.times import earlier, parsed
from hub.contracts.failures import CrmFailure, FailureKind
from hub.contracts.pulling import Cursor

_ROWS = 5000  # of one page
_WATCH_SECONDS = 15.0  # then an empty page, so that a run can be paused meanwhile
_RESULT_SECONDS = 60.0
_GONE = frozenset({"Failed", "Aborted"})


@dataclass(frozen=True, slots=True)
class Chunk:
    """One page of a job's result."""

    rows: list[dict[str, Any]]
    cursor: Cursor
    done: bool
    total: int | None


class Backfill:
    """Reads by a job; its id and place are the cursor, so that a restart goes on in the same job."""

    def __init__(self, api: Api) -> None:
        self._api, self._config = api, api.config

    async def begun(self, lead: LeadObject, total: int) -> Cursor:
        """A new job. Raises CrmFailure. One that nobody ever asks for again, Salesforce deletes after a week."""
        query = f"SELECT {','.join(lead.selected)} FROM {self._config.objects.lead}"  # noqa: S608 - names from the org
        order = {"operation": "query", "query": query, "contentType": "CSV", "lineEnding": "LF"}
        document = await self._api.json("POST", "/jobs/query", order)
        job = job_id(document)
        return {"job": job, "since": document.get("createdDate"), "total": total, "looked": 0}

    async def page(self, cursor: Cursor, lead: LeadObject) -> Chunk | None:
        """The next page; an empty one while the job runs; None when there is no such job (any more)."""
        job, total = str(cursor["job"]), cursor.get("total")
        try:
            if not cursor.get("ready"):
                state = await self._watched(job)
                if state in _GONE:
                    return None
                looked = int(cursor.get("looked") or 0) + 1
                return Chunk([], {**cursor, "ready": state == "JobComplete", "looked": looked}, False, total)
            rows, locator = await self._result(job, cursor.get("locator"), lead)
        except CrmFailure as failure:
            if failure.kind is FailureKind.VALIDATION:
                return None  # deleted, or its results expired
            raise
        if locator is not None:
            return Chunk(rows, {**cursor, "locator": locator}, False, total)
        since = cursor.get("since")
        at = earlier(str(since), self._config.pull_overlap) if parsed(since) else None
        return Chunk(rows, {"at": at, "id": ""} if at else {}, True, total)

    async def _watched(self, job: str) -> str:
        deadline = time.monotonic() + _WATCH_SECONDS
        state: Mapping[str, Any] = {}
        async for state in states(self._api, f"/jobs/query/{job}"):
            if state.get("state") in _GONE or state.get("state") == "JobComplete" or time.monotonic() > deadline:
                break
        return str(state.get("state"))

    async def _result(self, job: str, locator: object, lead: LeadObject) -> tuple[list[dict[str, Any]], str | None]:
        query = f"maxRecords={_ROWS}" + (f"&locator={encoded(str(locator))}" if locator else "")
        path = f"/jobs/query/{job}/results?{query}"
        answer = await self._api.call("GET", path, headers=CSV, timeout=_RESULT_SECONDS)
        following = answer.headers.get("Sforce-Locator")
        rows = [typed(row, lead) for row in parsed_csv(answer)]
        return rows, following if following and following != "null" else None  # the text null, on the last page
