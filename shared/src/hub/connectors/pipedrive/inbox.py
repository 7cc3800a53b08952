"""The item in Pipedrive's Leads Inbox, if the configuration wants one: API v1, its fields are the deals' fields.

https://developers.pipedrive.com/docs/api/v1/Leads
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import orjson

from hub.connectors.pipedrive.answers import is_gone
from hub.connectors.pipedrive.api import Api
from hub.connectors.pipedrive.person import deal_title
from hub.connectors.pipedrive.schema import Schema
from hub.connectors.pipedrive.users import Users
from hub.connectors.pipedrive.wire import (
    CONVERT_LEADS,
    GET,
    LEAD_WRITE,
    LEADS,
    OWNER,
    PAGE,
    V1_LIST,
    WRITE,
    PipedriveConfig,
)
from hub.contracts.failures import CrmFailure, FailureKind, RecordError
from hub.contracts.pushing import Companion, PushItem

_KEPT = 20_000
_ASKED, _PAUSE = 8, 0.3  # how often, and how many seconds apart, a conversion is asked about


class Inbox:
    """Inbox items of one company."""

    def __init__(self, api: Api, config: PipedriveConfig, schema: Schema, users: Users) -> None:
        self._api, self._config, self._schema, self._users = api, config, schema, users
        self._written: OrderedDict[str, bytes] = OrderedDict()

    async def follow(self, companion: Companion, item: PushItem, person: int, *, fresh: bool) -> None:
        """See that the item is there, or archived where wanted; what somebody archived stays. Raises CrmFailure."""
        wanted = await self._wanted(companion)
        digest = orjson.dumps(wanted, option=orjson.OPT_SORT_KEYS)
        if self._written.get(companion.reference) == digest:
            return
        key = await self._key(companion.reference)
        found = None if fresh else await self._found(companion.reference, person, key)
        archive = bool(wanted.pop("is_archived"))
        if found is None:
            if not archive:
                new = {"title": deal_title(item.record, item.reference), "person_id": person}
                new |= await self._users.owner(item.record.get(OWNER))
                new |= {key: companion.reference} if key else {}
                await self._api.record("POST", LEADS, {**new, **wanted}, tokens=LEAD_WRITE)
        elif not found.get("is_archived"):
            changed = {"value": wanted["value"]} if "value" in wanted and found.get("value") != wanted["value"] else {}
            changed |= {"is_archived": True} if archive else {}
            if changed:
                await self._api.record("PATCH", f"{LEADS}/{found['id']}", changed, tokens=LEAD_WRITE)
        self._written[companion.reference] = digest
        while len(self._written) > _KEPT:
            self._written.popitem(last=False)

    async def converted(self, reference: str, person: int) -> int | None:
        """The deal that the item became just now; None when there is no item. Raises CrmFailure."""
        item = await self._found(reference, person, await self._key(reference))
        if item is None or item.get("is_archived"):
            return None
        place = {"pipeline_id": self._config.deal.pipeline_id, "stage_id": self._config.deal.stage_id}
        body = {name: value for name, value in place.items() if value is not None}
        path = f"{CONVERT_LEADS}/{item['id']}/convert"
        try:
            job = (await self._api.record("POST", f"{path}/deal", body, tokens=WRITE)).get("conversion_id")
        except CrmFailure as failure:
            if is_gone(failure):
                return None  # somebody was quicker
            raise
        self._written.pop(reference, None)
        for _ in range(_ASKED):
            told = await self._api.record("GET", f"{path}/status/{job}", tokens=GET)
            if told.get("status") == "completed" and isinstance(told.get("deal_id"), int):
                return int(told["deal_id"])
            if told.get("status") in ("failed", "rejected"):
                return None
            await asyncio.sleep(_PAUSE)
        message = "the conversion of the inbox item takes long; its deal is looked for at the next attempt"
        raise CrmFailure(FailureKind.SERVER, RecordError("CONVERSION_RUNNING", message), stored=None)

    async def _wanted(self, companion: Companion) -> dict[str, Any]:
        fields = dict(companion.fields)
        amount = fields.pop("value", None)
        if amount is not None:
            currency = self._config.deal.currency or await self._users.currency()
            fields["value"] = {"amount": amount, "currency": currency}
        return fields

    async def _key(self, reference: str) -> str | None:
        field = (await self._schema.ensured({self._config.reference_field: reference})).by_name.get(
            self._config.reference_field
        )
        return field.key if field else None

    async def _found(self, reference: str, person: int, key: str | None) -> Mapping[str, Any] | None:
        if key is None:
            return None
        for path in (LEADS, f"{LEADS}/archived"):
            rows, _ = await self._api.rows(path, tokens=V1_LIST, person_id=person, limit=PAGE)
            for row in rows:
                if row.get("person_id") == person and row.get(key) == reference and isinstance(row.get("id"), str):
                    return {**row, "is_archived": path != LEADS or bool(row.get("is_archived"))}
        return None
