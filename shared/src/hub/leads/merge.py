"""Merging writes into a lead: commutative, associative and idempotent over (value, clock) pairs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hub.leads.clocks import NEVER, Clock, wins

Registers = dict[str, Any]
Clocks = dict[str, Clock]
# register -> [old value, new value, rule that decided]; the form in which history stores it
Changes = dict[str, list[Any]]
LAST_WRITE_WINS = "last_write_wins"
CREATED = "created"
_ABSENT = object()


@dataclass(slots=True)
class Merged:
    """The outcome of a merge. ``advanced`` says that clocks moved, even where no value changed."""

    fields: Registers
    clocks: Clocks
    changes: Changes
    advanced: bool


def first_version(defaults: Registers, writes: Mapping[str, Any], clock: Clock) -> Merged:
    """A lead that did not exist: what ``merge`` would make of nothing, without comparing."""
    values = writes
    if None in writes.values():
        values = {name: value for name, value in writes.items() if value is not None}
    changes = {name: [None, value, CREATED] for name, value in values.items()}
    return Merged({**defaults, **values}, dict.fromkeys(writes, clock), changes, True)


def merge(fields: Mapping[str, Any], clocks: Mapping[str, Clock], writes: Mapping[str, Any], clock: Clock) -> Merged:
    """Apply ``writes``, all made at ``clock``, to a lead. The arguments are left as they are.

    A register written ``None`` is cleared; its clock stays, so that an older value cannot come back.
    """
    new_fields, new_clocks = dict(fields), dict(clocks)
    changes: Changes = {}
    advanced = False
    for name, value in writes.items():
        old_clock, old = clocks.get(name, NEVER), fields.get(name)
        if not wins(clock, value, old_clock, old):
            continue
        new_clocks[name] = clock
        advanced = True
        if value != old or type(value) is not type(old):
            changes[name] = [old, value, LAST_WRITE_WINS]
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
