"""The company's users: whom persons belong to, and who the hub itself is."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from hub.connectors.pipedrive.answers import unexpected
from hub.connectors.pipedrive.api import Api
from hub.connectors.pipedrive.shelf import FRESH_SECONDS, SHELF
from hub.connectors.pipedrive.wire import (
    DAILY,
    ME,
    OWNER,
    OWNER_EMAIL,
    USERS,
    V1_LIST,
    V1_ME,
    PipedriveConfig,
    daily_tokens,
    is_number,
)
from hub.contracts.metering import Meter, Reading
from hub.contracts.pulling import Identity, Owner


class Users:
    """Read when first needed, and anew after ten minutes."""

    def __init__(self, api: Api, config: PipedriveConfig, meter: Meter) -> None:
        self._api, self._config, self._meter = api, config, meter
        self._lock = asyncio.Lock()

    async def me(self, *, older_than: float = FRESH_SECONDS) -> Mapping[str, Any]:
        """The user that the hub acts as. Raises CrmFailure."""
        async with self._lock:
            whose = await self._api.whose()
            _, me = SHELF.get(whose, ME, time.monotonic() - older_than)
            if me is None:
                me = await self._api.record("GET", ME, tokens=V1_ME)
                SHELF.put(whose, ME, me)
            found: Mapping[str, Any] = me
            return found

    async def identity(self) -> Identity:
        """Whom the connection talks to, asked anew. Raises CrmFailure."""
        me = await self.me(older_than=0.0)
        company = me.get("company_id")
        return Identity(
            None if company is None else str(company),
            str(me.get("company_name") or me.get("company_domain") or "") or None,
            str(me.get("email") or me.get("name") or "") or None,
        )

    async def owners(self, *, older_than: float = FRESH_SECONDS) -> list[Owner]:
        """All users. Raises CrmFailure."""
        async with self._lock:
            whose = await self._api.whose()
            _, rows = SHELF.get(whose, USERS, time.monotonic() - older_than)
            if rows is None:
                rows = (await self._api.call("GET", USERS, tokens=V1_LIST)).get("data")
                if not isinstance(rows, list):
                    raise unexpected("the answer is not a list of users")
                SHELF.put(whose, USERS, rows)
                self._count(rows)
            return [_owner(row) for row in rows if isinstance(row, dict) and is_number(row.get("id"))]

    async def number(self, agent: int | str) -> int | None:
        """The id of an agent: as it stands, or of the active user with that e-mail address. Raises CrmFailure."""
        if isinstance(agent, int):
            return agent
        for owner in await self.owners():
            if owner.active and owner.email and owner.email.casefold() == agent.casefold():
                return int(owner.id)
        return None

    async def owner(self, agent: int | str | None) -> dict[str, Any]:
        """``owner_id`` of a new record; nothing when nobody is told or known. Raises CrmFailure."""
        number = None if agent is None else await self.number(agent)
        return {} if number is None else {"owner_id": number}

    async def currency(self) -> str:
        """What amounts are in unless told. Raises CrmFailure."""
        told = (await self.me()).get("default_currency")
        return told if isinstance(told, str) and len(told) == 3 else "USD"

    async def shown(self, owner_id: Any, *, by_email: bool) -> dict[str, Any]:
        """The owner as a flat person has it: nothing when the hub's own user made the record. Raises CrmFailure."""
        number = owner_id.get("id") if isinstance(owner_id, dict) else owner_id
        if not is_number(number) or number == (await self.me()).get("id"):
            return {}
        owner: dict[str, Any] = {OWNER: number}
        if by_email:
            email = next((each.email for each in await self.owners() if each.id == str(number)), None)
            owner |= {OWNER_EMAIL: email} if email else {}
        return owner

    def _count(self, rows: list[Any]) -> None:
        """Nobody tells an app what the company may spend in a day; but every seat brings its tokens."""
        seats = sum(_owner(row).active for row in rows if isinstance(row, dict) and is_number(row.get("id")))
        if self._config.daily_tokens is None and seats > self._config.seats:
            self._meter.learn([Reading(DAILY, limit=daily_tokens(self._config, seats))])


def _owner(row: Mapping[str, Any]) -> Owner:
    active = bool(row.get("active_flag", True)) and not row.get("is_deleted")
    return Owner(str(row["id"]), str(row.get("name") or ""), str(row.get("email") or "") or None, active)
