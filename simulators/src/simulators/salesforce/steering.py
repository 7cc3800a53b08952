"""What the control API of every simulator does, for an org."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from simulators.kit.control import ControlRefused
from simulators.salesforce.derived import completed, defaults
from simulators.salesforce.errors import Refused
from simulators.salesforce.org import Org
from simulators.salesforce.schema import ObjectType
from simulators.salesforce.seeding import made_up, spread
from simulators.salesforce.values import stored

_STAMPS = ("CreatedDate", "LastModifiedDate", "SystemModstamp")
Made = TypeVar("Made")


class Steering:
    """A ``simulators.kit.control.World``."""

    def __init__(self, org: Org) -> None:
        self.org = org
        self.clock, self.faults, self.ledger = org.clock, org.faults, org.ledger
        self.grants, self.deliveries = org.grants, org.deliveries

    def reset(self) -> None:
        """A new org."""
        self.org.reset()

    def limits(self, settings: dict[str, Any] | None) -> Mapping[str, Any]:
        """Change or tell the limits."""
        return self.org.allowance.configure(settings or {})

    def object(self, kind: str) -> ObjectType:
        """An object by name. Raises ControlRefused."""
        found = self.org.schema.find(kind)
        if found is None:
            raise ControlRefused(404, f"no object {kind}")
        return found

    def seed(self, kind: str, count: int, records: list[dict[str, Any]] | None, seed: int) -> list[str]:
        """Store many at once, without events. Values are checked, required ones are not; stamps may be given."""
        table = self.org.store.table(self.object(kind))
        users = self.org.store.table(self.object("User")).records.values()
        owners = [each["Id"] for each in users if each["IsActive"]]
        try:
            rows = records if records is not None else list(made_up(table.type.name, count, seed, owners))
        except KeyError:
            raise ControlRefused(422, f"nobody makes up records of {kind}: give them") from None
        base = defaults(table.type) | {"CreatedById": self.org.user, "LastModifiedById": self.org.user}
        base |= {"OwnerId": self.org.user, "IsDeleted": False}
        checked = [self._values(table.type, row) for row in rows]
        ids = []
        for row, stamp in zip(checked, spread(len(checked), self.clock), strict=True):
            record = {**base, **dict.fromkeys(_STAMPS, stamp), **row, "Id": table.new_id()}
            table.put(completed(table.type, record, row))
            ids.append(record["Id"])
        return ids

    def records(self, kind: str, *, deleted: bool) -> Iterable[Mapping[str, Any]]:
        """All of an object, as stored (nulls left out)."""
        every = self.org.store.table(self.object(kind)).records.values()
        return list(every) if deleted else [record for record in every if not record["IsDeleted"]]

    def create(self, kind: str, fields: dict[str, Any]) -> Mapping[str, Any]:
        """As a person does."""
        found = self.object(kind)
        return self._now(found, done(lambda: self.org.records.create(found, fields, self.org.person)))

    def edit(self, kind: str, record_id: str, fields: dict[str, Any]) -> Mapping[str, Any]:
        """As a person does."""
        found = self.object(kind)
        done(lambda: self.org.records.update(found, record_id, fields, self.org.person))
        return self._now(found, record_id)

    def delete(self, kind: str, record_id: str) -> None:
        """As a person does."""
        found = self.object(kind)
        done(lambda: self.org.records.delete(found, record_id, self.org.person))

    def merge(self, kind: str, winner: str, losers: list[str]) -> Mapping[str, Any]:
        """As a person does."""
        found = self.object(kind)
        return done(lambda: self.org.records.merge(found, winner, losers, self.org.person))

    def _now(self, kind: ObjectType, record_id: str) -> Mapping[str, Any]:
        return self.org.records.existing(self.org.store.table(kind), record_id)

    def _values(self, kind: ObjectType, row: Mapping[str, Any]) -> dict[str, Any]:
        given = {name: value for name, value in row.items() if name not in ("Id", "attributes")}
        return done(lambda: {kind.needed(name).name: stored(kind.needed(name), value) for name, value in given.items()})


def done(act: Callable[[], Made]) -> Made:
    """What the act makes; the API's refusals become the control API's."""
    try:
        return act()
    except Refused as refused:
        raise ControlRefused(404 if refused.status == 404 else 422, f"{refused.code}: {refused}") from None
