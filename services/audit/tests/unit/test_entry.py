"""An event becomes one row in the design document's audit shape, and nothing personal gets into it."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

from audit.domain.describe import public_name, without_values
from audit.domain.entry import SYSTEM, Entry, Unrecordable, array_literal, entry_of
from hub.contracts import events as e
from hub.contracts.cloudevents import Event
from hub.contracts.topology import AUDIT

ACTOR = {"user": "agent123", "ip_address": "192.168.1.1"}
ORIGIN = {"kind": "import", "source": "salesforce", "import_id": "i-1", "index": 4}
LEAD = {"id": 7, "external_id": "MPP-7", "version": 3, "email": "john@example.com", "phone": "+12105550123"}

DATA: dict[str, dict[str, Any]] = {
    e.LEAD_CREATED: {"lead": LEAD, "fields_changed": ["email", "phone"], "origin": ORIGIN, "actor": ACTOR},
    e.LEAD_UPDATED: {
        "lead": LEAD,
        "fields_changed": ["status"],
        "changes": [{"field": "email", "from": None, "to": "john@example.com"}],
        "origin": {"kind": "crm", "source": "custom", "connection_id": 2},
        "actor": ACTOR,
    },
    e.LEAD_REJECTED: {
        "origin": ORIGIN,
        "actor": ACTOR,
        "code": "INVALID_EMAIL",
        "message": "john@example.com is not an e-mail address",
        "field": "email",
    },
    e.ENROLLMENT_COMPLETED: {"enrollment_id": "en-1", "lead": LEAD, "plan": "gold", "actor": ACTOR},
    e.LEAD_SYNCED: {
        "lead_id": 7,
        "connection_id": 2,
        "crm_type": "salesforce",
        "external_id": "SF-1",
        "version": 3,
        "action": "update",
        "fields_changed": ["status", "last_contact_date"],
        "base": {"email": "john@example.com"},
        "duration_ms": 12.5,
        "actor": ACTOR,
    },
    e.LEAD_SYNC_FAILED: {
        "lead_id": 7,
        "connection_id": 2,
        "crm_type": "salesforce",
        "version": 3,
        "code": "CRM_SYNC_FAILED",
        "message": "DUPLICATE_VALUE: john@example.com, +1 210 555 0123",
        "details": {"crm_error": "DUPLICATE_VALUE", "field": "Email", "attempted_value": "john@example.com"},
        "attempts": 1,
    },
    e.IMPORT_ACCEPTED: {"import_id": "i-1", "source": "salesforce", "accepted": 9, "rejected": 1, "actor": ACTOR},
    e.LEAD_UNLINKED: {
        "lead_id": 7,
        "connection_id": 2,
        "crm_type": "salesforce",
        "external_id": "SF-1",
        "reason": "deleted",
        "archived": True,
        "actor": ACTOR,
    },
    e.SYNC_FINISHED: {
        "connection_id": 2,
        "crm_type": "salesforce",
        "run_id": "r-1",
        "kind": "scheduled",
        "mode": "changes",
        "outcome": "failed",
        "records": 12,
        "deleted": 0,
        "duration_ms": 12.5,
        "code": "NOT_JSON",
        "message": "not JSON: john@example.com, +1 210 555 0123",
        "actor": ACTOR,
    },
    e.CONNECTION_SYNC_REQUESTED: {"connection_id": 2, "crm_type": "custom", "run_id": "r-1", "actor": ACTOR},
    e.CONNECTION_CONNECTED: {"connection_id": 2, "crm_type": "custom", "actor": ACTOR},
}


def event_of(event_type: str, data: dict[str, Any] | None = None, **changes: Any) -> Event:
    """An event of a type, with that type's example data unless told otherwise."""
    chosen = DATA[event_type] if data is None else data
    return replace(Event(type=event_type, account_id=1, subject="lead/7", data=chosen, source="test"), **changes)


def test_the_design_documents_example() -> None:
    entry = entry_of(event_of(e.LEAD_SYNCED, time="2025-01-10T10:30:00Z", causation_id="cause"))
    assert (entry.event, entry.at.isoformat()) == ("lead.synced", "2025-01-10T10:30:00+00:00")
    assert (entry.actor, entry.ip_address) == ("agent123", "192.168.1.1")
    assert (entry.crm, entry.action) == ("salesforce", "update")
    assert entry.fields_changed == '{"status","last_contact_date"}'
    assert (entry.subject, entry.causation_id) == ("lead/7", "cause")
    assert orjson.loads(entry.details) == {"connection_id": 2, "external_id": "SF-1", "version": 3, "duration_ms": 12.5}


@pytest.mark.parametrize("event_type", AUDIT.binds)
def test_every_event_the_queue_hears_has_an_entry_without_personal_data(event_type: str) -> None:
    entry = entry_of(event_of(event_type))
    assert entry.event == public_name(event_type)
    assert entry.action
    told = repr(entry)
    assert "john" not in told
    assert "555" not in told


@pytest.mark.parametrize(
    ("event_type", "action", "crm"),
    [
        (e.LEAD_CREATED, "create", "salesforce"),
        (e.LEAD_UPDATED, "update", "custom"),
        (e.LEAD_REJECTED, "skip", "salesforce"),
        (e.ENROLLMENT_COMPLETED, "enroll", None),
        (e.LEAD_SYNC_FAILED, "fail", "salesforce"),
        (e.IMPORT_ACCEPTED, "import", "salesforce"),
        (e.LEAD_UNLINKED, "unlink", "salesforce"),
        (e.SYNC_FINISHED, "pull", "salesforce"),
        (e.CONNECTION_SYNC_REQUESTED, "request_sync", "custom"),
        (e.CONNECTION_CONNECTED, "connect", "custom"),
    ],
)
def test_action_and_crm(event_type: str, action: str, crm: str | None) -> None:
    entry = entry_of(event_of(event_type))
    assert (entry.action, entry.crm) == (action, crm)


def test_a_change_by_an_internal_system_has_no_crm() -> None:
    entry = entry_of(event_of(e.LEAD_CREATED, DATA[e.LEAD_CREATED] | {"origin": {"kind": "api", "source": "portal"}}))
    assert entry.crm is None


def test_what_is_missing_is_tolerated() -> None:
    entry: Entry = entry_of(event_of(e.LEAD_CREATED, {}))
    assert (entry.actor, entry.crm, entry.fields_changed, entry.ip_address) == (SYSTEM, None, "{}", None)


def test_a_type_younger_than_this_service_is_recorded_by_its_name() -> None:
    entry = entry_of(event_of("mpp.lead.archived.v2", {"secret": "x"}))
    assert (entry.event, entry.action, entry.details) == ("lead.archived", "archived", b"{}")


@pytest.mark.parametrize(
    "event",
    [
        event_of(e.LEAD_CREATED, id="not-a-uuid"),
        event_of(e.LEAD_CREATED, time="yesterday"),
        event_of(e.LEAD_CREATED, time="2025-01-10T10:30:00"),
        event_of(e.LEAD_CREATED, time="0001-01-01T00:00:00+10:00"),
        event_of(e.LEAD_CREATED, id="0" * 8 + "-0000-0000-0000-" + "0" * 12 + "\n"),
        event_of(e.LEAD_CREATED, {"actor": "somebody"}),
        event_of(e.LEAD_CREATED, {"actor": {"user": 7}}),
        event_of(e.LEAD_CREATED, {"actor": {"user": "a\x00b"}}),
        event_of(e.LEAD_CREATED, {"fields_changed": [{"field": "email"}]}),
        event_of(e.LEAD_CREATED, {"fields_changed": ["a\x00b"]}),
        event_of(e.LEAD_CREATED, {"fields_changed": 7}),
        event_of(e.LEAD_CREATED, {"lead": [1]}),
        event_of(e.LEAD_SYNCED, {"connection_id": 2}),
        event_of(e.IMPORT_ACCEPTED, {"import_id": "a\x00b"}),
        event_of(e.LEAD_CREATED, subject="lead/\x00"),
    ],
)
def test_malformed_events_are_unrecordable(event: Event) -> None:
    with pytest.raises(Unrecordable):
        entry_of(event)


def test_field_names_of_any_shape_survive_the_array_literal() -> None:
    assert array_literal(('a"b', "c\\d", "e,f", "{g}", "")) == '{"a\\"b","c\\\\d","e,f","{g}",""}'


def test_error_texts_lose_addresses_and_numbers_but_keep_their_meaning() -> None:
    text = without_values('DUPLICATE_VALUE: "jane.roe@example.org" (tel. +1 (210) 555-0123) in object 42')
    assert text == 'DUPLICATE_VALUE: "…" (tel. …) in object 42'
