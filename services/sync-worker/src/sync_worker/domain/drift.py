"""Whether a CRM's fields are still what a connection's mapping takes them for. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hub.contracts.pulling import FieldSpec

Kind = Literal["field_vanished", "unknown_choice", "type_changed", "not_writable"]
Seen = Mapping[str, Mapping[str, Any]]  # name → what ``shown`` makes of a field


@dataclass(frozen=True, slots=True)
class Drift:
    """One thing that an operator should look at."""

    field: str  # the CRM's
    kind: Kind
    detail: str


def shown(fields: Sequence[FieldSpec]) -> dict[str, dict[str, Any]]:
    """Fields as they are kept and shown."""
    return {
        field.name: {
            "label": field.label,
            "type": field.type,
            "writable": field.writable,
            "required": field.required,
            "custom": field.custom,
            "choices": list(field.choices),
            "restricted": field.restricted,
        }
        for field in fields
    }


def drifts(
    now: Seen, before: Seen | None, mapped: Mapping[str, str], tables: Mapping[str, Mapping[str, Any]]
) -> list[Drift]:
    """What is wrong.

    ``mapped``: the CRM's field → the hub's; ``tables``: the hub's field → (the hub's value → the CRM's). A mapped
    field that the CRM never had is no alarm, unless somebody configured it: only what was there can vanish.
    """
    found: list[Drift] = []
    for remote, register in sorted(mapped.items()):
        field = now.get(remote)
        if field is None:
            if before is not None and remote in before:
                found.append(Drift(remote, "field_vanished", f"the CRM has no field {remote} any more ({register})"))
            continue
        if before is not None and remote in before and before[remote].get("type") != field["type"]:
            was = before[remote].get("type")
            found.append(Drift(remote, "type_changed", f"{remote} was {was} and is {field['type']} now"))
        if not field["writable"]:
            found.append(Drift(remote, "not_writable", f"{remote} ({register}) cannot be written"))
        found += _choices(remote, field, tables.get(register, {}))
    return found


def _choices(remote: str, field: Mapping[str, Any], table: Mapping[str, Any]) -> list[Drift]:
    if not field["restricted"] or not field["choices"]:
        return []
    known = {str(choice).casefold() for choice in field["choices"]}
    unknown = sorted({str(value) for value in table.values() if str(value).casefold() not in known})
    return [Drift(remote, "unknown_choice", f"{remote} has no choice {value!r}") for value in unknown]
