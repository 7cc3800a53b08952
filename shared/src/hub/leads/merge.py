"""Merging writes into a lead: commutative, associative and idempotent over (value, clock) pairs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hub.leads.clocks import NEVER, Clock, wins

Registers = dict[str, Any]
Clocks = dict[str, Clock]
# Register -> (old value, new value, rule that decided). Of a first version only ``*`` -> (register -> value): where
# there was nothing, every one is from null, by the rule ``created``. History stores it in this form.
Changes = dict[str, Any]
ALL = "*"
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


def first_version(defaults: Registers, writes: Registers, clock: Clock) -> Merged:
    """A lead that did not exist: what ``merge`` would make of nothing, without comparing.

    Its fields are ``writes`` itself where that has all there is to say.
    """
    values = writes
    if None in writes.values():
        values = {name: value for name, value in writes.items() if value is not None}
    fields = values if defaults.keys() <= values.keys() else {**defaults, **values}
    return Merged(fields, dict.fromkeys(writes, clock), {ALL: values} if values else {}, True)


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
            changes[name] = (old, value, LAST_WRITE_WINS)
        if value is None:
            new_fields.pop(name, None)
        else:
            new_fields[name] = value
    return Merged(new_fields, new_clocks, changes, advanced)


def spelled_out(changes: Changes) -> dict[str, tuple[Any, Any, str]]:
    """Register -> (old value, new value, rule), of a first version too."""
    if ALL in changes:
        return {name: (None, value, CREATED) for name, value in changes[ALL].items()}
    return {name: (old, new, rule) for name, (old, new, rule) in changes.items()}


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
