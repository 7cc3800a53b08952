"""Finding persons by the hub's reference or an e-mail address: dear, and late.

Pipedrive's search runs behind its records, and allows ten calls in two seconds. So what this process wrote it knows
itself; what was created lately is read from the list of the newest persons, which is never behind and answers many
questions at once; the search is asked last.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from hub.connectors.pipedrive.api import Api
from hub.connectors.pipedrive.schema import Schema
from hub.connectors.pipedrive.wire import (
    FIND,
    LIST,
    PAGE,
    PERSONS,
    SEARCH_PERSONS,
    SEARCHING,
    PipedriveConfig,
    is_number,
)
from hub.contracts.ids import parse_lead_external_id

_KEPT = 50_000  # references
_NEWEST_PAGES = 10
_SEARCH_LAG = timedelta(minutes=10)
_MOST_TERM = 500


class Finding:
    """Persons of one company."""

    def __init__(self, api: Api, config: PipedriveConfig, schema: Schema) -> None:
        self._api, self._config, self._schema = api, config, schema
        self._known: OrderedDict[str, str] = OrderedDict()
        self.unmarked: set[str] = set()  # persons found by address: the reference is still to be written
        self._lock = asyncio.Lock()
        self._asked = 0  # questions so far, and how many of them the last reading answers
        self._answered = -1
        self._everybody = False

    def keep(self, reference: str, record_id: str) -> None:
        """Written or seen."""
        self._known[reference] = record_id
        self._known.move_to_end(reference)
        while len(self._known) > _KEPT:
            self._known.popitem(last=False)

    def drop(self, reference: str) -> None:
        """Not there any more."""
        self._known.pop(reference, None)

    async def find(self, reference: str, email: str | None) -> str | None:
        """By the reference; else the only person with that address that bears none. Raises CrmFailure."""
        if reference in self._known:
            return self._known[reference]
        key = await self._key()
        if key is not None:
            everybody = await self._read_newest(key)
            found = self._known.get(reference)
            if found is None and not everybody:
                found = await self._search(key, reference)
            if found is not None:
                return found
        return await self.by_email(email) if email else None

    async def by_email(self, email: str) -> str | None:
        """The only person with that address that is no lead of the hub's yet. Raises CrmFailure."""
        term = email.strip()[:_MOST_TERM]
        if not term:
            return None
        hits, _ = await self._api.rows(
            SEARCH_PERSONS, tokens=SEARCHING, search=True, term=term, fields="email", exact_match="true", limit=10
        )
        found = [item for item in map(_item, hits) if _has(item, term)]
        numbers = [str(item["id"]) for item in found]
        if not numbers:
            return None
        rows, _ = await self._api.rows(PERSONS, tokens=LIST, ids=",".join(numbers), limit=PAGE)
        key = await self._key()
        free = [row for row in rows if str(row.get("id")) in numbers and _reference(row, key) is None]
        if len(free) != 1:
            return None
        self.unmarked.add(str(free[0]["id"]))
        return str(free[0]["id"])

    async def _key(self) -> str | None:
        field = (await self._schema.known()).by_name.get(self._config.reference_field)
        return field.key if field else None

    async def _read_newest(self, key: str) -> bool:
        """Read the newest persons, once for all who ask while it is read; whether these are all there are."""
        self._asked += 1
        mine = self._asked
        async with self._lock:
            if self._answered < mine:
                covers = self._asked
                self._everybody = await self._newest(key)
                self._answered = covers
            return self._everybody

    async def _newest(self, key: str) -> bool:
        cursor: str | None = None
        oldest: str | None = None
        for _ in range(_NEWEST_PAGES):
            rows, cursor = await self._api.rows(
                PERSONS, tokens=LIST, limit=PAGE, sort_by="add_time", sort_direction="desc", cursor=cursor,
                custom_fields=key,
            )  # fmt: skip
            for row in rows:
                reference = _reference(row, key)
                if reference is not None:
                    self.keep(reference, str(row.get("id")))
            added = [str(row["add_time"]) for row in rows if row.get("add_time")]
            oldest = oldest or (_before(added[0]) if added else None)
            if cursor is None or not added or (oldest is not None and added[-1] < oldest):
                return cursor is None
        return False

    async def _search(self, key: str, reference: str) -> str | None:
        hits, _ = await self._api.rows(
            FIND, tokens=SEARCHING, term=reference, entity_type="person", field=key, match="exact", limit=10,
            search=True,
        )  # fmt: skip
        numbers = [str(item["id"]) for item in map(_item, hits) if is_number(item.get("id"))]
        if not numbers:
            return None
        # The index may tell of what is deleted, or bears another reference by now.
        rows, _ = await self._api.rows(PERSONS, tokens=LIST, ids=",".join(numbers), limit=PAGE)
        found = sorted(row["id"] for row in rows if str(row.get("id")) in numbers and _reference(row, key) == reference)
        if not found:
            return None
        self.keep(reference, str(found[0]))
        return str(found[0])


def _item(hit: Mapping[str, Any]) -> Mapping[str, Any]:
    item = hit.get("item", hit)
    return item if isinstance(item, dict) else {}


def _has(item: Mapping[str, Any], email: str) -> bool:
    told = item.get("emails")
    entries = told if isinstance(told, list) else []
    values = [str(each.get("value") if isinstance(each, dict) else each).casefold() for each in entries]
    return is_number(item.get("id")) and email.casefold() in values


def _reference(row: Mapping[str, Any], key: str | None) -> str | None:
    custom = row.get("custom_fields")
    value = custom.get(key) if isinstance(custom, dict) and key else None
    value = value.get("value") if isinstance(value, dict) else value
    return value if isinstance(value, str) and parse_lead_external_id(value) is not None else None


def _before(newest: str) -> str:
    """As Pipedrive writes times, so that they compare as text."""
    try:
        moment = datetime.fromisoformat(newest).astimezone(UTC)
    except ValueError:
        return ""
    return (moment - _SEARCH_LAG).strftime("%Y-%m-%dT%H:%M:%SZ")
