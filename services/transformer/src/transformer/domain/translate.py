"""From events to what they ask of a lead: one function per event type, listed in ``transformer.handlers``."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from hub.contracts import events as e
from hub.contracts.cloudevents import Event
from hub.contracts.errors import Invalid
from hub.contracts.records import CUSTOM_PREFIX
from hub.leads.clocks import Clock, micros
from hub.leads.normalise import Doubt, normalise
from transformer.domain.incoming import Context, Incoming, Rejected

_GONE = frozenset({"lead.deleted", "lead.merged"})
_TRUSTED_SOURCES = frozenset({"gateway", "sync-worker"})  # they validated the record with the same model already


# Machines' clocks differ; but a time beyond this would win over every edit until it comes.
_AHEAD = 300_000_000  # microseconds
_BEGINNING = -62_135_596_800_000_000  # of year 1 in UTC; a zone may put a valid text before it, and no table holds that


def canonical(event: Event) -> Event:
    """The event with its id as PostgreSQL writes it, so that a repetition is known. Raises Invalid: it is no UUID."""
    if event.source in _TRUSTED_SOURCES:
        return event
    try:
        return replace(event, id=str(UUID(event.id)))
    except ValueError:
        raise Invalid("the event's id is not a UUID", field="id") from None


def lead_received(event: Event, context: Context) -> Incoming:
    """A record by import, API or bus. Raises Invalid when an outside publisher broke the contract."""
    data = event.data if event.source in _TRUSTED_SOURCES else _validated(event)
    origin, actor, external_id = data["origin"], data["actor"], data.get("external_id")
    lead_id = data.get("lead_id")
    return _record(
        event,
        context,
        owner=f"{origin['kind']}/{origin['source']}",
        registers=_flat(data["fields"]),
        observed_at=data.get("observed_at"),
        origin=origin,
        actor=actor,
        external_id=external_id,
        lead_id=lead_id,
        must_exist=lead_id is not None,
    )


def crm_record_received(event: Event, context: Context) -> Incoming | Rejected:
    """A CRM's own record: its connector's mapping says what it means."""
    data = event.data
    connection_id: int = data["connection_id"]
    origin = {"kind": "crm", "source": data["crm_type"], "connection_id": connection_id}
    actor, record_id = data["actor"], data["record_id"]
    if data["event"] in _GONE:
        return _gone(event, context, origin)
    field_map = context.field_maps.get((event.account_id, connection_id))
    if field_map is None:
        return Rejected(event, "UNKNOWN_CONNECTION", "the connection is gone", origin, actor, record_id)
    mapped = field_map.inbound(data["record"])
    incoming = _record(
        event,
        context,
        owner=f"crm/{connection_id}",
        registers=mapped.registers,
        observed_at=data.get("observed_at"),
        origin=origin,
        actor=actor,
        external_id=record_id,
        lead_id=mapped.lead_id,
        connection_id=connection_id,
    )
    incoming.doubts += tuple(Doubt(problem.field, problem.code, problem.message) for problem in mapped.problems)
    return incoming


def _gone(event: Event, context: Context, origin: dict[str, Any]) -> Incoming:
    data, owner = event.data, f"crm/{origin['connection_id']}"
    observed_at = data.get("observed_at")
    return Incoming(
        event=event,
        account_id=event.account_id,
        kind="gone",
        owner=owner,
        clock=_clock(_heard(event, context), observed_at, owner),
        timed=observed_at is not None,
        fields={},
        origin=origin,
        actor=data["actor"],
        external_id=data["record_id"],
        connection_id=origin["connection_id"],
        merged_into=data.get("merged_into"),
    )


def enrollment_received(event: Event, context: Context) -> Incoming:
    """An enrolment: the lead's status becomes ``enrolled``."""
    data = e.EnrollmentReceived.model_validate(event.data) if event.source not in _TRUSTED_SOURCES else None
    lead_id: int = data.lead_id if data else event.data["lead_id"]
    actor = event.data.get("actor") or {"user": event.source}
    owner = f"api/{event.source}"
    return Incoming(
        event=event,
        account_id=event.account_id,
        kind="enrollment",
        owner=owner,
        clock=(_heard(event, context), owner),
        timed=True,
        fields={"status": "enrolled"},
        origin={"kind": "api", "source": event.source},
        actor=actor,
        lead_id=lead_id,
        must_exist=True,
    )


def lead_synced(event: Event, context: Context) -> Incoming:
    """A CRM took the lead's values: remember which record it is there, and what it holds now."""
    data = event.data
    connection_id: int = data["connection_id"]
    owner = f"crm/{connection_id}"
    return Incoming(
        event=event,
        account_id=event.account_id,
        kind="synced",
        owner=owner,
        clock=(_heard(event, context), owner),
        timed=True,
        fields=data["base"],
        origin={"kind": "crm", "source": data["crm_type"], "connection_id": connection_id},
        actor=data.get("actor") or {"user": "system"},
        external_id=data["external_id"],
        lead_id=data["lead_id"],
        must_exist=True,
        connection_id=connection_id,
    )


def _record(
    event: Event,
    context: Context,
    *,
    owner: str,
    registers: dict[str, Any],
    observed_at: str | None,
    origin: dict[str, Any],
    actor: dict[str, Any],
    external_id: str | None,
    lead_id: int | None,
    must_exist: bool = False,
    connection_id: int | None = None,
) -> Incoming:
    normal = normalise(registers, context.regions.get(event.account_id, "US"))
    return Incoming(
        event=event,
        account_id=event.account_id,
        kind="write",
        owner=owner,
        clock=_clock(_heard(event, context), observed_at, owner),
        timed=observed_at is not None,
        fields=normal.fields,
        origin=origin,
        actor=actor,
        external_id=external_id,
        lead_id=lead_id,
        must_exist=must_exist,
        connection_id=connection_id,
        email=normal.email,
        phone=normal.phone,
        doubts=normal.doubts,
    )


def _validated(event: Event) -> dict[str, Any]:
    try:
        return e.LeadReceived.model_validate(event.data).model_dump(mode="json", exclude_unset=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Invalid(f"{place}: {first['msg']}", field=place) from error


def _flat(fields: dict[str, Any]) -> dict[str, Any]:
    custom = fields.get("custom_fields")
    if custom is None:
        return fields
    flat = fields | {CUSTOM_PREFIX + name: value for name, value in custom.items()}
    del flat["custom_fields"]
    return flat


def _heard(event: Event, context: Context) -> int:
    """When the event was made, as it says; an impossible time becomes now. Raises ValueError."""
    heard = micros(event.time)
    return context.now if heard > context.now + _AHEAD else max(heard, _BEGINNING)


def _clock(heard: int, observed_at: str | None, owner: str) -> Clock:
    """When the values were written: what the source says, but never later than when we heard of it."""
    if observed_at is None:
        return heard, owner
    try:
        return max(min(micros(observed_at), heard), _BEGINNING), owner
    except ValueError:
        return heard, owner
