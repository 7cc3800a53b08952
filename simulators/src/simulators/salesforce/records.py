"""Create, change, delete, restore, merge: what every way of writing comes to."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from simulators.kit.clock import Clock
from simulators.salesforce.derived import check_required, completed, defaults
from simulators.salesforce.drafts import Drafts
from simulators.salesforce.errors import Ambiguous, RowRefused
from simulators.salesforce.ids import full_id
from simulators.salesforce.rules import Actor, Rules
from simulators.salesforce.schema import ObjectType, Schema
from simulators.salesforce.store import Change, Record, Store, Table
from simulators.salesforce.times import told

Listener = Callable[[list[Change], Actor], None]


class Records:
    """Writes records. Each method is one record's worth, and either done or refused (RowRefused)."""

    def __init__(self, schema: Schema, store: Store, clock: Clock, rules: Rules) -> None:
        self.schema, self.store, self.rules = schema, store, rules
        self._clock = clock
        self._drafts = Drafts(schema, store)
        self.listeners: list[Listener] = []

    @contextmanager
    def transaction(self, actor: Actor) -> Iterator[None]:
        """All or nothing; listeners hear of it once it is done."""
        with self.store.transaction() as changes:
            yield
            done, outermost = list(changes), self.store.outermost
        if outermost and done:
            for listener in self.listeners:
                listener(done, actor)

    def create(self, kind: ObjectType, given: Mapping[str, Any], actor: Actor, *, csv: bool = False) -> str:
        """The new record's id."""
        _check_writable(kind)
        with self.transaction(actor):
            draft = self._drafts.read(kind, given, creating=True, csv=csv)
            table = self.store.table(kind)
            record = defaults(kind) | {"OwnerId": actor.user} if kind.field("OwnerId") else defaults(kind)
            record |= {name: value for name, value in draft.items() if value is not None or name in record}
            self._stamp(record, actor)
            record |= {"Id": table.new_id(), "CreatedDate": record["LastModifiedDate"], "CreatedById": actor.user}
            record = completed(kind, record, draft)
            check_required(kind, record)
            self.rules.check(table, record, None, actor)
            self.store.write(table, record)
        return str(record["Id"])

    def update(
        self, kind: ObjectType, record_id: str, given: Mapping[str, Any], actor: Actor, *, csv: bool = False
    ) -> None:
        """Change what is told; null clears."""
        _check_writable(kind)
        with self.transaction(actor):
            table = self.store.table(kind)
            before = self.existing(table, record_id)
            if before.get("IsConverted") and actor.by_api:
                raise RowRefused("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
            draft = self._drafts.read(kind, given, creating=False, csv=csv)
            record = before | draft
            self._stamp(record, actor)
            record = completed(kind, record, draft)
            check_required(kind, record)
            self.rules.check(table, record, before, actor)
            self.store.write(table, record)

    def delete(self, kind: ObjectType, record_id: str, actor: Actor, *, merged_into: str | None = None) -> None:
        """Put a record into the recycle bin."""
        _check_writable(kind)
        with self.transaction(actor):
            table = self.store.table(kind)
            record = dict(self.existing(table, record_id))
            self.rules.strike(record_id, actor, table, record)
            record["IsDeleted"] = True
            if merged_into:
                record["MasterRecordId"] = merged_into
            self._stamp(record, actor)
            self.store.write(table, record)

    def undelete(self, kind: ObjectType, record_id: str, actor: Actor) -> None:
        """Take a record out of the recycle bin."""
        with self.transaction(actor):
            table = self.store.table(kind)
            found = table.records.get(full_id(record_id) or "")
            if found is None or not found["IsDeleted"]:
                raise RowRefused("UNDELETE_FAILED", "Entity is not in the recycle bin")
            record = found | {"IsDeleted": False}
            record.pop("MasterRecordId", None)
            self._stamp(record, actor)
            self.store.write(table, record)

    def merge(self, kind: ObjectType, winner: str, losers: list[str], actor: Actor) -> Record:
        """The losers go into the bin and name the winner, which takes from them what it has not."""
        with self.transaction(actor):
            table = self.store.table(kind)
            kept = dict(self.existing(table, winner))
            for loser in losers:
                lost = self.existing(table, loser)
                kept = {name: value for name, value in lost.items() if value is not False} | kept
                kept.pop("MasterRecordId", None)
                self.delete(kind, loser, actor, merged_into=kept["Id"])
            self._stamp(kept, actor)
            kept = completed(kind, kept, {})
            self.store.write(table, kept)
        return kept

    def upsert(
        self, kind: ObjectType, name: str, value: str, given: Mapping[str, Any], actor: Actor, *,
        update_only: bool = False, csv: bool = False,
    ) -> tuple[str, bool]:  # fmt: skip
        """(id, created). Raises Ambiguous when several records have that value, RowRefused for a wrong key."""
        known = kind.external(name)
        if known is None:
            message = f"Provided external ID field does not exist or is not accessible: {name}"
            raise RowRefused("NOT_FOUND", message)
        if any(each.lower() == known.name.lower() for each in given):
            message = f"The {known.name} field should not be specified in the sobject data."
            raise RowRefused("INVALID_FIELD", message, [known.name])
        if known.type == "id":
            return self._upsert_by_id(kind, value, given, actor, csv=csv)
        found = self.store.table(kind).living(known.name, value)
        if len(found) > 1:
            base = f"/services/data/v{actor.version}/sobjects/{kind.name}/"
            raise Ambiguous(known.name, [record["Id"] for record in found], base)
        if found:
            self.update(kind, found[0]["Id"], given, actor, csv=csv)
            return str(found[0]["Id"]), False
        if update_only or not value:
            code = "NOT_FOUND" if update_only else "MISSING_ARGUMENT"
            message = "The requested resource does not exist" if update_only else f"{known.name} not specified"
            raise RowRefused(code, message, [] if update_only else [known.name])
        return self.create(kind, {**given, known.name: value}, actor, csv=csv), True

    def _upsert_by_id(
        self, kind: ObjectType, value: str, given: Mapping[str, Any], actor: Actor, *, csv: bool
    ) -> tuple[str, bool]:
        if not value:
            return self.create(kind, given, actor, csv=csv), True
        self.update(kind, value, given, actor, csv=csv)
        return full_id(value) or value, False

    def touch(
        self, kind: ObjectType, record_id: str, values: Mapping[str, Any], actor: Actor, *, modified: bool = False
    ) -> Record:
        """What automation writes: any field, no checks; only SystemModstamp moves, unless ``modified``."""
        with self.transaction(actor):
            table = self.store.table(kind)
            record = self.existing(table, record_id) | dict(values)
            if modified:
                self._stamp(record, actor)
            record["SystemModstamp"] = told(self._clock.now())
            record = completed(kind, record, values)
            self.store.write(table, record)
        return record

    def today(self, days: int = 0) -> str:
        """The day, or one some days ahead, as stored."""
        return (self._clock.now() + timedelta(days=days)).date().isoformat()

    def existing(self, table: Table, record_id: str) -> Record:
        """A record that is not deleted. Raises RowRefused."""
        full = full_id(record_id)
        if full is None or full[:3] != table.type.prefix:
            message = f"{table.type.label} ID: id value of incorrect type: {record_id}"
            raise RowRefused("MALFORMED_ID", message, ["Id"])
        found = table.records.get(full)
        if found is None:
            raise RowRefused("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        if found["IsDeleted"]:
            raise RowRefused("ENTITY_IS_DELETED", "entity is deleted")
        return found

    def _stamp(self, record: Record, actor: Actor) -> None:
        now = told(self._clock.now())
        record |= {"LastModifiedDate": now, "SystemModstamp": now, "LastModifiedById": actor.user}


def _check_writable(kind: ObjectType) -> None:
    if not kind.writable:
        message = f"entity type {kind.name} does not support this operation"
        raise RowRefused("INSUFFICIENT_ACCESS_OR_READONLY", message)
