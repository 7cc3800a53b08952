"""Fields of a custom CRM, as a page of its records shows them. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from hub.connectors.custom.paths import at
from hub.connectors.custom.wire import READ_ONLY, USUAL_MODIFIED, CustomConfig
from hub.contracts.pulling import FieldSpec
from hub.contracts.records import STANDARD_FIELDS


def described(rows: Sequence[Mapping[str, Any]], config: CustomConfig) -> list[FieldSpec]:
    """One line per name that occurs; a CRM without records shows none."""
    values: dict[str, Any] = {}
    for row in rows:
        fields = at(row, config.fields_path)
        for name, value in fields.items() if isinstance(fields, dict) else ():
            if values.get(name) is None:
                values[name] = value
    managed = READ_ONLY | set(USUAL_MODIFIED) | {config.id_path}
    return [
        FieldSpec(name, name, _type(value), name not in managed, custom=name not in STANDARD_FIELDS)
        for name, value in sorted(values.items())
    ]


def _type(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "other" if isinstance(value, dict | list) else "text"
