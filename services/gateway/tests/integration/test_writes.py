"""Internal systems write: leads, enrolments; and what became of it."""

import asyncio
from typing import Any

from gateway.web import models_out as told
from hub.contracts.events import ENROLLMENT_RECEIVED, LEAD_RECEIVED
from hub.contracts.ids import new_id
from hub.contracts.records import MAX_RECORD_BYTES


async def send(hub: Any, method: str, address: str, body: Any, **headers: str) -> tuple[int, Any]:
    async with hub.client.request(method, address, json=body, headers=headers) as answer:
        return answer.status, await answer.json()


async def add_lead(hub: Any, lead_id: int = 5) -> None:
    await hub.pool.execute(
        "INSERT INTO leads.lead (account_id, id, version, fields, clocks, created_at, updated_at)"
        """ VALUES ($1, $2, 1, '{"first_name": "Jane"}', '{}', now(), now())""",
        hub.account_id,
        lead_id,
    )


async def settle(hub: Any, event_id: str, outcome: str, lead_id: int | None) -> None:
    """What the transformer writes when it is done with an event."""
    await hub.pool.execute(
        "INSERT INTO leads.inbox (account_id, event_id, outcome, lead_id) VALUES ($1, $2, $3, $4)",
        hub.account_id,
        event_id,
        outcome,
        lead_id,
    )


async def test_a_lead_is_durable_when_it_is_answered(hub: Any) -> None:
    status, body = await send(hub, "POST", "/api/v1/leads", {"firstName": "Jane", "email": "jane@example.com"})
    assert status == 202
    accepted = told.Accepted.model_validate(body)
    (event,) = await hub.received(1, LEAD_RECEIVED)
    assert event.id == accepted.event_id
    assert event.data["fields"] == {"first_name": "Jane", "email": "jane@example.com"}
    assert event.data["origin"]["kind"] == "api"
    status, body = await send(hub, "GET", accepted.links["event"], None)
    assert (status, body["status"]) == (200, "pending")
    await add_lead(hub)
    await settle(hub, event.id, "created", 5)
    _, body = await send(hub, "GET", accepted.links["event"], None)
    assert told.EventAnswer.model_validate(body).lead_id == 5


async def test_waiting_for_the_outcome(hub: Any) -> None:
    await add_lead(hub)
    await hub.pool.execute("UPDATE leads.lead SET version = 2")

    async def transform() -> None:
        (event,) = await hub.received(1, LEAD_RECEIVED)
        assert (event.data["lead_id"], event.subject) == (5, "lead/5")
        await settle(hub, event.id, "updated", 5)

    work = asyncio.create_task(transform())
    status, body = await send(hub, "PATCH", "/api/v1/leads/MPP-5", {"city": "Ulm"}, Prefer="respond-async, wait=5")
    await work
    assert (status, body["external_id"], body["version"]) == (200, "MPP-5", 2)
    told.LeadDetail.model_validate(body)


async def test_waiting_for_a_refusal_tells_why(hub: Any) -> None:
    async def transform() -> None:
        (event,) = await hub.received(1, LEAD_RECEIVED)
        await settle(hub, event.id, "rejected", None)
        await asyncio.sleep(0.1)
        await hub.pool.execute(
            "INSERT INTO audit.entry (account_id, event_id, event, at, actor, action, fields_changed, subject,"
            " causation_id, details) VALUES ($1, $2, 'lead.rejected', now(), 'a', 'skip', '{}', 'lead/new', $3,"
            """ '{"code": "INVALID_EMAIL", "message": "no", "field": "email"}')""",
            hub.account_id,
            new_id(),
            event.id,
        )

    work = asyncio.create_task(transform())
    status, body = await send(hub, "POST", "/api/v1/leads", {"email": "nobody"}, Prefer="wait=5")
    await work
    assert (status, body["error"]["code"], body["error"]["details"]["field"]) == (422, "INVALID_EMAIL", "email")


async def test_nobody_transforms_and_the_wait_ends(hub: Any) -> None:
    status, body = await send(hub, "POST", "/api/v1/leads", {"email": "a@example.com"}, Prefer="wait=1")
    assert (status, body["status"]) == (202, "accepted")


async def test_an_enrolment(hub: Any) -> None:
    await add_lead(hub)
    given = {"lead_id": "MPP-5", "plan": "Gold PPO", "premium": 412.5, "details": {"a": [1]}, "agent_id": "agent1"}
    status, body = await send(hub, "POST", "/api/v1/enrollments", given)
    assert status == 202
    told.EnrollmentAccepted.model_validate(body)
    (event,) = await hub.received(1, ENROLLMENT_RECEIVED)
    assert event.data["enrollment_id"] == body["enrollment_id"]
    assert (event.data["lead_id"], event.data["plan"], event.data["premium"]) == (5, "Gold PPO", 412.5)
    assert event.data["actor"]["user"] == "agent1"


async def test_leads_that_do_not_exist(hub: Any) -> None:
    assert (await send(hub, "PATCH", "/api/v1/leads/99", {"city": "Ulm"}))[0] == 404
    assert (await send(hub, "POST", "/api/v1/enrollments", {"lead_id": 99, "plan": "Gold"}))[0] == 404
    assert hub.events == []


async def test_a_record_that_would_not_fit_into_the_events_it_causes_is_refused(hub: Any) -> None:
    await add_lead(hub)
    large: dict[str, Any] = {
        "email": "a@example.com",
        "custom_fields": {f"field {number}": "x" * 3900 for number in range(17)},
    }
    for method, address in (("POST", "/api/v1/leads"), ("PATCH", "/api/v1/leads/5")):
        status, body = await send(hub, method, address, large)
        assert (status, body["error"]["code"]) == (413, "RECORD_TOO_LARGE")
        assert body["error"]["details"]["limit"] == MAX_RECORD_BYTES < body["error"]["details"]["size"]
    fitting = {"external_id": "small", "custom_fields": dict(list(large["custom_fields"].items())[:15])}
    assert (await send(hub, "POST", "/api/v1/leads", fitting))[0] == 202
    leads = [fitting, large | {"external_id": "large"}]
    status, body = await send(hub, "POST", "/api/v1/external/leads/import", {"source": "x", "leads": leads})
    assert (status, body["rejected"]) == (202, 1)
    (error,) = body["errors"]
    assert (error["index"], error["code"], error["external_id"]) == (1, "RECORD_TOO_LARGE", "large")
