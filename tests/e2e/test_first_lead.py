"""One lead's way through all five services, and back, on both buses."""

from typing import Any

from hubctl.trial.crm import CrmControl, SimulatedCrm
from hubctl.trial.eventually import eventually
from hubctl.trial.subscriber import Subscriber
from hubctl.trial.tenant import Tenant

JOHN = {
    "external_id": "SF-12345",
    "first_name": "John",
    "last_name": "Doe",
    "email": "John@Example.com",
    "phone": "210-555-0123",
    "custom_fields": {"lead_source": "Website", "interest_level": "High"},
}


async def only_lead(agency: Tenant) -> dict[str, Any]:
    (lead,) = (await agency.get("/api/v1/external/leads"))["leads"]
    assert isinstance(lead, dict)
    return lead


async def test_an_imported_lead_reaches_the_crm_the_subscriber_and_the_audit_trail(
    agency: Tenant, crm: SimulatedCrm, people: CrmControl
) -> None:
    subscriber = Subscriber("whsec", keep=True)
    async with subscriber.served() as url:
        await agency.subscribe(url, subscriber.secret)
        await agency.connect(crm)
        state = await agency.finished(await agency.import_leads([JOHN]))
        assert (state["accepted"], state["created"], state["rejected"]) == (1, 1, 0)

        lead = await only_lead(agency)
        assert (lead["email"], lead["phone"]) == ("john@example.com", "+12105550123")
        assert lead["custom_fields"]["interest_level"] == "High"

        (record,) = await eventually(people.leads)
        assert record["external_id"] == lead["external_id"] == f"MPP-{lead['id']}"
        assert (record["first_name"], record["interest_level"]) == ("John", "High")

        async def told() -> list[dict[str, Any]]:
            return subscriber.told

        (webhook,) = await eventually(told)
        assert (webhook["event"], webhook["data"]["id"]) == ("lead.created", lead["id"])
        assert subscriber.forged == 0

    async def audited() -> bool:
        entries = (await agency.get("/api/v1/audit"))["entries"]
        return {entry["event"] for entry in entries} >= {"import.accepted", "lead.created", "lead.synced"}

    assert await eventually(audited)


async def test_a_persons_edit_in_the_crm_reaches_the_hub_and_does_not_come_back(
    agency: Tenant, crm: SimulatedCrm, people: CrmControl
) -> None:
    connection_id = await agency.connect(crm)
    await people.point_webhooks(agency.webhook_url(connection_id), agency.webhook_secret)
    await agency.finished(await agency.import_leads([JOHN]))
    (record,) = await eventually(people.leads)

    await people.edit(record["id"], {"status": "qualified", "notes": "wants a quote"})

    async def edited() -> bool:
        lead = await only_lead(agency)
        return (lead.get("status"), lead.get("notes")) == ("qualified", "wants a quote")

    assert await eventually(edited)
    history = (await agency.get(f"/api/v1/external/leads/{(await only_lead(agency))['id']}/history"))["history"]
    assert any(version["source"] == f"crm/{connection_id}" for version in history)

    async def settled() -> bool:
        status = await agency.get("/api/v1/external/sync/status")
        return bool(status["pending_updates"] == 0 and (await people.counters())["webhooks"]["pending"] == 0)

    assert await eventually(settled)
    writes = {route: n for route, n in (await people.counters())["requests"].items() if not route.startswith("GET")}
    assert sum(writes.values()) == 1, "the hub created the record once and had nothing else to say"


async def test_a_new_lead_in_the_crm_becomes_a_lead_in_the_hub(
    agency: Tenant, crm: SimulatedCrm, people: CrmControl
) -> None:
    connection_id = await agency.connect(crm)
    await people.point_webhooks(agency.webhook_url(connection_id), agency.webhook_secret)
    record = await people.create({"first_name": "Zoë", "email": "zoe@example.com", "phone": "(713) 555-0188"})

    async def arrived() -> list[Any]:
        found: list[Any] = (await agency.get("/api/v1/external/leads"))["leads"]
        return found

    (lead,) = await eventually(arrived)
    assert (lead["first_name"], lead["phone"]) == ("Zoë", "+17135550188")

    async def marked() -> bool:
        (found,) = await people.leads()
        return bool(found["id"] == record["id"] and found.get("external_id") == lead["external_id"])

    assert await eventually(marked), "the CRM's own record carries the hub's reference; no second one was made"


async def test_a_change_by_the_api_and_an_enrolment_reach_the_crm(
    agency: Tenant, crm: SimulatedCrm, people: CrmControl
) -> None:
    await agency.connect(crm)
    await agency.finished(await agency.import_leads([JOHN]))
    lead = await only_lead(agency)
    async with agency.session.patch(f"/api/v1/leads/{lead['id']}", json={"phone": "(713) 555-0144"}) as answer:
        assert answer.status == 202
    enrolment = {"lead_id": lead["id"], "plan": "Gold PPO", "premium": 412.5}
    async with agency.session.post("/api/v1/enrollments", json=enrolment) as answer:
        assert answer.status == 202

    async def in_crm() -> bool:
        records = await people.leads()
        return [(r.get("phone"), r.get("status")) for r in records] == [("+17135550144", "enrolled")]

    assert await eventually(in_crm)
