"""Merging writes into a lead: commutative, associative and idempotent over (value, clock) pairs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hub.leads.clocks import NEVER, Clock, wins

Registers = dict[str, Any]
Clocks = dict[str, Clock]
RULE = "last_write_wins"
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One register that took a new value."""

    field: str
    old: Any
    new: Any


@dataclass(frozen=True, slots=True)
class Merged:
    """The outcome of a merge. ``advanced`` says that clocks moved, even where no value changed."""

    fields: Registers
    clocks: Clocks
    changes: list[FieldChange]
    advanced: bool


def merge(fields: Mapping[str, Any], clocks: Mapping[str, Clock], writes: Mapping[str, Any], clock: Clock) -> Merged:
    """Apply ``writes``, all made at ``clock``, to a lead. The arguments are left as they are.

    A register written ``None`` is cleared; its clock stays, so that an older value cannot come back.
    """
    new_fields, new_clocks = dict(fields), dict(clocks)
    changes: list[FieldChange] = []
    advanced = False
    for name, value in writes.items():
        old_clock, old = clocks.get(name, NEVER), fields.get(name)
        if not wins(clock, value, (old_clock[0], old_clock[1]), old):
            continue
        new_clocks[name] = clock
        advanced = True
        if value != old or type(value) is not type(old):
            changes.append(FieldChange(name, old, value))
        if value is None:
            new_fields.pop(name, None)
        else:
            new_fields[name] = value
    return Merged(new_fields, new_clocks, changes, advanced)


def remote_changes(incoming: Mapping[str, Any], known: Mapping[str, Any], sending: Mapping[str, Any]) -> Registers:
    """The registers of a source's record that somebody changed there.

    ``known`` is what the source held when we last saw or wrote it; ``sending`` is what we are writing to it right
    now. A value equal to either is no change, or the echo of our own write.
    """
    return {
        name: value
        for name, value in incoming.items()
        if value != known.get(name, _ABSENT if value is not None else None)
        and (name not in sending or value != sending[name])
    }
