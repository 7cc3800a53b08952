"""Every event type, once: its name, who says it, and the shape of its data.

Past tense, versioned, additive only. Each has a golden JSON file in ``shared/tests/golden/``.
"""

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from hub.contracts.records import Key, Lead, LeadFields, Short

LEAD_RECEIVED = "mpp.lead.received.v1"
CRM_RECORD_RECEIVED = "mpp.crm.record_received.v1"
ENROLLMENT_RECEIVED = "mpp.enrollment.received.v1"
IMPORT_ACCEPTED = "mpp.import.accepted.v1"
LEAD_CREATED = "mpp.lead.created.v1"
LEAD_UPDATED = "mpp.lead.updated.v1"
LEAD_REJECTED = "mpp.lead.rejected.v1"
ENROLLMENT_COMPLETED = "mpp.enrollment.completed.v1"
LEAD_SYNCED = "mpp.lead.synced.v1"
LEAD_SYNC_FAILED = "mpp.lead.sync_failed.v1"
LEAD_UNLINKED = "mpp.lead.unlinked.v1"
CRM_RECORD_CHANGED = "mpp.crm.record_changed.v1"
CONNECTION_CONNECTED = "mpp.connection.connected.v1"
CONNECTION_SYNC_REQUESTED = "mpp.connection.sync_requested.v1"
SYNC_FINISHED = "mpp.sync.finished.v1"


class _Data(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Actor(_Data):
    """Who caused it: a person, an API key or a CRM, and from where."""

    user: Short
    ip_address: Short | None = None


class Origin(_Data):
    """Where a record came from. ``source`` names the system; the pair (kind, source) is the clock's owner."""

    kind: Literal["import", "api", "bus", "crm"]
    source: Key
    import_id: str | None = None
    index: int | None = Field(default=None, description="Position in the import, from 0 (JSON) or by line (files).")
    connection_id: int | None = None


class LeadReceived(_Data):
    """Somebody told the hub about a lead. With ``lead_id`` it is an edit of that lead."""

    origin: Origin
    actor: Actor
    external_id: Key | None = None
    lead_id: int | None = None
    fields: LeadFields
    observed_at: str | None = Field(default=None, description="When the values were written at their source, RFC 3339.")


class CrmRecordReceived(_Data):
    """A CRM's record as the vendor shapes it; the connector's mapping turns it into lead fields."""

    connection_id: int
    crm_type: str
    event: str = Field(
        description="What the CRM says happened: lead.created, lead.updated, lead.deleted or lead.merged."
    )
    record_id: Key
    record: dict[str, Any] = Field(description="All of its fields, or those that changed.")
    observed_at: str | None = None
    actor: Actor
    merged_into: Key | None = Field(default=None, description="lead.merged: the record that it lives on in.")


class CrmRecordChanged(_Data):
    """A CRM told that a record changed, but not (all of) what it is now: it has to be read."""

    connection_id: int
    crm_type: str
    record_id: Key
    observed_at: str | None = None
    actor: Actor


class EnrollmentReceived(_Data):
    """An agent completed an enrolment for a lead."""

    enrollment_id: str
    lead_id: int
    plan: Short
    effective_date: Short | None = None
    premium: float | None = None
    details: dict[str, Any] = {}
    actor: Actor


class ImportAccepted(_Data):
    """An import was read to its end and is durable."""

    import_id: str
    source: str
    accepted: int
    rejected: int
    actor: Actor


class Change(_Data):
    """One field's change; ``from`` is the value that lost."""

    field: str
    from_: Any = Field(default=None, alias="from")
    to: Any = None


class LeadCreated(_Data):
    """A golden lead came to be."""

    lead: Lead
    fields_changed: list[str]
    origin: Origin
    actor: Actor


class LeadUpdated(LeadCreated):
    """A golden lead changed."""

    changes: list[Change]


class LeadRejected(_Data):
    """A record that was received could not become a lead; it was skipped and is listed."""

    origin: Origin
    actor: Actor
    external_id: str | None = None
    code: str
    message: str
    field: str | None = None


class EnrollmentCompleted(_Data):
    """An enrolment is stored and the lead's status is ``enrolled``."""

    enrollment_id: str
    lead: Lead
    plan: str
    effective_date: str | None = None
    premium: float | None = None
    details: dict[str, Any] = {}
    actor: Actor


class LeadSynced(_Data):
    """A CRM has the lead's current values."""

    lead_id: int
    connection_id: int
    crm_type: str
    external_id: str = Field(description="The record's id in the CRM.")
    version: int = Field(description="The lead's version that the CRM has now.")
    action: Literal["create", "update", "link"]
    fields_changed: list[str]
    base: dict[str, Any] = Field(description="Registers the CRM now holds, as the hub sent or saw them.")
    duration_ms: float
    actor: Actor = Actor(user="system")


class LeadSyncFailed(_Data):
    """A CRM refused the record, or attempts ran out; it is listed and can be re-driven."""

    lead_id: int
    connection_id: int
    crm_type: str
    version: int
    code: str
    message: str
    details: dict[str, Any] = {}
    attempts: int
    actor: Actor = Actor(user="system")


class LeadUnlinked(_Data):
    """A CRM has no record of the lead any more."""

    lead_id: int
    connection_id: int
    crm_type: str
    external_id: str = Field(description="The record that is gone.")
    reason: Literal["deleted", "merged"]
    merged_into: str | None = Field(default=None, description="The record that it lives on in.")
    archived: bool = Field(description="Nobody else holds the lead: it is archived.")
    actor: Actor


class SyncFinished(_Data):
    """A reading of a CRM came to its end."""

    connection_id: int
    crm_type: str
    run_id: str
    kind: Literal["scheduled", "on_demand", "backfill"]
    mode: Literal["full", "changes"]
    outcome: Literal["done", "failed", "cancelled"]
    records: int
    deleted: int
    duration_ms: float
    code: str | None = None
    message: str | None = None
    actor: Actor = Actor(user="system")


class ConnectionSyncRequested(_Data):
    """Somebody wants a CRM read now; the run is stored."""

    connection_id: int
    crm_type: str
    run_id: str
    actor: Actor


class ConnectionConnected(_Data):
    """An account's CRM is connected; leads may flow."""

    connection_id: int
    crm_type: str
    actor: Actor
    spent: dict[str, int] = Field(
        default={}, description="Units of the CRM's quota that testing the connection took just now, by window."
    )


DataModel = type[BaseModel]  # within EventType, "type" is the event's


@dataclass(frozen=True, slots=True)
class EventType:
    """One line of the catalogue."""

    type: str
    data: DataModel
    published_by: tuple[str, ...]


CATALOGUE: dict[str, EventType] = {
    spec.type: spec
    for spec in (
        EventType(LEAD_RECEIVED, LeadReceived, ("gateway", "internal systems")),
        EventType(CRM_RECORD_RECEIVED, CrmRecordReceived, ("gateway", "sync-worker")),
        EventType(ENROLLMENT_RECEIVED, EnrollmentReceived, ("gateway", "internal systems")),
        EventType(IMPORT_ACCEPTED, ImportAccepted, ("gateway",)),
        EventType(LEAD_CREATED, LeadCreated, ("transformer",)),
        EventType(LEAD_UPDATED, LeadUpdated, ("transformer",)),
        EventType(LEAD_REJECTED, LeadRejected, ("transformer",)),
        EventType(ENROLLMENT_COMPLETED, EnrollmentCompleted, ("transformer",)),
        EventType(LEAD_SYNCED, LeadSynced, ("sync-worker",)),
        EventType(LEAD_SYNC_FAILED, LeadSyncFailed, ("sync-worker",)),
        EventType(LEAD_UNLINKED, LeadUnlinked, ("transformer",)),
        EventType(CRM_RECORD_CHANGED, CrmRecordChanged, ("gateway",)),
        EventType(CONNECTION_SYNC_REQUESTED, ConnectionSyncRequested, ("gateway", "hubctl")),
        EventType(SYNC_FINISHED, SyncFinished, ("sync-worker",)),
        EventType(CONNECTION_CONNECTED, ConnectionConnected, ("gateway", "hubctl")),
    )
}
