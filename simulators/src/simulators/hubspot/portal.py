"""One HubSpot account: its records, and what happens when they are written to. No HTTP."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from simulators.hubspot.associations import Associations
from simulators.hubspot.catalogue import KINDS, LIFECYCLE, Kind
from simulators.hubspot.errors import HubSpotRefused, conflict, not_found, validation
from simulators.hubspot.index import Document, SearchIndex
from simulators.hubspot.options import Options
from simulators.hubspot.records import Record, Table
from simulators.hubspot.schema import Schema
from simulators.hubspot.search import Searcher
from simulators.hubspot.times import iso
from simulators.kit.clock import Clock

_HISTORY = 20
_FIRST_ID = 10_001


@dataclass(frozen=True, slots=True)
class Actor:
    """Who writes, as webhooks and histories tell it. ``lag``: seconds until search sees it, beyond the usual."""

    source: str
    id: str
    lag: float = 0.0


class Listener(Protocol):
    """Is told of changes."""

    def tell(self, kind: Kind, event: str, number: int, actor: Actor, **more: Any) -> None:
        """``event``: creation, propertyChange, deletion …"""


class Objects:
    """One object type's schema, records and search."""

    def __init__(self, kind: Kind, portal_id: int, clock: Clock) -> None:
        self.kind = kind
        self.schema = Schema(kind, portal_id)
        self.table = Table()
        self.index = SearchIndex(clock, set(self.schema.unique))
        self.searcher = Searcher(self.schema, self.index)


class Portal:
    """State and behaviour. Methods raise HubSpotRefused."""

    def __init__(self, portal_id: int, clock: Clock, options: Options, listener: Listener) -> None:
        self.id, self.clock, self.options = portal_id, clock, options
        self._listener = listener
        self.reset()

    def reset(self) -> None:
        """Empty, as new."""
        self.objects = {kind.name: Objects(kind, self.id, self.clock) for kind in KINDS}
        self._by_alias = {alias: self.objects[kind.name] for kind in KINDS for alias in kind.aliases}
        self.associations = Associations()
        self._next_id = _FIRST_ID

    def of(self, name: str) -> Objects:
        """The objects of a type, by any of its names."""
        found = self._by_alias.get(name.lower())
        if found is None:
            raise validation(f"Unable to infer object type from: {name}")
        return found

    def now(self) -> int:
        """Milliseconds."""
        return int(self.clock.time() * 1000)

    def next_id(self) -> int:
        """An id that nothing had."""
        self._next_id += 1
        return self._next_id - 1

    def find(self, objects: Objects, key: str, id_property: str | None = None, *, archived: bool = False) -> Record:
        """A record by id, or by a unique property's value."""
        if id_property and id_property != "hs_object_id":
            if id_property not in objects.schema.unique:
                raise validation(f"Property '{id_property}' is not a unique property of {objects.kind.type_id}")
            found = objects.table.by_value(id_property, normal_key(id_property, key))
        else:
            found = objects.table.by_id(key)
        if found is None or (found.archived_at is not None) is not archived:
            raise not_found()
        return found

    def check(self, objects: Objects, record: Record | None, given: Any) -> dict[str, str | None]:
        """The values of a request, if they could be stored in the record (None: a new one)."""
        values = objects.schema.values(given)
        self._refuse_taken(objects, record, values)
        return values

    def create(self, objects: Objects, given: Any, actor: Actor, links: list[tuple[Kind, int, set[int]]]) -> Record:
        """Store a new record. ``links``: type, id and association types of what it belongs to."""
        kind, now = objects.kind, self.now()
        values = {name: value for name, value in self.check(objects, None, given).items() if value is not None}
        if kind.name == "leads" and not ("hs_lead_name" in values and links):
            raise validation("A lead needs hs_lead_name and an association to a contact or company")
        number = self.next_id()
        record = Record(number, self._system(objects, number, values, now, now), now, now)
        objects.table.add(record)
        objects.table.claim(record, objects.schema.unique, {}, record.properties)
        self._indexed(objects, record, actor)
        self._listener.tell(kind, "creation", number, actor, changeFlag="NEW")
        for name, value in values.items():
            self._listener.tell(kind, "propertyChange", number, actor, propertyName=name, propertyValue=value)
        for end, other, types in links:
            self.link(kind, number, end, other, types, actor)
        return record

    def change(self, objects: Objects, record: Record, given: Any, actor: Actor) -> Record:
        """Store a change; it counts as one even if no value differs."""
        values = self.check(objects, record, given)
        if self.options.lifecycle_forward_only:
            _ignore_steps_back(record.properties, values)
        self._write(objects, record, values, actor)
        return record

    def archive(self, objects: Objects, record: Record, actor: Actor) -> None:
        """Move to the recycling bin; its unique values are free again."""
        objects.table.claim(record, objects.schema.unique, record.properties, {})
        objects.table.archive(record, self.now())
        objects.index.put(record.id, None, self._lag(actor))
        self._listener.tell(objects.kind, "deletion", record.id, actor, changeFlag="DELETED")

    def restore(self, objects: Objects, record: Record, actor: Actor) -> None:
        """Take out of the recycling bin."""
        self._refuse_taken(objects, record, record.properties)
        objects.table.restore(record)
        objects.table.claim(record, objects.schema.unique, {}, record.properties)
        self._write(objects, record, {}, actor)
        self._listener.tell(objects.kind, "restore", record.id, actor)

    def purge(self, objects: Objects, record: Record, actor: Actor) -> None:
        """Forget a person for good."""
        objects.table.claim(record, objects.schema.unique, record.properties, {})
        objects.table.forget(record)
        objects.index.put(record.id, None, self._lag(actor))
        self.associations.forget((objects.kind.name, record.id))
        for event in ("privacyDeletion", "deletion"):
            self._listener.tell(objects.kind, event, record.id, actor, changeFlag="DELETED")

    def link(self, start: Kind, number: int, end: Kind, other: int, types: set[int], actor: Actor) -> None:
        """Associate two records."""
        if self.associations.link((start.name, number), (end.name, other), types):
            self._linked(start, number, end, other, actor, removed=False)

    def unlink(self, start: Kind, number: int, end: Kind, other: int, actor: Actor) -> None:
        """Part two records."""
        if self.associations.unlink((start.name, number), (end.name, other)):
            self._linked(start, number, end, other, actor, removed=True)

    def merge(self, objects: Objects, winner: Record, loser: Record, actor: Actor) -> Record:
        """Merge into the winner, whose values prevail; the loser's id leads there from now on."""
        if winner is loser:
            raise validation("Cannot merge an object with itself")
        kind, table, unique = objects.kind, objects.table, objects.schema.unique
        primary, gone = winner.id, [loser]
        blanks = {name: value for name, value in loser.properties.items() if name not in winner.properties}
        moved = {name: value for name, value in blanks.items() if not name.startswith("hs_merged")}
        gone_too = [str(primary)] if self.options.merge_creates_new else []
        old = [*winner.properties.get("hs_merged_object_ids", "").split(";"), *gone_too, str(loser.id)]
        extra = {"hs_merged_object_ids": ";".join(filter(None, old))}
        emails = [winner.properties.get("hs_additional_emails"), loser.properties.get("email")]
        if "email" not in moved and emails[1]:
            extra["hs_additional_emails"] = ";".join(filter(None, emails))
        table.claim(loser, unique, loser.properties, {})
        if self.options.merge_creates_new:
            gone, winner = [winner, loser], self._successor(objects, winner)
        self._write(objects, winner, {**moved, **extra}, actor)
        for each in gone:
            table.forget(each)
            each.merged_into = winner.id
            table.merged[each.id] = each
            objects.index.put(each.id, None, self._lag(actor))
            self.associations.move((kind.name, each.id), (kind.name, winner.id))
        for address in extra.get("hs_additional_emails", "").split(";"):
            if address:
                table.unique.setdefault("email", {})[address] = winner.id
        self._listener.tell(
            kind, "merge", winner.id, actor, primaryObjectId=primary, mergedObjectIds=[loser.id], newObjectId=winner.id,
            numberOfPropertiesMoved=len(moved),
        )  # fmt: skip
        return winner

    def seed(self, objects: Objects, rows: list[tuple[dict[str, str], int | None, int | None]]) -> list[int]:
        """Store many records at once, untold: properties, and when created and changed (None: just now)."""
        now, made = self.now(), []
        for place, (values, created, updated) in enumerate(rows):
            changed = updated if updated is not None else now - (len(rows) - place) // 100  # ties, as imports make
            begun, number = created if created is not None else changed, self.next_id()
            record = Record(number, self._system(objects, number, values, begun, changed), begun, changed)
            objects.table.add(record)
            objects.table.claim(record, objects.schema.unique, {}, record.properties)
            made.append(record)
        objects.index.fill([Document(each.updated, each.id, each.properties) for each in made])
        return [each.id for each in made]

    def _successor(self, objects: Objects, winner: Record) -> Record:
        number, unique = self.next_id(), objects.schema.unique
        objects.table.claim(winner, unique, winner.properties, {})
        properties = {**winner.properties, "hs_object_id": str(number), "hs_merged_object_ids": str(winner.id)}
        record = Record(number, properties, winner.created, self.now())
        objects.table.add(record)
        objects.table.claim(record, unique, {}, properties)
        return record

    def _write(self, objects: Objects, record: Record, values: Mapping[str, str | None], actor: Actor) -> None:
        before, now = record.properties, max(self.now(), record.updated)
        after = {name: value for name, value in {**before, **values}.items() if value is not None}
        record.properties = self._system(objects, record.id, after, record.created, now)
        record.updated = now
        objects.table.claim(record, objects.schema.unique, before, record.properties)
        self._indexed(objects, record, actor)
        for name, value in values.items():
            if before.get(name) == value:
                continue
            earlier = record.history.setdefault(name, [])
            if not earlier and name in before:
                earlier.append(_version(before[name], record.created, "CRM_UI", ""))
            earlier.insert(0, _version(value or "", now, actor.source, actor.id))
            del earlier[_HISTORY:]
            self._listener.tell(
                objects.kind, "propertyChange", record.id, actor, propertyName=name, propertyValue=value or ""
            )

    def _system(
        self, objects: Objects, number: int, values: Mapping[str, str], created: int, updated: int
    ) -> dict[str, str]:
        kind = objects.kind
        return {**values, "hs_object_id": str(number), kind.created: iso(created), kind.modified: iso(updated)}

    def _refuse_taken(self, objects: Objects, record: Record | None, values: Mapping[str, str | None]) -> None:
        for name in objects.schema.unique:
            value = values.get(name)
            other = objects.table.by_value(name, value) if value is not None else None
            if other is None or other is record:
                continue
            if name == "email":
                raise conflict(objects.kind.singular, other.id)
            raise _taken(self.id, objects.kind, name, str(value), record, other)

    def _indexed(self, objects: Objects, record: Record, actor: Actor) -> None:
        objects.index.put(record.id, Document(record.updated, record.id, record.properties), self._lag(actor))

    def _lag(self, actor: Actor) -> float:
        return max(self.options.search_lag, actor.lag)

    def _linked(self, start: Kind, number: int, end: Kind, other: int, actor: Actor, *, removed: bool) -> None:
        for here, mine, there, theirs in ((start, number, end, other), (end, other, start, number)):
            self._listener.tell(
                here, "associationChange", mine, actor, fromObjectId=mine, toObjectId=theirs,
                associationType=f"{here.singular.upper()}_TO_{there.singular.upper()}", associationRemoved=removed,
                isPrimaryAssociation=False,
            )  # fmt: skip


def normal_key(name: str, value: str) -> str:
    """A unique value as it is stored."""
    return value.strip().lower() if name == "email" else value


def _version(value: str, at: int, source: str, source_id: str) -> dict[str, Any]:
    return {"value": value, "timestamp": iso(at), "sourceType": source, "sourceId": source_id}


def _taken(portal_id: int, kind: Kind, name: str, value: str, record: Record | None, other: Record) -> HubSpotRefused:
    target = f"on {record.id}" if record else "on a new object"
    return validation(
        f"Cannot set PropertyValueCoordinates{{portalId={portal_id}, objectTypeId={kind.type_id}, "
        f"propertyName={name}, value={value}}} {target}. {other.id} already has that value."
    )


def _ignore_steps_back(before: Mapping[str, str], values: dict[str, str | None]) -> None:
    old, new = before.get("lifecyclestage"), values.get("lifecyclestage")
    if old in LIFECYCLE and new in LIFECYCLE and LIFECYCLE.index(new) < LIFECYCLE.index(old):
        del values["lifecyclestage"]
