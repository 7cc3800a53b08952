"""Leads become deals and deals leads, as jobs that are asked about later."""

import uuid
from typing import Any

from simulators.pipedrive.crm import Actor, Crm
from simulators.pipedrive.errors import Refused, missing
from simulators.pipedrive.tables import Row


def not_found() -> Refused:
    """What the conversion endpoints say of an unknown record or job."""
    return missing("Entity was not found")


def lead_to_deal(crm: Crm, record_id: str, wish: dict[str, Any], actor: Actor) -> str:
    """Start the job; its id. The lead is deleted, the deal has its values. Raises Refused (404)."""
    lead = _found(crm, "lead", record_id)
    value: dict[str, Any] = lead["value"] or {}
    fields: dict[str, Any] = {
        "title": lead["title"], "owner_id": lead["owner_id"], "person_id": lead["person_id"],
        "org_id": lead["organization_id"], "value": value.get("amount", 0), "currency": value.get("currency", "USD"),
        "expected_close_date": lead["expected_close_date"], "custom_fields": lead["custom_fields"],
        **{name: wish[name] for name in ("stage_id", "pipeline_id") if name in wish},
    }  # fmt: skip
    deal = crm.create("deal", fields, actor)
    crm.delete("lead", record_id, actor)
    return _job(crm, "lead", record_id, {"deal_id": deal["id"]})


def deal_to_lead(crm: Crm, record_id: int, actor: Actor) -> str:
    """Start the job; its id. The deal is deleted. Raises Refused (404; 400 if it has nobody)."""
    deal = _found(crm, "deal", record_id)
    fields = {
        "title": deal["title"], "owner_id": deal["owner_id"], "person_id": deal["person_id"],
        "organization_id": deal["org_id"], "expected_close_date": deal["expected_close_date"],
        "value": {"amount": deal["value"], "currency": deal["currency"]} if deal["value"] else None,
        "custom_fields": deal["custom_fields"],
    }  # fmt: skip
    lead = crm.create("lead", fields, actor)
    crm.delete("deal", record_id, actor)
    return _job(crm, "deal", record_id, {"lead_id": lead["id"]})


def status(crm: Crm, kind: str, record_id: Any, conversion_id: str) -> dict[str, Any]:
    """How a job stands: told as running the first time, as completed from then on. Raises Refused (404)."""
    job = crm.conversions.get(conversion_id)
    if job is None or (job["kind"], job["of"]) != (kind, str(record_id)):
        raise not_found()
    job["asked"] += 1
    if job["asked"] == 1:
        return {"conversion_id": conversion_id, "status": "running"}
    return {"conversion_id": conversion_id, "status": "completed", **job["made"]}


def _found(crm: Crm, kind: str, record_id: Any) -> Row:
    try:
        return crm.get(kind, record_id)
    except Refused:
        raise not_found() from None


def _job(crm: Crm, kind: str, record_id: Any, made: dict[str, Any]) -> str:
    conversion_id = str(uuid.uuid4())
    crm.conversions[conversion_id] = {"kind": kind, "of": str(record_id), "made": made, "asked": 0}
    return conversion_id
