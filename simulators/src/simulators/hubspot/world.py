"""The whole account, as the control API steers it."""

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from typing import Any

from simulators.hubspot.access import Access
from simulators.hubspot.errors import HubSpotRefused
from simulators.hubspot.gate import VENDOR_FAULTS, Gate
from simulators.hubspot.limits import Limits
from simulators.hubspot.made_up import made_up
from simulators.hubspot.oauth import ACCESS_SECONDS, CODE_SECONDS, make_token
from simulators.hubspot.options import Options
from simulators.hubspot.portal import Actor, Objects, Portal
from simulators.hubspot.records import Record
from simulators.hubspot.settings import Settings
from simulators.hubspot.times import moment
from simulators.hubspot.webhooks import DEADLINE, Webhooks, pauses
from simulators.kit.clock import Clock
from simulators.kit.control import ControlRefused
from simulators.kit.deliveries import Deliveries
from simulators.kit.faults import Faults
from simulators.kit.grants import Grants
from simulators.kit.ledger import Ledger

PERSON = Actor("CRM_UI", "userId:9586504")


class World:
    """Everything that one simulator holds."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.options = replace(settings.options)
        self.clock, self.ledger, self.faults = Clock(), Ledger(), Faults(VENDOR_FAULTS)
        self.grants = Grants(self.clock, code_seconds=CODE_SECONDS, access_seconds=ACCESS_SECONDS,
                             rotate=settings.rotate_refresh_tokens, maker=make_token)  # fmt: skip
        self.deliveries = Deliveries(
            self.clock, pauses(), deadline=settings.webhook_deadline or DEADLINE, scale=settings.retry_scale, senders=10
        )
        self.limit = Limits(self.clock, self.ledger)
        self.access = Access(self.grants, self.options, settings.private_tokens, settings.developer_key)
        self.gate = Gate(self.access, self.limit, self.faults, self.clock)
        self.webhooks = Webhooks(settings.portal_id, self.clock, self.deliveries, self.grants, self.options)
        self.portal = Portal(settings.portal_id, self.clock, self.options, self.webhooks)

    def reset(self) -> None:
        """A new account. What the API holds stays the same object."""
        for each in fields(Options):
            setattr(self.options, each.name, getattr(self.settings.options, each.name))
        self.access.reset()
        self.limit.reset()
        self.webhooks.reset()
        self.portal.reset()

    def seed(self, kind: str, count: int, records: list[dict[str, Any]] | None, seed: int) -> list[str]:
        """Records given are properties, or ``{"properties", "createdAt", "updatedAt"}``."""
        objects = self._of(kind)
        if records is None:
            start = len(objects.table.records)
            people = ((made_up(objects.kind.name, start + each, seed), None, None) for each in range(count))
            return [str(number) for number in self.portal.seed(objects, list(people))]
        rows = []
        for each in records:
            given = each.get("properties", each)
            values = {name: value for name, value in self._try(objects.schema.values, given).items() if value}
            rows.append((values, _moment(each, "createdAt"), _moment(each, "updatedAt")))
        return [str(number) for number in self.portal.seed(objects, rows)]

    def records(self, kind: str, *, deleted: bool) -> Iterable[Mapping[str, Any]]:
        """Live ones, then (``deleted``) archived ones and those merged away."""
        objects = self._of(kind)
        name, table = objects.kind.name, objects.table
        found = list(table.all(archived=False))
        if deleted:
            found += [*table.all(archived=True), *table.merged.values()]
        return [each.state(name) for each in found]

    def create(self, kind: str, fields: dict[str, Any]) -> Mapping[str, Any]:
        """By a person; a lead may be made without its contact."""
        objects = self._of(kind)
        if objects.kind.name == "leads":
            raise ControlRefused(422, "make leads through the API, with their association")
        made: Record = self._try(self.portal.create, objects, fields, PERSON, [])
        return made.state(objects.kind.name)

    def edit(self, kind: str, record_id: str, fields: dict[str, Any]) -> Mapping[str, Any]:
        """By a person."""
        objects, record = self._find(kind, record_id)
        self._try(self.portal.change, objects, record, fields, PERSON)
        return record.state(objects.kind.name)

    def delete(self, kind: str, record_id: str) -> None:
        """To the recycling bin, by a person."""
        objects, record = self._find(kind, record_id)
        self.portal.archive(objects, record, PERSON)

    def restore(self, kind: str, record_id: str) -> Mapping[str, Any]:
        """Out of it."""
        objects, record = self._find(kind, record_id, archived=True)
        self._try(self.portal.restore, objects, record, PERSON)
        return record.state(objects.kind.name)

    def purge(self, kind: str, record_id: str) -> None:
        """For good, as privacy laws ask."""
        objects, record = self._find(kind, record_id)
        self.portal.purge(objects, record, PERSON)

    def merge(self, kind: str, winner: str, losers: list[str]) -> Mapping[str, Any]:
        """By a person."""
        objects, kept = self._find(kind, winner)
        for each in losers:
            _, loser = self._find(kind, each)
            kept = self._try(self.portal.merge, objects, kept, loser, PERSON)
        return kept.state(objects.kind.name)

    def limits(self, settings: dict[str, Any] | None) -> Mapping[str, Any]:
        """``burst``, ``private_burst``, ``daily``, ``search``, ``retry_after``; ``{"off": true}``."""
        return self.limit.change(settings)

    def _of(self, kind: str) -> Objects:
        objects: Objects = self._try(self.portal.of, kind)
        return objects

    def _find(self, kind: str, record_id: str, *, archived: bool = False) -> tuple[Objects, Record]:
        objects = self._of(kind)
        record = objects.table.by_id(record_id)
        if record is None or (record.archived_at is not None) is not archived:
            raise ControlRefused(404, f"there is no such {objects.kind.singular}: {record_id}")
        return objects, record

    def _try(self, action: Any, *arguments: Any) -> Any:
        try:
            return action(*arguments)
        except HubSpotRefused as refused:
            raise ControlRefused(refused.status, refused.message) from None


def _moment(record: Mapping[str, Any], name: str) -> int | None:
    found = record.get(name) if "properties" in record else None
    return None if found is None else moment(str(found))
