"""The deal of an enrolment: found by the hub's reference among the person's deals, else made; a person's work stays."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import orjson

from hub.connectors.pipedrive.api import Api
from hub.connectors.pipedrive.inbox import Inbox
from hub.connectors.pipedrive.person import deal_title
from hub.connectors.pipedrive.schema import Schema
from hub.connectors.pipedrive.users import Users
from hub.connectors.pipedrive.wire import DEALS, LIST, OWNER, PAGE, WRITE, PipedriveConfig
from hub.contracts.pushing import Companion, PushItem

_KEPT = 20_000


class Deals:
    """Deals of one company."""

    def __init__(self, api: Api, config: PipedriveConfig, schema: Schema, users: Users, inbox: Inbox) -> None:
        self._api, self._config, self._schema, self._users = api, config, schema, users
        self._inbox = inbox
        self._written: OrderedDict[str, bytes] = OrderedDict()

    async def follow(self, companion: Companion, item: PushItem, person: int, *, fresh: bool) -> None:
        """See that the companion is there and up to date; ``fresh``: the person is new. Raises CrmFailure."""
        if companion.object == "lead":
            await self._inbox.follow(companion, item, person, fresh=fresh)
            return
        wanted = await self._wanted(companion)
        digest = orjson.dumps(wanted, option=orjson.OPT_SORT_KEYS)
        if self._written.get(companion.reference) == digest:
            return
        known = await self._schema.ensured({self._config.reference_field: companion.reference})
        field = known.by_name.get(self._config.reference_field)
        key = field.key if field else None
        found = None if fresh or key is None else await self._found(companion, person, key)
        custom = {"custom_fields": {key: companion.reference}} if key else {}
        if found is None:
            inbox = self._config.leads_inbox and not fresh
            number = await self._inbox.converted(_item_of(companion), person) if inbox else None
            if number is None:
                new = {"title": deal_title(item.record, item.reference), "person_id": person, **self._placed()}
                new |= await self._users.owner(item.record.get(OWNER))
                await self._api.record("POST", DEALS, {**new, **wanted, **custom}, tokens=WRITE)
            else:
                await self._api.record("PATCH", f"{DEALS}/{number}", {**wanted, **custom}, tokens=WRITE)
        elif not found.get("is_deleted") and not found.get("is_archived"):
            marked = found["custom_fields"].get(key) == companion.reference
            changed = _changed(found, wanted) | ({} if marked else custom)
            if changed:
                await self._api.record("PATCH", f"{DEALS}/{found['id']}", changed, tokens=WRITE)
        self._written[companion.reference] = digest
        while len(self._written) > _KEPT:
            self._written.popitem(last=False)

    async def _wanted(self, companion: Companion) -> dict[str, Any]:
        fields = dict(companion.fields)
        if "value" in fields:
            fields["currency"] = self._config.deal.currency or await self._users.currency()
        return fields

    def _placed(self) -> dict[str, Any]:
        place = {"pipeline_id": self._config.deal.pipeline_id, "stage_id": self._config.deal.stage_id}
        return {name: value for name, value in place.items() if value is not None}

    async def _found(self, companion: Companion, person: int, key: str) -> Mapping[str, Any] | None:
        """Open, won and lost ones; then archived and deleted ones, which are left as somebody wanted them."""
        for path, status in ((DEALS, None), (f"{DEALS}/archived", None), (DEALS, "deleted")):
            rows, _ = await self._api.rows(
                path, tokens=LIST, person_id=person, limit=PAGE, custom_fields=key, status=status
            )
            for row in rows:
                if row.get("person_id") == person and _is_it(row, companion, key):
                    shelf = {"is_archived": True} if path != DEALS else {"is_deleted": True} if status else {}
                    return {**row, **shelf}
        return None


def _is_it(row: Mapping[str, Any], companion: Companion, key: str) -> bool:
    custom = row.get("custom_fields")
    return isinstance(custom, dict) and custom.get(key) in (companion.reference, _item_of(companion))


def _item_of(companion: Companion) -> str:
    """The reference of the inbox item that an enrolment's deal was before; a deal keeps it until it is written."""
    return companion.reference.removesuffix("deal") + "lead"


def _changed(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """A deal that somebody has closed stays as it was closed; its title and owner may be theirs, too."""
    amounts = {name: wanted[name] for name in ("value", "currency") if name in wanted}
    changed = {name: value for name, value in amounts.items() if found.get(name) != value}
    if found.get("status") == "open" and wanted.get("status") not in (None, "open"):
        changed["status"] = wanted["status"]
    return changed
