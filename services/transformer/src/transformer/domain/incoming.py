"""What an event asks of a lead, in one shape whatever the event was."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from hub.contracts.cloudevents import Event
from hub.contracts.connector import FieldMap
from hub.leads.clocks import Clock
from hub.leads.normalise import Doubt

Kind = Literal["write", "enrollment", "synced", "gone"]


@dataclass(slots=True)
class Incoming:
    """One event, translated: whose lead it may be, and what it writes."""

    event: Event
    account_id: int
    kind: Kind
    owner: str
    clock: Clock  # when its values were written at their source
    timed: bool  # whether the source said so itself, or we take the moment of hearing for it
    fields: dict[str, Any]
    origin: dict[str, Any]
    actor: dict[str, Any]
    external_id: str | None = None
    lead_id: int | None = None
    must_exist: bool = False
    connection_id: int | None = None
    merged_into: str | None = None  # of a record that is gone: the one that it lives on in
    email: str | None = None
    phone: str | None = None
    doubts: tuple[Doubt, ...] = ()

    @property
    def moment(self) -> float:
        """When the source held these values, seconds since 1970."""
        return self.clock[0] / 1e6

    @property
    def import_id(self) -> str | None:
        """The import that the record belongs to, if any."""
        return self.origin.get("import_id")


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that cannot become a lead, and why. It is skipped and listed, never retried."""

    event: Event
    code: str
    message: str
    origin: dict[str, Any]
    actor: dict[str, Any]
    external_id: str | None = None
    field: str | None = None


def rejection(item: Incoming, code: str, message: str) -> Rejected:
    """Why this record, read well enough, cannot become a lead."""
    return Rejected(item.event, code, message, item.origin, item.actor, item.external_id)


@dataclass(frozen=True, slots=True)
class Context:
    """What translation needs to know of accounts and connections; read before, so that translation is pure."""

    regions: Mapping[int, str] = field(default_factory=dict)
    field_maps: Mapping[tuple[int, int], FieldMap] = field(default_factory=dict)  # by (account, connection)
    now: int = 2**62  # microseconds since 1970


Translate = Callable[[Event, Context], Incoming | Rejected]
