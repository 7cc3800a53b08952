"""Events that the gateway publishes, from checked input."""

from typing import Any

from gateway.domain.records import Record
from hub.contracts.cloudevents import Event
from hub.contracts.events import (
    CONNECTION_CONNECTED,
    CONNECTION_SYNC_REQUESTED,
    ENROLLMENT_RECEIVED,
    IMPORT_ACCEPTED,
    LEAD_RECEIVED,
    SYNC_FINISHED,
)

SOURCE = "gateway"
Actor = dict[str, str]


def lead_data(record: Record, origin: dict[str, Any], actor: Actor, lead_id: int | None = None) -> dict[str, Any]:
    """``LeadReceived`` as plain JSON; what was not said is left out."""
    data: dict[str, Any] = {"origin": origin, "actor": actor, "fields": record.fields}
    if record.external_id is not None:
        data["external_id"] = record.external_id
    if record.observed_at is not None:
        data["observed_at"] = record.observed_at
    if lead_id is not None:
        data["lead_id"] = lead_id
    return data


def lead_received(account_id: int, subject: str, data: dict[str, Any], traceparent: str | None) -> Event:
    """Somebody told the hub about a lead."""
    return Event(LEAD_RECEIVED, account_id, subject, data, SOURCE, traceparent=traceparent)


def enrollment_received(account_id: int, data: dict[str, Any], traceparent: str | None) -> Event:
    """An agent completed an enrolment."""
    return Event(ENROLLMENT_RECEIVED, account_id, f"lead/{data['lead_id']}", data, SOURCE, traceparent=traceparent)


def import_accepted(account_id: int, data: dict[str, Any], traceparent: str | None) -> Event:
    """An import was read to its end and is durable."""
    return Event(IMPORT_ACCEPTED, account_id, f"import/{data['import_id']}", data, SOURCE, traceparent=traceparent)


def connection_connected(account_id: int, data: dict[str, Any], traceparent: str | None) -> Event:
    """A CRM is connected: leads may flow."""
    return _of_connection(CONNECTION_CONNECTED, account_id, data, traceparent)


def sync_requested(account_id: int, data: dict[str, Any], traceparent: str | None) -> Event:
    """Somebody wants a CRM read now."""
    return _of_connection(CONNECTION_SYNC_REQUESTED, account_id, data, traceparent)


def sync_finished(account_id: int, data: dict[str, Any], traceparent: str | None) -> Event:
    """A reading was ended from here, before its end."""
    return _of_connection(SYNC_FINISHED, account_id, data, traceparent)


def _of_connection(kind: str, account_id: int, data: dict[str, Any], traceparent: str | None) -> Event:
    return Event(kind, account_id, f"connection/{data['connection_id']}", data, SOURCE, traceparent=traceparent)
