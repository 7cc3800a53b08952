"""Reading contacts: the whole list, changes by search, what was archived, records by id.

The search gives at most 10,000 results a query, in order of one property, and lags behind by seconds. So a page never
continues by offset (records that change meanwhile would shift others past it): each begins at the last moment seen.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from hub.connectors.calls import Calls
from hub.connectors.hubspot import answers, wire
from hub.connectors.hubspot.batches import Batches
from hub.connectors.hubspot.cursors import Archived, Changes, Listing, Stand, read_cursor, settled, stuck
from hub.connectors.hubspot.mapping import HubSpotFieldMap
from hub.connectors.hubspot.portal import Portal
from hub.connectors.hubspot.schema import Schema
from hub.contracts.connector import PullRequest
from hub.contracts.failures import CrmFailure, FailureKind, RecordError
from hub.contracts.pulling import Page, PullMode, RemoteRecord


class Reader:
    """Reads of one connection."""

    def __init__(
        self, calls: Calls, config: wire.HubSpotConfig, portal: Portal, field_map: HubSpotFieldMap, batches: Batches
    ) -> None:
        self._calls, self._config, self._portal = calls, config, portal
        self._map, self._batches = field_map, batches

    async def pull(self, request: PullRequest) -> Page:
        """The next page. Raises CrmFailure."""
        cursor = read_cursor(request.cursor)
        if isinstance(cursor, Listing):
            return await self._listed(cursor)
        if isinstance(cursor, Changes):
            return await self._changed(cursor)
        if isinstance(cursor, Archived):
            return await self._archived(cursor)
        if request.mode is PullMode.CHANGES and cursor is not None:
            return await self._changed(Changes(cursor, cursor.since))
        return await self._listed(await self._beginning())

    async def fetch(self, record_ids: Sequence[str]) -> list[RemoteRecord]:
        """Records by id; one that HubSpot does not have is told as deleted. Raises CrmFailure."""
        ids = [each for each in dict.fromkeys(record_ids) if wire.is_record_id(each)]
        found = await self._batches.read(wire.CONTACTS, ids, await self._properties())
        records = await self._records(found)
        told = {record.record_id for record in records}
        missing = [each for each in dict.fromkeys(record_ids) if each not in told]
        return [*records, *await asyncio.gather(*map(self._missing, missing))]

    async def _missing(self, record_id: str) -> RemoteRecord:
        """What became of a record that a batch did not bring: asked alone, the id of a merged one leads to the other.

        A batch that merely forgot it must not cost the customer a lead.
        """
        if not wire.is_record_id(record_id):
            return RemoteRecord(record_id, deleted=True)
        try:
            record = await self._calls.json("GET", self._config.objects(wire.CONTACTS, f"/{record_id}"))
        except CrmFailure as failure:
            if failure.error.status == 404:
                return RemoteRecord(record_id, deleted=True)
            raise
        found = str(record.get("id")) if isinstance(record, dict) else ""
        if not wire.is_record_id(found) or found == record_id:
            raise CrmFailure(FailureKind.SERVER, RecordError("UNEXPECTED_ANSWER", "a record was left out of its batch"))
        return RemoteRecord(record_id, deleted=True, merged_into=found)

    async def _beginning(self) -> Listing:
        """The newest moment of all contacts is where changes begin later; the search tells their number as well."""
        newest = await self._search([], "DESCENDING", 1, wire.MODIFIED)
        moments = [_moment(each) for each in answers.results(newest)]
        total = newest.get("total")
        last = moments[0] if moments else 0
        stand = Stand(max(0, last - self._overlap), last, time.time())
        return Listing(stand, None, total if isinstance(total, int) else None)

    async def _listed(self, cursor: Listing) -> Page:
        """A page of the list, which is ordered by id: it stays where it is however contacts change."""
        properties = await self._properties()
        found, after = await self._list(properties, cursor.after, archived=False)
        records = await self._records(found)
        if after is not None:
            return Page(records, Listing(cursor.stand, after, cursor.total).document(), False, cursor.total)
        following = Archived(cursor.stand, 0, None, cursor.total).document()
        return Page(records, following, False, cursor.total)

    async def _changed(self, cursor: Changes) -> Page:
        """A page of what changed at or after the last moment seen; a crowd of one moment is gone through by id."""
        if cursor.crowd is not None:
            filters = [_filter(wire.MODIFIED, "EQ", cursor.at), _filter(wire.OBJECT_ID, "GT", cursor.crowd)]
            sort = wire.OBJECT_ID
        else:
            filters, sort = [_filter(wire.MODIFIED, "GTE", cursor.at)], wire.MODIFIED
        document = await self._search(filters, "ASCENDING", wire.SEARCH_PAGE, sort)
        found = answers.results(document)
        following = cursor.after(
            [(_moment(each), int(each["id"])) for each in found if wire.is_record_id(str(each.get("id")))],
            complete=len(found) < wire.SEARCH_PAGE,
        )
        records = await self._records(await self._filled(found))
        if following is not None:
            return Page(records, following.document(), False)
        stand = settled(cursor.start, cursor.seen(_moment(each) for each in found), self._overlap, time.time())
        return Page(records, Archived(stand, cursor.start.since, None, None).document(), False)

    async def _archived(self, cursor: Archived) -> Page:
        """A page of the recycling bin, which is ordered by id: those that came in since the last run."""
        found, after = await self._list([wire.MERGED], cursor.after, archived=True)
        gone = [
            RemoteRecord(str(each["id"]), modified_at=_text(each.get("archivedAt")), deleted=True)
            for each in found
            if wire.is_record_id(str(each.get("id"))) and _millis(each.get("archivedAt"), 2**62) >= cursor.since
        ]
        if after is not None:
            following = Archived(cursor.stand, cursor.since, after, cursor.total)
            return Page(gone, following.document(), False, cursor.total)
        return Page(gone, cursor.stand.document(), True, cursor.total)

    @property
    def _overlap(self) -> int:
        return self._config.pull_overlap * 1000

    async def _list(
        self, properties: Sequence[str], after: str | None, *, archived: bool
    ) -> tuple[list[dict[str, Any]], str | None]:
        query = {"limit": str(wire.LIST_PAGE), "archived": "true" if archived else "false"}
        query |= {"after": after} if after else {}
        asked = ",".join(properties)
        short = len(asked) > wire.LONGEST_QUERY
        path = self._config.objects(wire.CONTACTS, f"?{urlencode(query)}&properties={'' if short else quote(asked)}")
        document = await self._calls.json("GET", path)
        found = [dict(each) for each in answers.results(document)]
        following = answers.next_page(document)
        if following is not None and following == after:
            raise stuck()
        return (await self._read_whole(found) if short else found), following

    async def _search(self, filters: Sequence[Mapping[str, str]], direction: str, limit: int, sort: str) -> Any:
        body: dict[str, Any] = {
            "filterGroups": [{"filters": list(filters)}] if filters else [],
            "sorts": [{"propertyName": sort, "direction": direction}],
            "properties": [wire.MODIFIED],
            "limit": limit,
        }
        if limit > 1:
            whole = body | {"properties": await self._properties()}
            body = whole if len(orjson.dumps(whole)) <= wire.LONGEST_SEARCH else body
        path = self._config.objects(wire.CONTACTS, "/search")
        document = await self._calls.json("POST", path, body, windows=(wire.SEARCH,))
        answers.results(document)
        return document

    async def _filled(self, found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The records of a search, read whole where its body was too long to ask for all properties."""
        properties = await self._properties()
        body = {"properties": properties, "limit": wire.SEARCH_PAGE}
        room = wire.LONGEST_SEARCH - 300  # the filters and the order take less
        short = len(orjson.dumps(body)) <= room
        return [dict(each) for each in found] if short else await self._read_whole(found)

    async def _read_whole(self, found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        ids = [str(each["id"]) for each in found if wire.is_record_id(str(each.get("id")))]
        return await self._batches.read(wire.CONTACTS, ids, await self._properties())

    async def _properties(self) -> list[str]:
        """What is read: mapped properties, the customer's own, the reference, and what tells of changes."""
        known = await self._portal.schema(wire.CONTACTS)
        names = [*self._map.remote.values(), self._config.reference_property, wire.MODIFIED, wire.MERGED]
        if known is not None:
            names = [name for name in names if name in known or name in (wire.MODIFIED, wire.MERGED)]
            names += known.custom()
        return list(dict.fromkeys(names))

    async def _records(self, found: Sequence[Mapping[str, Any]]) -> list[RemoteRecord]:
        """As the hub reads them: owners named by e-mail, and those that were merged into a record told as well."""
        known = await self._portal.schema(wire.CONTACTS)
        emails = await self._owner_emails(found)
        records: list[RemoteRecord] = []
        for each in found:
            record_id = str(each.get("id"))
            if not wire.is_record_id(record_id):
                continue
            properties = _properties(each)
            modified = _text(each.get("updatedAt")) or _text(properties.get(wire.MODIFIED))
            fields = self._fields(properties, known, emails)
            records.append(RemoteRecord(record_id, fields, modified, deleted=each.get("archived") is True))
            records.extend(
                RemoteRecord(loser, modified_at=modified, deleted=True, merged_into=record_id)
                for loser in str(properties.get(wire.MERGED) or "").split(";")
                if wire.is_record_id(loser) and loser != record_id
            )
        return records

    def _fields(self, properties: Mapping[str, Any], known: Schema | None, emails: Mapping[str, str]) -> dict[str, Any]:
        owner = self._map.remote["agent_id"]
        fields = {}
        for name, value in properties.items():
            if name == wire.MERGED:
                continue
            fields[name] = value if known is None else known.typed(name, value)
            if name == owner and isinstance(value, str):
                fields[name] = emails.get(value, value)
        return fields

    async def _owner_emails(self, found: Sequence[Mapping[str, Any]]) -> Mapping[str, str]:
        """Id → e-mail of owners whom the configuration does not name."""
        name, named = self._map.remote["agent_id"], self._config.owners.values()
        held = {owner for each in found if isinstance(owner := _properties(each).get(name), str)}
        if not self._config.owners_by_email or not held - {"", *named}:
            return {}
        owners = await self._portal.owners() or []
        return {owner.id: owner.email for owner in owners if owner.email and owner.id not in named}


def _filter(name: str, operator: str, value: int) -> dict[str, str]:
    return {"propertyName": name, "operator": operator, "value": str(value)}


def _moment(record: Mapping[str, Any]) -> int:
    """When a record changed, in milliseconds."""
    return _millis(_properties(record).get(wire.MODIFIED) or record.get("updatedAt"), 0)


def _properties(record: Mapping[str, Any]) -> Mapping[str, Any]:
    held = record.get("properties")
    return held if isinstance(held, dict) else {}


def _millis(stamp: object, otherwise: int) -> int:
    if isinstance(stamp, str):
        if stamp.isascii() and stamp.isdigit() and len(stamp) <= 15:
            return int(stamp)
        try:
            moment = datetime.fromisoformat(stamp)
            return round(moment.timestamp() * 1000)
        except (ValueError, OverflowError):
            return otherwise
    return otherwise


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
