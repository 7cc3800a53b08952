"""Reading: leads, history, exports, status, audit, and that no account sees another's."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.web import models_out as told
from hub.contracts.ids import new_id

DAY = datetime(2026, 1, 10, 10, 30, tzinfo=UTC)


async def get(hub: Any, address: str, **query: Any) -> Any:
    async with hub.client.get(address, params=query) as answer:
        body = await answer.json()
        assert answer.status == 200, body
        return body


async def add_leads(hub: Any, count: int, account_id: int | None = None) -> None:
    """Leads 1..count with a version of history each; every third is qualified, each a day younger."""
    ids = list(range(1, count + 1))
    account_id = account_id or hub.account_id
    fields = [
        {"first_name": f"Name {n}", "last_name": "Smith", "email": f"n{n}@example.com", "custom.budget": n} for n in ids
    ]
    states = ["qualified" if n % 3 == 0 else "new" for n in ids]
    await hub.pool.execute(
        "INSERT INTO leads.lead (account_id, id, version, fields, clocks, email, phone, status, created_at, updated_at)"
        " SELECT $1, id, 1, fields, '{}', fields->>'email', '+1210555' || lpad(id::text, 4, '0'), status,"
        "        $5::timestamptz, $5::timestamptz + id * interval '1 day'"
        " FROM unnest($2::bigint[], $3::jsonb[], $4::text[]) q (id, fields, status)",
        account_id,
        ids,
        [each | {"status": state} for each, state in zip(fields, states, strict=True)],
        states,
        DAY,
    )
    await hub.pool.execute(
        "INSERT INTO leads.history (account_id, lead_id, version, at, event_id, source, actor, changes)"
        " SELECT $1, id, 1, $3, gen_random_uuid(), 'import/x', 'agent1',"
        """ '{"*": {"email": "x"}}' FROM unnest($2::bigint[]) id""",
        account_id,
        ids,
        DAY,
    )


async def test_archived_leads_are_shown_only_if_asked_for(hub: Any) -> None:
    await add_leads(hub, 3)
    await hub.pool.execute("UPDATE leads.lead SET fields = fields || '{\"archived\": true}' WHERE id = 2")
    for address in ("/api/v1/external/leads", "/api/v1/external/leads/export"):
        assert [lead["id"] for lead in (await get(hub, address))["leads"]] == [1, 3]
        assert [lead["id"] for lead in (await get(hub, address, archived="true"))["leads"]] == [1, 2, 3]
    assert (await get(hub, "/api/v1/external/leads/2"))["archived"] is True


async def test_paging_reaches_every_lead_once(hub: Any) -> None:
    await add_leads(hub, 25)
    for order in ("oldest", "newest"):
        seen: list[int] = []
        query: dict[str, Any] = {"limit": 10, "order": order}
        while True:
            page = told.LeadPage.model_validate(await get(hub, "/api/v1/external/leads", **query))
            seen += [lead.id for lead in page.leads]
            if page.next_cursor is None:
                break
            query["cursor"] = page.next_cursor
        assert seen == sorted(range(1, 26), reverse=order == "newest")


async def test_filters(hub: Any) -> None:
    await add_leads(hub, 12)

    async def ids(**query: Any) -> list[int]:
        return [lead["id"] for lead in (await get(hub, "/api/v1/external/leads", **query))["leads"]]

    assert await ids(status="qualified") == [3, 6, 9, 12]
    assert await ids(email="N5@Example.com") == [5]
    assert await ids(phone="+12105550007") == [7]
    assert await ids(phone="(210) 555-0007") == [7]
    assert await ids(updated_since="2026-01-20") == [10, 11, 12]
    assert await ids(q="MPP-4") == [4]
    assert await ids(q="name 11") == [11]
    assert await ids(q="%_") == []


async def test_one_lead_by_both_of_its_ids(hub: Any) -> None:
    await add_leads(hub, 2)
    await hub.pool.execute(
        "INSERT INTO leads.link (account_id, owner, external_id, lead_id, base, seen_at)"
        " VALUES ($1, 'import/salesforce', 'SF-1', 2, '{}', now())",
        hub.account_id,
    )
    lead = await get(hub, "/api/v1/external/leads/MPP-2")
    told.LeadDetail.model_validate(lead)
    assert lead == await get(hub, "/api/v1/external/leads/2")
    assert (lead["external_id"], lead["custom_fields"]) == ("MPP-2", {"budget": 2})
    assert [link["external_id"] for link in lead["links"]] == ["SF-1"]
    await hub.pool.execute(
        "INSERT INTO leads.history SELECT account_id, lead_id, 2, at, event_id, source, actor,"
        """ '{"email": ["x", null, "last_write_wins"]}' FROM leads.history WHERE lead_id = 2"""
    )
    history = told.HistoryPage.model_validate(await get(hub, "/api/v1/external/leads/MPP-2/history"))
    assert [version.changes for version in history.history] == [
        [{"field": "email", "from": "x", "to": None, "rule": "last_write_wins"}],
        [{"field": "email", "from": None, "to": "x", "rule": "created"}],
    ]
    for address in ("3", "MPP-0", "abc", "99999999999999999999", "%00", "MPP-2/history/x"):
        async with hub.client.get(f"/api/v1/external/leads/{address}") as answer:
            assert (answer.status, (await answer.json())["error"]["code"]) == (404, "NOT_FOUND")


async def test_the_design_documents_export_in_three_formats(hub: Any) -> None:
    await add_leads(hub, 1203)
    await hub.pool.execute(
        "INSERT INTO leads.enrollment (account_id, id, lead_id, plan, details, created_by, created_at)"
        " VALUES ($1, gen_random_uuid(), 3, 'Gold', '{}', 'agent1', $2)",
        hub.account_id,
        DAY + timedelta(hours=1),
    )
    address = "/api/v1/external/leads/export"
    whole = await get(hub, address, format="json")
    assert [lead["id"] for lead in whole["leads"]] == list(range(1, 1204))
    some = await get(hub, address, status="qualified", date_from="2026-01-12", date_to="2026-01-16", format="json")
    assert [lead["id"] for lead in some["leads"]] == [3, 6]
    (first, _) = some["leads"]
    told.ExportAnswer.model_validate(some)
    assert [(each["type"], each["user"]) for each in first["activities"]] == [
        ("lead.created", "agent1"),
        ("enrollment.completed", "agent1"),
    ]
    assert first["activities"][0]["fields_changed"] == ["email"]
    async with hub.client.get(address, params={"format": "ndjson"}) as answer:
        lines = (await answer.text()).splitlines()
    assert [json.loads(line)["id"] for line in lines] == list(range(1, 1204))
    async with hub.client.get(address, params={"format": "csv"}) as answer:
        rows = list(csv.DictReader(io.StringIO(await answer.text())))
    assert (len(rows), rows[4]["email"], rows[4]["custom_fields"]) == (1203, "n5@example.com", '{"budget":5}')
    assert await get(hub, address, status="lost") == {"leads": []}


async def test_sync_status_and_panel(hub: Any) -> None:
    status = await get(hub, "/api/v1/external/sync/status")
    assert status["connected_crms"] == ["custom"]
    assert (status["last_sync"], status["pending_updates"], status["sync_errors"]) == (None, 0, 0)
    await hub.pool.execute(
        "INSERT INTO sync.target (account_id, connection_id, lead_id, desired_version, state)"
        " SELECT $1, $2, n, 1, CASE WHEN n < 6 THEN 'due' WHEN n < 8 THEN 'failed' ELSE 'in_sync' END"
        " FROM generate_series(1, 20) n",
        hub.account_id,
        hub.connection_id,
    )
    today = datetime.now(UTC)
    await hub.pool.execute(
        "INSERT INTO sync.daily (account_id, connection_id, day, pushed, failed, lag_ms, last_sync_at)"
        " VALUES ($1, $2, $3, 30, 10, 36000, $4)",
        hub.account_id,
        hub.connection_id,
        today.date(),
        today,
    )
    await hub.pool.execute(
        "INSERT INTO audit.daily (account_id, day, event, entries) VALUES ($1, $2, 'lead.created', 45),"
        " ($1, $2, 'lead.updated', 23), ($1, $2, 'lead.sync_failed', 2), ($1, $2 - 1, 'lead.created', 100)",
        hub.account_id,
        today.date(),
    )
    status = told.SyncStatus.model_validate(await get(hub, "/api/v1/external/sync/status"))
    assert (status.pending_updates, status.sync_errors, status.last_sync is not None) == (5, 2, True)
    panel = told.Panel.model_validate(await get(hub, "/api/v1/dashboard"))
    assert panel.today == told.Today(imported=45, updated=23, errors=2)
    assert (panel.connected_crms, panel.pending_updates, panel.leads) == (1, 5, {"total": 145})
    assert (panel.performance.avg_sync_seconds, panel.performance.success_rate) == (1.2, 75.0)
    assert panel.performance.api_uptime > 50


async def add_entries(hub: Any, count: int, account_id: int | None = None) -> list[str]:
    ids = [new_id() for _ in range(count)]
    await hub.pool.execute(
        "INSERT INTO audit.entry (account_id, event_id, event, at, actor, crm, action, fields_changed, ip_address,"
        " subject) SELECT $1, id, CASE n % 2 WHEN 0 THEN 'lead.synced' ELSE 'lead.created' END, $3::timestamptz"
        " + n * interval '1 minute', 'agent123', CASE n % 2 WHEN 0 THEN 'salesforce' END, 'update', '{status}',"
        " '192.168.1.1', 'lead/' || n FROM unnest($2::uuid[]) WITH ORDINALITY q (id, n)",
        account_id or hub.account_id,
        ids,
        DAY,
    )
    return ids


async def test_the_audit_trail_and_its_filters(hub: Any) -> None:
    ids = await add_entries(hub, 12)
    first = told.AuditPage.model_validate(await get(hub, "/api/v1/audit", limit=7))
    rest = told.AuditPage.model_validate(await get(hub, "/api/v1/audit", limit=7, cursor=first.next_cursor))
    assert [entry.event_id for entry in first.entries + rest.entries] == ids[::-1]
    assert rest.next_cursor is None

    async def subjects(**query: Any) -> list[str]:
        return [entry["subject"] for entry in (await get(hub, "/api/v1/audit", **query))["entries"]]

    assert await subjects(event="lead.synced", limit=2) == ["lead/12", "lead/10"]
    assert await subjects(crm="salesforce", to="2026-01-10T10:33:00Z") == ["lead/2"]
    assert await subjects(lead_id="MPP-5") == await subjects(subject="lead/5") == ["lead/5"]
    assert await subjects(user="nobody") == []
    assert len(await subjects(user="agent123", **{"from": "2026-01-10T10:40:00Z"})) == 3


async def test_no_account_sees_anothers(hub: Any) -> None:
    other = await hub.pool.fetchval("INSERT INTO control.account (name) VALUES ('other') RETURNING id")
    await add_leads(hub, 3, other)
    await add_entries(hub, 3, other)
    assert (await get(hub, "/api/v1/external/leads"))["leads"] == []
    assert (await get(hub, "/api/v1/external/leads/export")) == {"leads": []}
    assert (await get(hub, "/api/v1/audit"))["entries"] == []
    async with hub.client.get("/api/v1/external/leads/1") as answer:
        assert answer.status == 404
    key = await hub.add_key(["leads:read"], other)
    async with hub.client.get("/api/v1/external/leads", headers={"Authorization": f"Bearer {key}"}) as answer:
        assert [lead["id"] for lead in (await answer.json())["leads"]] == [1, 2, 3]


async def test_connections_without_secrets(hub: Any) -> None:
    body = await get(hub, "/api/v1/crm/connections")
    (connection,) = told.ConnectionList.model_validate(body).connections
    assert (connection.id, connection.crm_type, connection.webhooks) == (hub.connection_id, "custom", True)
    assert "secret" not in json.dumps(body).replace("webhook_secret", "")
