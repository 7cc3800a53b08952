"""Accounts and connections, as the translation needs them: read in one statement, kept for a little while."""

import time
from collections.abc import Sequence

import asyncpg

from hub.contracts import events as e
from hub.contracts.cloudevents import Event
from hub.contracts.connector import FieldMap
from hub.registry import CONNECTORS
from transformer.adapters import queries
from transformer.domain.incoming import Context

_KEEP_SECONDS = 5.0


class Directory:
    """A cache over ``control.account`` and ``control.connection``; a change is seen within seconds."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._regions: dict[int, str] = {}
        self._field_maps: dict[tuple[int, int], FieldMap] = {}
        self._read_at = 0.0

    async def context(self, events: Sequence[Event]) -> Context:
        """What the translation of these events needs."""
        if time.monotonic() - self._read_at > _KEEP_SECONDS:
            self._regions, self._field_maps, self._read_at = {}, {}, time.monotonic()
        accounts = {event.account_id for event in events} - self._regions.keys()
        if accounts:
            rows = await self._pool.fetch(queries.ACCOUNTS, list(accounts))
            self._regions.update({row["id"]: row["default_region"] for row in rows})
        wanted = {
            (event.account_id, event.data["connection_id"]) for event in events if event.type == e.CRM_RECORD_RECEIVED
        } - self._field_maps.keys()
        if wanted:
            await self._read_connections(sorted(wanted))
        return Context(self._regions, self._field_maps, time.time_ns() // 1000)

    async def _read_connections(self, wanted: list[tuple[int, int]]) -> None:
        accounts, ids = [account for account, _ in wanted], [connection for _, connection in wanted]
        for row in await self._pool.fetch(queries.CONNECTIONS, accounts, ids):
            if connector := CONNECTORS.get(row["crm_type"]):
                self._field_maps[row["account_id"], row["id"]] = connector.mapping(row["config"])
