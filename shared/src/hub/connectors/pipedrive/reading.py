"""Reading persons: in the order of their changes, from any place again, and by id; and what was deleted.

A cursor holds ``since`` (where this run began), ``at`` (the last change read), ``page`` (Pipedrive's own cursor, which
may be worthless tomorrow: then reading goes on from ``at``), ``newest``, and ``gone`` (a place in the list of recent
changes, once the persons are through).
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hub.connectors.pipedrive.answers import is_gone, rows_of, unexpected
from hub.connectors.pipedrive.api import Api
from hub.connectors.pipedrive.mapping import PipedriveFieldMap
from hub.connectors.pipedrive.person import flat_person
from hub.connectors.pipedrive.schema import Schema
from hub.connectors.pipedrive.users import Users
from hub.connectors.pipedrive.wire import (
    GET,
    IDS,
    LIST,
    OWNER,
    PAGE,
    PERSONS,
    RECENTS,
    V1_LIST,
    PipedriveConfig,
    is_number,
)
from hub.contracts.connector import PullRequest
from hub.contracts.failures import CrmFailure, FailureKind, RecordError
from hub.contracts.ids import rfc3339
from hub.contracts.pulling import Page, PullMode, RemoteRecord

Row = Mapping[str, Any]


class Reading:
    """Persons of one company."""

    def __init__(
        self, api: Api, config: PipedriveConfig, mapping: PipedriveFieldMap, schema: Schema, users: Users
    ) -> None:
        self._api, self._config, self._mapping = api, config, mapping
        self._schema, self._users = schema, users

    async def pull(self, request: PullRequest) -> Page:
        """The page at the cursor. Raises CrmFailure."""
        state = dict(request.cursor or {})
        if request.mode is PullMode.FULL and "run" not in state:
            state = {}  # a cursor of earlier changes: a full reading begins at the beginning
        if not state.get("page") and not state.get("gone") and "run" not in state:
            state = {"run": True, "since": state.get("since"), "newest": state.get("since") or ""}
        if state.get("gone") is not None:
            return await self._deleted(state)
        rows, following = await self._page(state)
        records = await self.remote(rows)
        at = max([state.get("at") or "", *(each.modified_at or "" for each in records)])
        state = {**state, "at": at, "newest": max(state["newest"], at), "page": following, "pages": _pages(state) + 1}
        if following is not None:
            return Page(records, state, done=False)
        if request.mode is PullMode.CHANGES and state.get("since"):
            return Page(records, {**state, "page": None, "gone": 0}, done=False)
        return Page(records, _ended(state), done=True)

    async def fetch(self, record_ids: Sequence[str]) -> list[RemoteRecord]:
        """Persons by number, a hundred a call; those missing are asked for alone, for lists hide some. CrmFailure."""
        numbers = [each for each in dict.fromkeys(record_ids) if each.isascii() and each.isdigit()]
        slices = [numbers[start : start + IDS] for start in range(0, len(numbers), IDS)]
        rows = [row for each in slices for row in await self.rows(each)]
        seen = {str(row.get("id")) for row in rows}
        asked = [self._alone(each) for each in numbers if each not in seen]
        rows += [row for row in await asyncio.gather(*asked) if row is not None]
        found = await self.remote([row for row in rows if row.get("is_deleted") is not True])
        there = {record.record_id for record in found}
        hidden = {str(row["id"]) for row in rows if row.get("hidden")}
        gone = [each for each in dict.fromkeys(record_ids) if each not in there and each not in hidden]
        return [record for record in found if record.record_id not in hidden] + [
            RemoteRecord(each, deleted=True) for each in gone
        ]

    async def rows(self, numbers: Sequence[str]) -> list[Row]:
        """Persons as Pipedrive shows them, at most a hundred. Raises CrmFailure."""
        if not numbers:
            return []
        rows, _ = await self._api.rows(PERSONS, tokens=LIST, ids=",".join(numbers), limit=IDS)
        wanted = set(numbers)
        return [row for row in rows if str(row.get("id")) in wanted]

    async def remote(self, rows: Sequence[Row]) -> list[RemoteRecord]:
        """Persons as the hub takes them. Raises CrmFailure."""
        known = await self._schema.fitting(list(rows))
        return [await self._remote(row, known.flat(row.get("custom_fields"))) for row in rows]

    async def _remote(self, row: Row, custom: dict[str, Any]) -> RemoteRecord:
        number = row.get("id")
        if not is_number(number):
            raise unexpected("a person bears no number")
        changed = _moment(row.get("update_time")) or _moment(row.get("add_time"))
        if row.get("is_deleted") is True:
            return RemoteRecord(str(number), {}, changed, deleted=True)
        person = flat_person(row, custom, self._config.name_field)
        owner = row.get("owner_id")
        if self._mapping.knows_owner(owner):
            person[OWNER] = owner
        else:
            person |= await self._users.shown(owner, by_email=self._config.owners_by_email)
        return RemoteRecord(str(number), person, changed)

    async def _page(self, state: Mapping[str, Any]) -> tuple[list[Row], str | None]:
        page, since = state.get("page"), state.get("since")
        if page is not None:
            try:
                rows, following = await self._listed(since, page)
            except CrmFailure as failure:
                if failure.kind is not FailureKind.VALIDATION or failure.error.status not in (400, 404, 410, 422):
                    raise
                rows, following = await self._listed(state.get("at") or since, None)  # its cursor has expired
        else:
            rows, following = await self._listed(since, None)
        if following is not None and following == page:
            told = "the CRM answers with the same page again and again"
            raise CrmFailure(FailureKind.SERVER, RecordError("ENDLESS_PAGE", told))
        return rows, following

    async def _listed(self, since: str | None, page: str | None) -> tuple[list[Row], str | None]:
        begin = _earlier(since, self._config.pull_overlap) if since else None
        return await self._api.rows(
            PERSONS, tokens=LIST, limit=PAGE, sort_by="update_time", sort_direction="asc",
            updated_since=f"{begin:%Y-%m-%dT%H:%M:%SZ}" if begin else None, cursor=page,
        )  # fmt: skip

    async def _deleted(self, state: Mapping[str, Any]) -> Page:
        """Deleted persons among the recent changes: there is no other list of them."""
        start = int(state["gone"])
        begin = _earlier(str(state["since"]), self._config.pull_overlap)
        try:
            document = await self._api.call(
                "GET", RECENTS, tokens=V1_LIST, since_timestamp=f"{begin:%Y-%m-%d %H:%M:%S}", items="person",
                start=start, limit=PAGE,
            )  # fmt: skip
        except CrmFailure as failure:
            if failure.error.status not in (403, 404, 410):
                raise
            return Page([], _ended(state), done=True)  # not granted, or no more: full readings find deletions
        rows = rows_of(document)
        records = [
            RemoteRecord(str(row.get("id")), modified_at=_moment(_member(row, "update_time")), deleted=True)
            for row in rows
            if row.get("item") == "person" and is_number(row.get("id")) and _is_deleted(row.get("data"))
        ]
        if _pages(state) == 1:  # short enough a run that the overlap covers what changed meanwhile
            state = {**state, "newest": max([state["newest"], *(each.modified_at or "" for each in records)])}
        following = _next_start(document, start)
        if following is None or following <= start:
            return Page(records, _ended(state), done=True)
        return Page(records, {**state, "gone": following}, done=False)

    async def _alone(self, number: str) -> Row | None:
        try:
            return await self._api.record("GET", f"{PERSONS}/{number}", tokens=GET)
        except CrmFailure as failure:
            if is_gone(failure):
                return None
            if failure.kind is FailureKind.VALIDATION and failure.error.status == 403:
                return {"id": number, "is_deleted": True, "hidden": True}  # there, but not for the hub's user to see
            raise


def _ended(state: Mapping[str, Any]) -> dict[str, Any]:
    return {"since": state["newest"]} if state.get("newest") else {}


def _pages(state: Mapping[str, Any]) -> int:
    return int(state.get("pages") or 0)


def _member(row: Row, name: str) -> Any:
    data = row.get("data")
    return data.get(name) if isinstance(data, dict) else None


def _is_deleted(data: Any) -> bool:
    if not isinstance(data, dict):
        return data is None
    return data.get("active_flag") is False or bool(data.get("is_deleted"))


def _next_start(document: Mapping[str, Any], start: int) -> int | None:
    """Paging of API v1, flat or nested."""
    more = document.get("additional_data")
    paging = more.get("pagination", more) if isinstance(more, dict) else None
    if not isinstance(paging, dict) or not paging.get("more_items_in_collection"):
        return None
    following = paging.get("next_start")
    return following if isinstance(following, int) else start + PAGE


def _moment(text: Any) -> str | None:
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return rfc3339(moment if moment.tzinfo else moment.replace(tzinfo=UTC)) if moment else None


def _earlier(moment: str, seconds: int) -> datetime:
    return datetime.fromisoformat(moment).astimezone(UTC) - timedelta(seconds=seconds)
