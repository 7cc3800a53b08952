"""Records from Salesforce: page by page in the order (SystemModstamp, Id), large readings by a bulk job.

A page is a query of its own that begins after the last record of the one before. So nothing expires between pages, and
a restart goes on exactly where the last durable page ended; the vendor's query locators, which live for minutes, are
not used.

https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/system_fields.htm
"""

from collections.abc import Mapping, Sequence
from typing import Any

from hub.connectors.salesforce import answers, soql
from hub.connectors.salesforce.api import Api, Rows
from hub.connectors.salesforce.backfill import Backfill
from hub.connectors.salesforce.fields import flat
from hub.connectors.salesforce.mapping import OWNER, SalesforceFieldMap
from hub.connectors.salesforce.org import Org
from hub.connectors.salesforce.times import earlier, parsed, told_moment
from hub.connectors.salesforce.wire import QUERY_PAGE, is_record_id
from hub.contracts.connector import PullRequest
from hub.contracts.failures import CrmFailure, FailureKind, RecordError
from hub.contracts.pulling import Cursor, Page, PullMode, RemoteRecord

_STALE = "INVALID_FIELD"
_FETCH = 200


class Reader:
    """Pulls and fetches of one connection. Raises CrmFailure."""

    def __init__(self, api: Api, mapping: SalesforceFieldMap, org: Org) -> None:
        self._api, self._config, self._mapping, self._org = api, api.config, mapping, org
        self._backfill = Backfill(api)

    async def pull(self, request: PullRequest) -> Page:
        """See CrmClient. The cursor: ``at`` and ``id`` of the last record, or a bulk job's id and locator."""
        cursor = request.cursor or {}
        if "job" in cursor:
            chunk = await self._backfill.page(cursor, await self._org.lead())
            if chunk is not None:
                return Page(await self._records(chunk.rows), chunk.cursor, chunk.done, chunk.total)
            cursor = {}  # the job is gone: read page by page, from the beginning
        total = None
        if request.mode is PullMode.FULL and not cursor:
            total = await self._count()
            if request.backfill and total >= self._config.bulk_threshold and request.cursor is None:
                return Page([], await self._backfill.begun(await self._org.lead(), total), False, total)
        return await self._page(request.mode, cursor, total)

    async def fetch(self, record_ids: Sequence[str]) -> list[RemoteRecord]:
        """See CrmClient. One that is not there, even in the recycle bin, is deleted."""
        asked = list(dict.fromkeys(record_ids))
        wanted = [each for each in asked if is_record_id(each)]
        found: dict[str, RemoteRecord] = {}
        for start in range(0, len(wanted), _FETCH):
            condition = f"Id IN {soql.texts(wanted[start : start + _FETCH])}"
            rows, _ = await self._rows(condition, deleted=True)
            found |= {record.record_id[:15]: record for record in await self._records(rows)}
        missing = [RemoteRecord(each, deleted=True) for each in asked if each[:15] not in found]
        return [*found.values(), *missing]

    async def _page(self, mode: PullMode, cursor: Cursor, total: int | None) -> Page:
        at, record_id = cursor.get("at"), str(cursor.get("id") or "")
        if at is not None and parsed(at) is None:
            told = RecordError("BAD_CURSOR", "the place where reading stopped is not understood; read everything anew")
            raise CrmFailure(FailureKind.VALIDATION, told)
        rows, complete = await self._rows(soql.after(at, record_id), deleted=mode is PullMode.CHANGES)
        done = complete and len(rows) < QUERY_PAGE
        if rows:
            at, record_id = _place(rows[-1])
        if done:
            # Whoever was in the middle of a transaction may yet commit with an earlier time.
            at, record_id = at and earlier(at, self._config.pull_overlap), ""
        if done and not rows:
            at = cursor.get("at")  # nothing new: the place has its overlap already
        return Page(await self._records(rows), {"at": at, "id": record_id} if at else {}, done, total)

    async def _rows(self, condition: str, *, deleted: bool) -> tuple[Rows, bool]:
        """Rows of a page; once more with the fields as they are now, should one have vanished."""
        for last in (False, True):
            lead = await self._org.lead()
            query = soql.page(lead.selected, self._config.objects.lead, condition, QUERY_PAGE)
            try:
                return await self._api.query(query, deleted=deleted)
            except CrmFailure as failure:
                if last or failure.error.code != _STALE:
                    raise
                self._org.forget()
        raise AssertionError("the last attempt returns or raises")

    async def _records(self, rows: Sequence[Mapping[str, Any]]) -> list[RemoteRecord]:
        lead = await self._org.lead()
        user_id = await self._org.user_id() if rows and OWNER in lead.selected else None
        return [self._record(flat(row, lead), user_id) for row in rows]

    def _record(self, fields: dict[str, Any], user_id: str | None) -> RemoteRecord:
        record_id, modified_at = fields.get("Id"), told_moment(fields.get("SystemModstamp"))
        if not is_record_id(record_id):
            raise answers.unexpected("a record has no id")
        deleted, master = fields.pop("IsDeleted", False) is True, fields.pop("MasterRecordId", None)
        if deleted:
            return RemoteRecord(str(record_id), {}, modified_at, True, master or None)
        if user_id and self._is_default_owner(fields, user_id):
            del fields[OWNER]
        return RemoteRecord(str(record_id), fields, modified_at)

    def _is_default_owner(self, fields: Mapping[str, Any], user_id: str) -> bool:
        """Whether the lead is the hub's own user's only because the hub made it, for an agent whom nobody mapped."""
        owner, creator = fields.get(OWNER), fields.get("CreatedById")
        if not isinstance(owner, str) or not isinstance(creator, str) or self._mapping.knows_owner(owner):
            return False
        ours = bool(fields.get(self._config.external_id_field or ""))
        return ours and owner[:15] == user_id[:15] and creator[:15] == user_id[:15]

    async def _count(self) -> int:
        query = soql.encoded(f"SELECT COUNT() FROM {self._config.objects.lead}")  # noqa: S608 - a name of the configuration
        document = await self._api.json("GET", f"/query/?q={query}")
        size = document.get("totalSize") if isinstance(document, dict) else None
        return size if isinstance(size, int) else 0


def _place(row: Mapping[str, Any]) -> tuple[str, str]:
    """Where a row stands in the order. Raises CrmFailure."""
    at, record_id = row.get("SystemModstamp"), row.get("Id")
    if parsed(at) is None or not is_record_id(record_id):
        raise answers.unexpected("a record has no id, or no time of change")
    return str(at), str(record_id)
