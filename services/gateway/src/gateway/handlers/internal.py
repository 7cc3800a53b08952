"""What internal systems and agents write: leads and enrolments. Published durably, then answered."""

import asyncio
import re
from time import monotonic
from typing import Any
from uuid import UUID

from aiohttp import hdrs, web

from gateway.domain.problems import Code, Problem
from gateway.domain.receiving import enrollment_received, lead_data, lead_received
from gateway.domain.records import Record, read_record
from gateway.domain.uuid7 import ids_within
from gateway.gateway import Gateway
from gateway.handlers.places import lead_in_path, uuid_in_path
from gateway.web.answers import answer
from gateway.web.bodies import read_json
from gateway.web.models_in import EnrollmentBody
from gateway.web.routing import Call, refusal
from hub.contracts.cloudevents import Event, encode_event
from hub.contracts.errors import HubError, Invalid, NotFound, TooLarge
from hub.contracts.ids import new_id, rfc3339
from hub.contracts.records import MAX_RECORD_BYTES

_LEAD_LIMIT = 256_000
_LONGEST_WAIT = 10
_WAIT = re.compile(r"(?:^|[,;\s])wait=(\d{1,4})(?:$|[,;\s])")
_REFUSAL_SECONDS = 600


async def create_lead(gateway: Gateway, call: Call[None, None]) -> web.Response:
    """Tell the hub about a lead; it becomes a new one or is merged into the one it is."""
    record, source = await _lead_body(call, needs_identity=True)
    return await _publish_lead(gateway, call, record, source, None)


async def change_lead(gateway: Gateway, call: Call[None, None]) -> web.Response:
    """Change fields of a lead; null clears one."""
    lead_id = lead_in_path(call)
    record, source = await _lead_body(call, needs_identity=False)
    if not await gateway.leads.exists(call.account_id, lead_id):
        raise NotFound("There is no such lead")
    return await _publish_lead(gateway, call, record, source, lead_id)


async def complete_enrollment(gateway: Gateway, call: Call[None, EnrollmentBody]) -> web.Response:
    """Record that a lead enrolled."""
    body = call.body
    if not await gateway.leads.exists(call.account_id, body.lead_id):
        raise NotFound("There is no such lead", field="lead_id")
    data = {
        "enrollment_id": new_id(),
        "lead_id": body.lead_id,
        "plan": body.plan,
        "effective_date": body.effective_date,
        "premium": body.premium,
        "details": body.details,
        "actor": call.actor(body.agent_id),
    }
    event = enrollment_received(call.account_id, data, call.traceparent)
    await gateway.bus.publish(event)
    return answer({**_accepted(event), "enrollment_id": data["enrollment_id"]}, 202)


async def get_event(gateway: Gateway, call: Call[None, None]) -> web.Response:
    """What became of an event that an earlier answer named."""
    event_id = uuid_in_path(call, "event_id")
    outcome = await gateway.leads.outcome(call.account_id, event_id)
    body: dict[str, Any] = {"event_id": str(event_id), "status": "pending"}
    if outcome:
        body |= {"status": outcome.outcome, "lead_id": outcome.lead_id, "handled_at": rfc3339(outcome.handled_at)}
        if outcome.outcome == "rejected":
            body["reason"] = await _reason(gateway, call.account_id, event_id)
    return answer(body)


async def _lead_body(call: Call[Any, Any], *, needs_identity: bool) -> tuple[Record, str]:
    raw = await read_json(call.request, _LEAD_LIMIT)
    source: Any = raw.pop("origin_source", None) if isinstance(raw, dict) else None
    if source is not None and not (isinstance(source, str) and source.isprintable() and 0 < len(source.strip()) <= 255):
        raise refusal(Problem(Code.INVALID_VALUE, "A text of 1 to 255 characters", "origin_source"))
    record = read_record(raw, needs_identity=needs_identity)
    if isinstance(record, Problem):
        raise refusal(record)
    return record, source.strip() if source else call.key.name


async def _publish_lead(
    gateway: Gateway, call: Call[Any, Any], record: Record, source: str, lead_id: int | None
) -> web.Response:
    seconds = _seconds_to_wait(call.request)
    data = lead_data(record, {"kind": "api", "source": source}, call.actor(), lead_id)
    event = lead_received(call.account_id, f"lead/{lead_id}" if lead_id else "lead/new", data, call.traceparent)
    size = len(encode_event(event))
    if size > MAX_RECORD_BYTES:
        raise TooLarge(
            f"The record has more than {MAX_RECORD_BYTES} bytes",
            code=str(Code.RECORD_TOO_LARGE),
            limit=MAX_RECORD_BYTES,
            size=size,
        )
    await gateway.bus.publish(event)
    if seconds:
        answered = await _wait(gateway, call.account_id, event.id, seconds)
        if answered:
            return answered
    return answer(_accepted(event), 202, {hdrs.LOCATION: f"/api/v1/events/{event.id}"})


def _accepted(event: Event) -> dict[str, Any]:
    return {"event_id": event.id, "status": "accepted", "links": {"event": f"/api/v1/events/{event.id}"}}


def _seconds_to_wait(request: web.Request) -> int:
    # RFC 7240, section 4.3; a preference that cannot be met is no error.
    found = _WAIT.search(",".join(request.headers.getall("Prefer", [])).lower())
    return min(int(found.group(1)), _LONGEST_WAIT) if found else 0


async def _wait(gateway: Gateway, account_id: int, event_id: str, seconds: float) -> web.Response | None:
    """The lead, once the transformer is done with the event; None when that takes too long."""
    end, pause = monotonic() + seconds, 0.01
    while monotonic() < end:
        outcome = await gateway.leads.outcome(account_id, UUID(event_id))
        if outcome and outcome.outcome == "rejected":
            raise await _refused(gateway, account_id, event_id, end)
        if outcome and outcome.lead_id is not None:
            lead = await gateway.leads.get(account_id, outcome.lead_id)
            return answer(lead, 201 if outcome.outcome == "created" else 200, {"Preference-Applied": "wait"})
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 0.25)
    return None


async def _refused(gateway: Gateway, account_id: int, event_id: str, end: float) -> HubError:
    # The audit service writes the reason a moment after the outcome is there.
    end = min(end, monotonic() + 1)
    reason: dict[str, Any] | None = None
    while reason is None and monotonic() < end:
        reason = await _reason(gateway, account_id, UUID(event_id))
        if reason is None:
            await asyncio.sleep(0.05)
    told = reason or {}
    field: dict[str, Any] = {"field": told["field"]} if told.get("field") else {}
    return Invalid(told.get("message") or "The lead was refused", code=told.get("code"), event_id=event_id, **field)


async def _reason(gateway: Gateway, account_id: int, event_id: UUID) -> dict[str, Any] | None:
    return await gateway.leads.refusal(account_id, event_id, *ids_within(event_id, _REFUSAL_SECONDS))
