"""What subscribers see of an event: the lead and what happened to it, nothing of the hub's inside."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

from hub.contracts import events as e
from hub.contracts.cloudevents import Event
from hub.contracts.topology import WEBHOOK_DISPATCHER
from webhook_dispatcher.domain.payload import PUBLIC_EVENTS, Undeliverable, payload_of

LEAD = {"id": 7, "external_id": "MPP-7", "version": 3, "email": "ann@example.com", "custom_fields": {"tier": "gold"}}
CHANGE = {"field": "email", "from": None, "to": "ann@example.com", "rule": "newest"}
ACTOR = {"user": "key a", "ip_address": "10.0.0.9"}
ORIGIN = {"kind": "crm", "source": "custom", "connection_id": 4, "import_id": "i-1"}


def lead_event(event_type: str = e.LEAD_UPDATED, **data: Any) -> Event:
    told = {"lead": LEAD, "fields_changed": ["email"], "changes": [CHANGE], "actor": ACTOR, "origin": ORIGIN}
    return Event(
        type=event_type,
        account_id=3,
        subject="lead/7",
        source="transformer",
        id="019a0000-0000-7000-8000-000000000001",
        time="2026-01-10T10:30:00.000000Z",
        data=told | data,
        traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01",
    )


def body_of(event: Event) -> dict[str, Any]:
    body: dict[str, Any] = orjson.loads(payload_of(event).body)
    return body


def test_an_update_shows_the_lead_and_its_changes() -> None:
    assert body_of(lead_event()) == {
        "event": "lead.updated",
        "id": "019a0000-0000-7000-8000-000000000001",
        "timestamp": "2026-01-10T10:30:00.000000Z",
        "data": {
            **LEAD,
            "fields_changed": ["email"],
            "origin": {"kind": "crm", "source": "custom"},
            "changes": [{"field": "email", "from": None, "to": "ann@example.com"}],
        },
    }


def test_a_creation_shows_the_lead() -> None:
    body = body_of(lead_event(e.LEAD_CREATED))
    assert body["event"] == "lead.created"
    assert body["data"] == {**LEAD, "fields_changed": ["email"], "origin": {"kind": "crm", "source": "custom"}}


def test_an_enrolment_shows_the_lead_and_the_plan() -> None:
    terms = {"plan": "gold", "premium": 99.5, "effective_date": "2026-02-01", "details": {"a": 1}}
    data = {"lead": LEAD, "actor": ACTOR, "enrollment_id": "en-1"} | terms
    body = body_of(replace(lead_event(e.ENROLLMENT_COMPLETED), data=data))
    assert body["event"] == "enrollment.completed"
    assert body["data"] == {**LEAD, "enrollment": {"id": "en-1"} | terms}


def test_neither_actors_nor_addresses_go_out() -> None:
    body = payload_of(lead_event()).body
    for inside in (b"10.0.0.9", b"key a", b"i-1", b"connection_id"):
        assert inside not in body


def test_every_event_of_the_queue_is_public() -> None:
    assert set(PUBLIC_EVENTS) == set(WEBHOOK_DISPATCHER.binds)


@pytest.mark.parametrize(
    "event",
    [
        lead_event(lead=None),
        lead_event(changes="none"),
        lead_event(changes=[{"from": 1}]),
        replace(lead_event(), data={}),
        replace(lead_event(), id="7"),
        replace(lead_event(e.ENROLLMENT_COMPLETED), data={"lead": LEAD}),
    ],
)
def test_what_is_not_what_its_type_promises_is_undeliverable(event: Event) -> None:
    with pytest.raises(Undeliverable):
        payload_of(event)
