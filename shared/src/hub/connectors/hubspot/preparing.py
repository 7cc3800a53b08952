"""Fields made ready for a portal: owners found by e-mail, properties and choices made, what has no place left out."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.connectors.hubspot import schema, wire
from hub.connectors.hubspot.mapping import HubSpotFieldMap
from hub.connectors.hubspot.portal import Portal
from hub.connectors.hubspot.schema import Schema
from hub.connectors.hubspot.values import to_wire
from hub.contracts.pushing import PushItem

UNKNOWN_OWNER = "@"  # no owner's id


@dataclass(slots=True)
class Row:
    """An item on its way."""

    trace: str
    item: PushItem
    properties: dict[str, str]
    left_out: list[str] = field(default_factory=list)

    def leave_out(self, name: str) -> None:
        """HubSpot has no place for it after all."""
        self.properties.pop(name, None)
        self.left_out.append(name)


class Preparing:
    """Of one connection; one batch at a time, for it may change the portal."""

    def __init__(self, portal: Portal, field_map: HubSpotFieldMap, config: wire.HubSpotConfig) -> None:
        self._portal, self.field_map, self._config = portal, field_map, config
        self._turn = asyncio.Lock()

    async def rows(self, items: Sequence[PushItem]) -> list[Row]:
        """One for each item, in order. Raises CrmFailure."""
        async with self._turn:
            known = await self._portal.schema(wire.CONTACTS)
            fields = [item.record if item.external_id is None else item.fields for item in items]
            if known is not None and await self._amended(known, fields):
                known = await self._portal.schema(wire.CONTACTS)
            owners = await self._owners(fields)
        return [
            self._row(at, item, each, known, owners) for at, (item, each) in enumerate(zip(items, fields, strict=True))
        ]

    async def _amended(self, known: Schema, fields: Sequence[Mapping[str, Any]]) -> bool:
        """Ask for properties and choices that the fields need and the portal lacks."""
        samples: dict[str, Any] = {}
        for each in fields:
            for name, value in each.items():
                if value is not None and value != "" and name not in known:
                    samples.setdefault(name, value)
        group = self._config.property_group
        definitions = [schema.new_property(name, value, group) for name, value in samples.items()]
        await self._portal.create(wire.CONTACTS, definitions)
        source = known.get(self.field_map.remote["lead_source"])
        wanted = dict.fromkeys(to_wire(each.get(source.name)) for each in fields) if source else {}
        missing = [value for value in wanted if source and not source.takes(value)]
        if source and missing:
            await self._portal.add_choices(wire.CONTACTS, source.name, missing)
        return bool(definitions or missing)

    async def _owners(self, fields: Sequence[Mapping[str, Any]]) -> dict[str, str]:
        """E-mail → id of the owners, when one is needed."""
        name = self.field_map.remote["agent_id"]
        if not self._config.owners_by_email or not any("@" in str(each.get(name) or "") for each in fields):
            return {}
        found = await self._portal.owners() or []
        return {owner.email.casefold(): owner.id for owner in found if owner.email and owner.active}

    def _row(
        self, at: int, item: PushItem, fields: Mapping[str, Any], known: Schema | None, owners: Mapping[str, str]
    ) -> Row:
        row = Row(f"row-{at}", item, {})
        for name, value in fields.items():
            text = to_wire(value)
            if name == self.field_map.remote["agent_id"] and "@" in text:
                text = owners.get(text.casefold(), UNKNOWN_OWNER)
            if text == UNKNOWN_OWNER or (known is not None and not self._fits(known, name, text)):
                row.left_out.append(name)
            elif text != "" or item.external_id is not None:
                row.properties[name] = text
        return row

    def _fits(self, known: Schema, name: str, text: str) -> bool:
        """Whether HubSpot may be asked to store it. A bad value of an essential field is for HubSpot to refuse."""
        found = known.get(name)
        if found is None or not found.writable:
            return False
        return name != self.field_map.remote["lead_source"] or found.takes(text)
