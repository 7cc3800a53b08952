"""What the connector has to know of a portal: properties and owners, asked once an hour, and amended where allowed."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

from hub.connectors.calls import Calls
from hub.connectors.hubspot import answers, schema, wire
from hub.connectors.hubspot.schema import Schema
from hub.contracts.failures import CrmFailure, FailureKind
from hub.contracts.pulling import Owner

FRESH = 3600.0  # seconds
_GROUPS = {wire.CONTACTS: "contactinformation", wire.DEALS: "dealinformation"}


class Portal:
    """One connection's portal. ``None`` for what the grant does not allow to be read."""

    def __init__(self, calls: Calls, config: wire.HubSpotConfig) -> None:
        self._calls, self._config = calls, config
        self._schemas: dict[str, tuple[float, Schema | None]] = {}
        self._owners: tuple[float, list[Owner] | None] | None = None
        self._one_asks = asyncio.Lock()
        self._refused: dict[str, float] = {}  # amendments that were not allowed: not tried again for a while

    async def schema(self, kind: str) -> Schema | None:
        """An object type's properties. Raises CrmFailure."""
        async with self._one_asks:
            kept = self._schemas.get(kind)
            if kept is None or kept[0] < time.monotonic():
                rows = await self._allowed("GET", self._config.properties(kind))
                found = None if rows is None else Schema(answers.results(rows))
                self._schemas[kind] = kept = (time.monotonic() + FRESH, found)
            return kept[1]

    def forget(self) -> None:
        """Properties turned out to be different."""
        self._schemas.clear()

    async def has_reference(self, kind: str) -> bool:
        """Whether records can be written by the hub's reference; the property is made if it has to be."""
        found = await self.schema(kind)
        if found is None:
            return False
        known = found.get(self._config.reference_property)
        if known is None:
            group = self._config.property_group if kind == wire.CONTACTS else _GROUPS[kind]
            await self.create(kind, [schema.reference_property(self._config, group)])
            found = await self.schema(kind)
            known = found.get(self._config.reference_property) if found else None
        return known is not None and known.unique

    async def create(self, kind: str, definitions: Iterable[Mapping[str, Any]]) -> None:
        """Make properties, as far as that is allowed. Raises CrmFailure."""
        if not self._config.create_properties:
            return
        for body in definitions:
            await self._amend("POST", self._config.properties(kind), f"{kind}.{body['name']}", body)

    async def add_choices(self, kind: str, name: str, values: Iterable[Any]) -> None:
        """Make a property offer values, as far as that is allowed. Raises CrmFailure."""
        found = await self.schema(kind)
        known = found.get(name) if found else None
        missing = list(dict.fromkeys(values))
        if not known or not self._config.add_choices or len(known.options) + len(missing) > wire.MOST_CHOICES:
            return
        path = self._config.properties(kind, f"/{name}")
        await self._amend("PATCH", path, f"{kind}.{name}.choices", schema.more_choices(known, missing))

    async def owners(self) -> list[Owner] | None:
        """Everybody whom records can belong to. Raises CrmFailure."""
        async with self._one_asks:
            if self._owners is None or self._owners[0] < time.monotonic():
                self._owners = (time.monotonic() + FRESH, await self._read_owners())
            return self._owners[1]

    async def _read_owners(self) -> list[Owner] | None:
        found: list[Owner] = []
        for archived in ("false", "true"):
            after: str | None = ""
            while after is not None:
                query = {"limit": wire.OWNERS_PAGE, "archived": archived} | ({"after": after} if after else {})
                document = await self._allowed("GET", f"{self._config.owners_path()}?{urlencode(query)}")
                if document is None:
                    return None
                found.extend(_owner(row) for row in answers.results(document) if row.get("id"))
                after = answers.next_page(document)
        return found

    async def _allowed(self, method: str, path: str) -> Any:
        """The answer; None when the grant does not cover it."""
        try:
            return await self._calls.json(method, path)
        except CrmFailure as failure:
            if failure.kind is FailureKind.AUTH and failure.error.status == 403:
                return None
            raise

    async def _amend(self, method: str, path: str, what: str, body: Mapping[str, Any]) -> None:
        if self._refused.get(what, 0.0) > time.monotonic():
            return
        try:
            await self._calls.json(method, path, body)
        except CrmFailure as failure:
            if failure.kind not in (FailureKind.AUTH, FailureKind.VALIDATION) or failure.error.status == 401:
                raise
            if failure.error.status != 409:  # somebody else made it meanwhile
                self._refused[what] = time.monotonic() + FRESH
                return
        self.forget()


def _owner(row: Mapping[str, Any]) -> Owner:
    name = " ".join(str(row.get(part) or "") for part in ("firstName", "lastName")).strip()
    email = row.get("email")
    text = email if isinstance(email, str) and email else None
    return Owner(str(row["id"]), name or text or str(row["id"]), text, not row.get("archived"))
