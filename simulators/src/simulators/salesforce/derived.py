"""Values that Salesforce works out itself when a record is saved."""

from collections.abc import Mapping
from typing import Any

from simulators.salesforce.errors import RowRefused
from simulators.salesforce.schema import ObjectType
from simulators.salesforce.standard import STAGES

_STAGES = {name: (float(probability), closed, won) for name, probability, closed, won in STAGES}


def completed(kind: ObjectType, record: dict[str, Any], changed: Mapping[str, Any]) -> dict[str, Any]:
    """The record with its names and stages set; without nulls. ``changed``: the fields just written."""
    if kind.field("LastName"):
        record["Name"] = " ".join(part for part in (record.get("FirstName"), record.get("LastName")) if part)
    if kind.name == "Opportunity" and ("StageName" in changed or "IsClosed" not in record):
        probability, closed, won = _STAGES.get(record.get("StageName") or "", (0.0, False, False))
        record.update(IsClosed=closed, IsWon=won)
        if changed.get("Probability") is None:
            record["Probability"] = probability
    return {name: value for name, value in record.items() if value is not None}


def defaults(kind: ObjectType) -> dict[str, Any]:
    """What a new record has unless told."""
    values: dict[str, Any] = {}
    for field in kind.fields.values():
        if field.type == "boolean":
            values[field.name] = False
        for choice in field.choices:
            if choice.default:
                values[field.name] = choice.value
    return values


def check_required(kind: ObjectType, record: Mapping[str, Any]) -> None:
    """Raises RowRefused when a field that a record cannot do without is null."""
    missing = [
        field.name
        for field in kind.fields.values()
        if field.required and (field.createable or field.updateable) and record.get(field.name) is None
    ]
    if missing:
        message = f"Required fields are missing: [{', '.join(missing)}]"
        raise RowRefused("REQUIRED_FIELD_MISSING", message, missing)
