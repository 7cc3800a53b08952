"""Reading a CRM on demand, and pushes that failed: what sync-worker's tables say, and what the API makes of it."""

import csv
import io
from typing import Any

from gateway.web import models_connections_out as told
from hub.contracts.events import CONNECTION_SYNC_REQUESTED, SYNC_FINISHED
from hub.contracts.ids import new_id
from hub.testing.vendor import Vendor

ADDRESS = "/api/v1/external/connections"
ERRORS = "/api/v1/external/sync/errors"


async def connected(hub: Any, crm_type: str = "salesforce") -> int:
    row: int = await hub.pool.fetchval(
        "INSERT INTO control.connection (account_id, crm_type, name, config) VALUES ($1, $2, $3, '{}') RETURNING id",
        hub.account_id,
        crm_type,
        new_id(),
    )
    return row


async def test_a_run_is_asked_for_once_and_announced(hub: Any) -> None:
    connection_id = await connected(hub)
    address = f"{ADDRESS}/{connection_id}"
    async with hub.client.post(f"{address}/sync", json={"mode": "full"}) as answer:
        assert answer.status == 202
        run = told.Run.model_validate(await answer.json())
        assert answer.headers["Location"] == f"{address}/runs/{run.run_id}"
    assert (run.kind, run.mode, run.state, run.percent) == ("backfill", "full", "queued", None)
    (event,) = await hub.received(1, CONNECTION_SYNC_REQUESTED)
    assert event.data["run_id"] == run.run_id
    async with hub.client.post(f"{address}/sync", json={}) as answer:
        error = (await answer.json())["error"]
    assert (answer.status, error["code"], error["details"]["run_id"]) == (409, "RUN_ACTIVE", run.run_id)
    await hub.pool.execute("UPDATE sync.run SET state = 'done', finished_at = now()")
    async with hub.client.post(f"{address}/sync", json={}) as answer:
        again = told.Run.model_validate(await answer.json())
    assert (again.kind, again.mode) == ("on_demand", "changes")


async def test_progress_pause_resume_cancel(hub: Any) -> None:
    connection_id = await connected(hub)
    address = f"{ADDRESS}/{connection_id}"
    async with hub.client.post(f"{address}/sync", json={}) as answer:
        run_id = (await answer.json())["run_id"]
    await hub.pool.execute(
        "UPDATE sync.run SET state = 'running', records = 2500, total = 10000, pages = 25, claim = gen_random_uuid(),"
        " started_at = now() - interval '10 seconds', page_at = now(), error = '{}'"
    )
    place = f"{address}/runs/{run_id}"
    async with hub.client.get(place) as answer:
        run = told.Run.model_validate(await answer.json())
    assert (run.percent, run.rate, run.eta_seconds) == (25.0, 250.0, 30.0)
    for call, status, state in (
        ("resume", 409, "running"), ("pause", 200, "paused"), ("pause", 409, "paused"), ("resume", 200, "queued"),
        ("cancel", 200, "cancelled"), ("cancel", 409, "cancelled"), ("resume", 409, "cancelled"),
    ):  # fmt: skip
        async with hub.client.post(f"{place}/{call}") as answer:
            assert answer.status == status, call
        assert await hub.pool.fetchval("SELECT state FROM sync.run") == state
    assert await hub.pool.fetchval("SELECT claim FROM sync.run") is None
    (event,) = await hub.received(1, SYNC_FINISHED)
    assert (event.data["outcome"], event.data["records"], event.data["run_id"]) == ("cancelled", 2500, run_id)
    for bad in (f"{address}/runs/{new_id()}", f"{address}/runs/x", f"{ADDRESS}/999/runs/{run_id}"):
        async with hub.client.get(bad) as answer:
            assert answer.status == 404


async def test_runs_are_paged_newest_first(hub: Any) -> None:
    connection_id = await connected(hub)
    await hub.pool.execute(
        "INSERT INTO sync.run (account_id, connection_id, id, kind, mode, state, requested_by, created_at)"
        " SELECT $1, $2, gen_random_uuid(), 'scheduled', 'changes', 'done', 'x', now() - n / 2 * interval '1 hour'"
        " FROM generate_series(1, 7) n",
        hub.account_id,
        connection_id,
    )
    found: list[told.Run] = []
    cursor: str | None = ""
    while cursor is not None:
        async with hub.client.get(
            f"{ADDRESS}/{connection_id}/runs", params={"limit": 3} | ({"cursor": cursor} if cursor else {})
        ) as answer:
            page = told.RunPage.model_validate(await answer.json())
        found += page.runs
        cursor = page.next_cursor
    assert len({run.run_id for run in found}) == 7
    assert [run.created_at for run in found] == sorted((run.created_at for run in found), reverse=True)
    for bad in ("djE6eA", "djE6MjAyNSB4"):
        async with hub.client.get(f"{ADDRESS}/{connection_id}/runs", params={"cursor": bad}) as answer:
            assert answer.status == 422


async def test_what_cannot_be_read_now(hub: Any) -> None:
    connection_id = await connected(hub)
    await hub.pool.execute("UPDATE control.connection SET status = 'needs_reauth' WHERE id = $1", connection_id)
    async with hub.client.post(f"{ADDRESS}/{connection_id}/sync", json={}) as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (409, "NOT_CONNECTED")
    async with hub.client.post(f"{ADDRESS}/{connection_id}/sync", json={"mode": "some"}) as answer:
        assert answer.status == 422


async def test_last_sync_counts_what_came_in(vendor_hub: Any, vendor: Vendor) -> None:
    connection_id = await connected(vendor_hub)
    async with vendor_hub.client.get("/api/v1/external/sync/status") as answer:
        assert (await answer.json())["last_sync"] is None
    await vendor_hub.pool.execute(
        "UPDATE control.connection SET heard_at = '2026-01-01T00:00:00Z' WHERE id = $1", connection_id
    )
    async with vendor_hub.client.get("/api/v1/external/sync/status") as answer:
        assert (await answer.json())["last_sync"].startswith("2026-01-01T00:00:00")
    await vendor_hub.pool.execute(
        "INSERT INTO sync.run (account_id, connection_id, id, kind, mode, state, requested_by, page_at, finished_at)"
        " VALUES ($1, $2, gen_random_uuid(), 'scheduled', 'changes', 'done', 'x', now(), '2026-02-01T00:00:00Z')",
        vendor_hub.account_id,
        connection_id,
    )
    async with vendor_hub.client.get("/api/v1/external/sync/status") as answer:
        body = await answer.json()
    assert body["last_sync"] > "2026-02-01T00:00:01"
    assert "salesforce" in body["connected_crms"]


async def fail(hub: Any, connection_id: int, count: int, code: str, state: str = "failed") -> None:
    error = {
        "kind": "validation",
        "code": code,
        "message": "=1+1",
        "field": "Email",
        "attempted_value": "john@example.com",
    }
    await hub.pool.execute(
        "INSERT INTO sync.target (account_id, connection_id, lead_id, desired_version, state, attempts, last_error)"
        " SELECT $1, $2, n, 1, $4, 3, $5 FROM generate_series(1, $3) n",
        hub.account_id,
        connection_id,
        count,
        state,
        error,
    )


async def test_failed_pushes_are_listed_in_the_design_documents_format(hub: Any) -> None:
    first, second = await connected(hub), await connected(hub, "hubspot")
    await fail(hub, first, 3, "DUPLICATE_VALUE")
    await fail(hub, second, 2, "VALIDATION_ERROR")
    async with hub.client.get(ERRORS, params={"crm_type": "salesforce", "lead_id": "MPP-2"}) as answer:
        (error,) = told.SyncErrorPage.model_validate(await answer.json()).errors
    assert error.error.model_dump(exclude_none=True) == {
        "code": "CRM_SYNC_FAILED",
        "message": "Failed to sync lead to Salesforce",
        "details": {
            "crm_error": "DUPLICATE_VALUE", "field": "Email", "attempted_value": "john@example.com",
            "crm_message": "=1+1", "kind": "validation",
        },
    }  # fmt: skip
    found: list[tuple[int, int]] = []
    cursor: str | None = ""
    while cursor is not None:
        async with hub.client.get(ERRORS, params={"limit": 2} | ({"cursor": cursor} if cursor else {})) as answer:
            page = told.SyncErrorPage.model_validate(await answer.json())
        found += [(each.connection_id, each.lead_id) for each in page.errors]
        cursor = page.next_cursor
    assert found == [(first, 1), (first, 2), (first, 3), (second, 1), (second, 2)]
    for filters, count in (({"code": "VALIDATION_ERROR"}, 2), ({"connection_id": first}, 3), ({"code": "NONE"}, 0)):
        async with hub.client.get(ERRORS, params=filters) as answer:
            assert len((await answer.json())["errors"]) == count
    async with hub.client.get(ERRORS, params={"cursor": "djE6MSB4"}) as answer:
        assert answer.status == 422


async def test_failed_pushes_as_a_file_that_runs_nothing(hub: Any) -> None:
    connection_id = await connected(hub)
    await fail(hub, connection_id, 1203, "DUPLICATE_VALUE")
    async with hub.client.get(ERRORS, params={"format": "csv"}) as answer:
        assert "sync-errors.csv" in answer.headers["Content-Disposition"]
        rows = list(csv.DictReader(io.StringIO(await answer.text())))
    assert len({row["lead_id"] for row in rows}) == 1203
    assert (rows[0]["crm_error"], rows[0]["crm_message"]) == ("DUPLICATE_VALUE", "'=1+1")


async def test_failed_pushes_are_tried_again_one_by_one_and_in_bulk(hub: Any) -> None:
    first, second = await connected(hub), await connected(hub, "hubspot")
    await fail(hub, first, 6_000, "DUPLICATE_VALUE")
    await fail(hub, second, 2, "VALIDATION_ERROR")
    for body, count in (
        ({"lead_id": "MPP-1", "connection_id": first}, 1), ({"lead_id": 1}, 1), ({"code": "DUPLICATE_VALUE"}, 5_999),
        ({"crm_type": "hubspot", "code": "NONE"}, 0), ({"all": True}, 1),
    ):  # fmt: skip
        async with hub.client.post(f"{ERRORS}/retry", json=body) as answer:
            assert await answer.json() == {"redriven": count}, body
    rows = await hub.pool.fetch("SELECT DISTINCT state, attempts FROM sync.target")
    assert [tuple(row) for row in rows] == [("due", 0)]
    async with hub.client.post(f"{ERRORS}/retry", json={}) as answer:
        assert answer.status == 422


async def test_what_will_be_tried_again_by_itself_says_when(hub: Any) -> None:
    connection_id = await connected(hub)
    await fail(hub, connection_id, 1, "REQUEST_LIMIT_EXCEEDED", state="due")
    async with hub.client.get(ERRORS) as answer:
        assert (await answer.json())["errors"] == []
    async with hub.client.get(ERRORS, params={"state": "retrying"}) as answer:
        (error,) = told.SyncErrorPage.model_validate(await answer.json()).errors
    assert error.error.retry_after
