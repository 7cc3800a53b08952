"""Records to Salesforce: an outcome for each, a second try where that helps."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from hub.connectors.salesforce import answers, people, soql
from hub.connectors.salesforce.api import Api
from hub.connectors.salesforce.bulk import Ingest
from hub.connectors.salesforce.fields import LeadObject
from hub.connectors.salesforce.mapping import SalesforceFieldMap
from hub.connectors.salesforce.org import Org
from hub.connectors.salesforce.rows import (
    Done,
    Outcome,
    Row,
    RowMaker,
    Written,
    emails_of_owners,
    is_duplicate,
    key_of,
    repaired,
    result,
)
from hub.connectors.salesforce.sending import Collections
from hub.connectors.salesforce.wire import COLLECTION
from hub.contracts.failures import CrmFailure, FailureKind, RecordError
from hub.contracts.pushing import PushItem, PushResult

_ROUNDS = 3  # tries of a row whose trouble is known to pass or can be avoided
_NO_FIELD = frozenset({"INVALID_FIELD", "INVALID_TYPE", "INVALID_FIELD_FOR_INSERT_UPDATE"})
_STALE = _NO_FIELD | {"NOT_FOUND"}  # somebody changed the org's fields
_LOCK_SECONDS = 0.3


class Writer:
    """Pushes and deletes of one connection. What the vendor or the road does is told, not raised."""

    def __init__(self, api: Api, mapping: SalesforceFieldMap, org: Org) -> None:
        self._api, self._config, self._mapping, self._org = api, api.config, mapping, org
        self._ingest, self._collections = Ingest(api), Collections(api)

    async def push(self, items: Sequence[PushItem]) -> list[PushResult]:
        """See CrmClient."""
        results, stale = await self._pushed(items)
        if stale and await self._org_changed():
            again, _ = await self._pushed([items[place] for place in stale])
            for place, better in zip(stale, again, strict=True):
                results[place] = better
        return results

    async def _pushed(self, items: Sequence[PushItem]) -> tuple[list[PushResult], list[int]]:
        """Results, and the places of those that were refused for a field that is not there."""
        try:
            done = await self._write(items)
        except CrmFailure as failure:  # of what is asked before anything is written
            return [_refused(item, failure) for item in items], []
        by_item: list[list[tuple[Row, Outcome]]] = [[] for _ in items]
        for row, outcome in done.values():
            by_item[row.item].append((row, outcome))
        results = [result(item, rows) for item, rows in zip(items, by_item, strict=True)]
        return results, sorted({row.item for row, outcome in done.values() if _is_stale(row, outcome)})

    async def _org_changed(self) -> bool:
        try:
            return await self._org.changed()
        except CrmFailure:
            return False  # what was said of the records stands

    async def delete(self, items: Sequence[PushItem]) -> list[PushResult]:
        """See CrmClient."""
        results = [PushResult(True, None, "delete") for _ in items]
        places = [place for place, item in enumerate(items) if item.external_id]
        for start in range(0, len(places), COLLECTION):
            chunk = places[start : start + COLLECTION]
            ids = soql.encoded(",".join(items[place].external_id or "" for place in chunk))
            try:
                told = await self._api.json("DELETE", f"/composite/sobjects?ids={ids}&allOrNone=false")
                rows = answers.rows_of(told, len(chunk))
            except CrmFailure as failure:
                for place in chunk:
                    results[place] = _refused(items[place], failure)
                continue
            for place, row in zip(chunk, rows, strict=True):
                results[place] = _deleted(items[place], row)
        return results

    async def _write(self, items: Sequence[PushItem]) -> Done:
        lead = await self._org.lead()
        owners = await self._org.user_ids(emails_of_owners(items))
        maker = RowMaker(self._config, self._mapping, lead, owners, datetime.now(UTC).date())
        found = await self._found_by_email(items, lead)
        made = [row for index, item in enumerate(items) for row in maker.rows(index, item, found.get(_email(item)))]
        rows = [row for row in made if row.fields]
        if len(items) >= self._config.bulk_threshold:
            done = await self._in_bulk(rows)
        else:
            done = await self._collections.write(rows)
        done = await self._second_tries(done, items, maker, lead)
        # Where nothing is left to write, nothing is sent, and it is told what was left out.
        idle = [row for row in made if not row.fields]
        return done | {key_of(row): (row, _unwritten(items[row.item])) for row in idle}

    async def _found_by_email(self, items: Sequence[PushItem], lead: LeadObject) -> Mapping[str, str]:
        """Existing records that new leads are: asked for where a create could not be repeated without harm."""
        if lead.reference and not self._config.look_up_by_email:
            return {}
        return await people.by_email(self._api, lead, (item.email for item in items if item.external_id is None))

    async def _in_bulk(self, rows: Sequence[Row]) -> Done:
        """Leads by a job for each operation; what a job cannot carry, and companions, by collections."""
        done: Done = {}
        rest = []
        jobs: dict[str, list[Row]] = {}
        for row in rows:
            if row.part == "lead" and self._ingest.fits(row):
                jobs.setdefault(row.operation, []).append(row)
            else:
                rest.append(row)
        for batch in jobs.values():
            done |= {key_of(row): (row, outcome) for row, outcome in await self._ingest.write(batch)}
        return done | await self._collections.write(rest)

    async def _second_tries(self, done: Done, items: Sequence[PushItem], maker: RowMaker, lead: LeadObject) -> Done:
        for _ in range(_ROUNDS - 1):
            again = await self._worth_trying(done, items, maker, lead)
            if not again:
                break
            if any(_is_locked(done[key_of(row)][1]) for row in again):
                await asyncio.sleep(_LOCK_SECONDS)
            done |= await self._collections.write(again)
        return done

    async def _worth_trying(
        self, done: Done, items: Sequence[PushItem], maker: RowMaker, lead: LeadObject
    ) -> list[Row]:
        """Rows to send instead of those that were refused."""
        again: list[Row] = []
        duplicates: list[Row] = []
        for row, outcome in done.values():
            if isinstance(outcome, CrmFailure):
                better = repaired(row, outcome)
                if better is not None:
                    again.append(better)
                elif self._config.duplicates == "link" and is_duplicate(row, outcome):
                    duplicates.append(row)
        found = await self._same_people([items[row.item] for row in duplicates], lead)
        for row in duplicates:
            record_id = found.get(_email(items[row.item]))
            same = maker.lead_row(row.item, items[row.item], record_id) if record_id else None
            again += [same] if same and same.fields else []
        return again

    async def _same_people(self, items: Sequence[PushItem], lead: LeadObject) -> Mapping[str, str]:
        try:
            return await people.by_email(self._api, lead, (item.email for item in items))
        except CrmFailure:
            return {}  # the duplicate rule's own words stand


def _unwritten(item: PushItem) -> Outcome:
    if item.external_id is not None:
        return Written(item.external_id, False)
    told = RecordError("NOTHING_TO_WRITE", "the org takes none of the lead's fields")
    return CrmFailure(FailureKind.VALIDATION, told)


def _email(item: PushItem) -> str:
    return (item.email or "").casefold()


def _is_stale(row: Row, outcome: Outcome) -> bool:
    """Refused for a field or object that is not there (any more). One record alone may be NOT_FOUND for itself."""
    if not isinstance(outcome, CrmFailure) or row.part != "lead":
        return False
    return outcome.error.code in (_STALE if outcome.error.status is not None else _NO_FIELD)


def _is_locked(outcome: Outcome) -> bool:
    return isinstance(outcome, CrmFailure) and outcome.kind is FailureKind.SERVER


def _refused(item: PushItem, failure: CrmFailure) -> PushResult:
    unknown = failure.stored is None
    return PushResult(False, item.external_id, None, failure.kind, failure.error, failure.retry_after, unknown)


def _deleted(item: PushItem, row: Mapping[str, object]) -> PushResult:
    if row.get("success") is True:
        return PushResult(True, item.external_id, "delete")
    failure = answers.row_failure(row.get("errors"), {})
    if failure.error.code in answers.GONE:
        return PushResult(True, item.external_id, "delete")
    return _refused(item, failure)
