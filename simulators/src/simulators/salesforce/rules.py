"""What else may stand in a record's way: unique fields, duplicate rules, locks, and what a test orders."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simulators.kit.faults import Faults
from simulators.salesforce.errors import RowRefused
from simulators.salesforce.schema import ObjectType
from simulators.salesforce.store import Record, Table


@dataclass(frozen=True, slots=True)
class Actor:
    """Who writes, and how. ``call`` is the method and path, by which tests choose faults."""

    user: str
    by_api: bool = True
    origin: str = ""  # as changeOrigin of change events tells it
    allow_duplicates: bool = False
    version: str = "60.0"
    call: tuple[str, str] = ("", "")


@dataclass(slots=True)
class DuplicateRule:
    """An object's duplicate rule: records are alike that share one of ``fields``, in any case of letters."""

    active: bool = False
    fields: tuple[str, ...] = ("Email",)
    block: bool = False  # False: a client may save all the same, by header
    on_update: bool = False


class Rules:
    """All of them. Row faults: ``lock``, ``duplicate_rule``, ``row_error`` (with code, message, fields)."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self.duplicates: dict[str, DuplicateRule] = {}

    def check(
        self, table: Table, record: Record, before: Mapping[str, Any] | None, actor: Actor
    ) -> None:  # fmt: skip
        """Raises RowRefused if the record may not be saved so."""
        self.strike(record["Id"] if before else "", actor, table, record)
        for field in table.type.fields.values():
            value = record.get(field.name)
            if field.unique and value is not None and value != (before or {}).get(field.name):
                _check_unique(table, field.name, str(value), record["Id"])
        rule = self.duplicates.get(table.type.name)
        if rule and rule.active and (before is None or rule.on_update):
            self._check_duplicates(table, rule, record, actor)

    def strike(self, record_id: str, actor: Actor, table: Table, record: Mapping[str, Any]) -> None:
        """The faults that tests order for single records."""
        if not actor.by_api:
            return
        if self._faults.draw("lock", *actor.call) is not None:
            shown = record_id or record.get("OwnerId", "")
            message = f"unable to obtain exclusive access to this record or 1 records: {shown}"
            raise RowRefused("UNABLE_TO_LOCK_ROW", message)
        if self._faults.draw("duplicate_rule", *actor.call) is not None and not actor.allow_duplicates:
            raise detected(table.type, [next(iter(table.records), "")], actor, block=False)
        if (wish := self._faults.draw("row_error", *actor.call)) is not None:
            code = wish.get("code", "FIELD_CUSTOM_VALIDATION_EXCEPTION")
            raise RowRefused(code, wish.get("message", "This record does not pass a validation rule"),
                             wish.get("fields", []))  # fmt: skip

    def _check_duplicates(self, table: Table, rule: DuplicateRule, record: Record, actor: Actor) -> None:
        if actor.allow_duplicates and not rule.block:
            return
        alike: dict[str, None] = {}
        for name in rule.fields:
            if record.get(name):
                alike |= {each["Id"]: None for each in table.living(name, str(record[name]))}
        alike.pop(record["Id"], None)
        if alike and actor.by_api:
            raise detected(table.type, list(alike)[:5], actor, block=rule.block)


def detected(kind: ObjectType, ids: list[str], actor: Actor, *, block: bool) -> RowRefused:
    """DUPLICATES_DETECTED with the records that look alike."""
    url = f"/services/data/v{actor.version}/sobjects/{kind.name}/"
    message = "Use one of these records?"
    records = [
        {"additionalInformation": [], "fieldDiffs": [], "matchConfidence": 100.0,
         "record": {"attributes": {"type": kind.name, "url": url + each}, "Id": each}} for each in ids
    ]  # fmt: skip
    match = {
        "entityType": kind.name, "errors": [], "matchEngine": "FuzzyMatchEngine", "matchRecords": records,
        "rule": f"Standard_{kind.name}_Match_Rule_v1_0", "size": len(ids), "success": True,
    }  # fmt: skip
    result = {
        "allowSave": not block, "duplicateRule": f"Standard_{kind.name}_Duplicate_Rule",
        "duplicateRuleEntityType": kind.name, "errorMessage": message, "matchResults": [match],
    }  # fmt: skip
    return RowRefused("DUPLICATES_DETECTED", message, [], {"duplicateResult": result})


def _check_unique(table: Table, name: str, value: str, own_id: str) -> None:
    for other in table.living(name, value):
        if other["Id"] != own_id:
            message = f"duplicate value found: {name} duplicates value on record with id: {other['Id']}"
            raise RowRefused("DUPLICATE_VALUE", message, [name])
