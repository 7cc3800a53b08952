"""Reading a CRM on demand, and how a reading stands."""

from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from aiohttp import hdrs, web

from gateway.domain.cursor import decode_cursor, encode_cursor
from gateway.domain.receiving import sync_finished, sync_requested
from gateway.gateway import Gateway
from gateway.handlers.connecting import stored_in_path
from gateway.handlers.places import number_in_path, uuid_cursor, uuid_in_path
from gateway.web.answers import answer
from gateway.web.models_connections_in import SyncBody
from gateway.web.models_in import Page
from gateway.web.routing import Call
from hub.contracts.connector import DONE, Capability
from hub.contracts.errors import Conflict, Invalid, NotFound, Unavailable
from hub.contracts.ids import new_id

_log = structlog.get_logger()
_ENDED = "The run is not in a state for that"


async def request_sync(gateway: Gateway, call: Call[None, SyncBody]) -> web.Response:
    """Read the CRM now: what changed, or everything."""
    stored = await stored_in_path(gateway, call, number_in_path(call, "connection_id"))
    connector = gateway.connectors.get(stored.crm_type)
    if connector is None or connector.manifest.scorecard.get(Capability.PULL) != DONE:
        raise Invalid("This CRM cannot be read; its changes come by webhook", code="NOT_SUPPORTED")
    if stored.status not in ("connected", "pending"):
        raise Conflict(f"The connection is {stored.status}", code="NOT_CONNECTED", connection_status=stored.status)
    mode, run_id, who = call.body.mode, new_id(), call.key.name
    kind = "backfill" if mode == "full" else "on_demand"
    run = await gateway.runs.ask(call.account_id, stored.id, run_id, kind, mode, who)
    if run is None:
        active = await gateway.runs.active(call.account_id, stored.id)
        raise Conflict("The connection is being read already", code="RUN_ACTIVE", run_id=active and active["run_id"])
    data = {"connection_id": stored.id, "crm_type": stored.crm_type, "run_id": run_id, "actor": call.actor()}
    try:
        await gateway.bus.publish(sync_requested(call.account_id, data, call.traceparent))
    except Unavailable as error:  # the run is stored, and sync-worker looks for runs by itself too
        _log.warning("run.announcing_failed", run_id=run_id, error=error.message)
    return answer(run, 202, {hdrs.LOCATION: f"/api/v1/external/connections/{stored.id}/runs/{run_id}"})


async def list_runs(gateway: Gateway, call: Call[Page, None]) -> web.Response:
    """Readings of a connection, newest first."""
    stored = await stored_in_path(gateway, call, number_in_path(call, "connection_id"))
    query = call.query
    before = _position(query.cursor) if query.cursor else None
    runs = await gateway.runs.page(call.account_id, stored.id, before, query.limit)
    following = None
    if len(runs) == query.limit:
        following = encode_cursor(f"{runs[-1]['created_at']} {runs[-1]['run_id']}")
    return answer({"runs": runs, "next_cursor": following})


async def get_run(gateway: Gateway, call: Call[None, None]) -> web.Response:
    """How a reading stands: count, rate, time to go."""
    return answer(await _run(gateway, call))


async def pause_run(gateway: Gateway, call: Call[None, None]) -> web.Response:
    """Stop after the page in hand, and keep the place."""
    return await _changed(gateway, call, "pause")


async def resume_run(gateway: Gateway, call: Call[None, None]) -> web.Response:
    """Go on where it was paused."""
    return await _changed(gateway, call, "resume")


async def cancel_run(gateway: Gateway, call: Call[None, None]) -> web.Response:
    """End it where it is; what was read stays."""
    run = await _run(gateway, call)
    connection_id, run_id = run["connection_id"], run["run_id"]
    ended = await gateway.runs.cancel(call.account_id, connection_id, UUID(run_id))
    if ended is None:
        raise Conflict(_ENDED, code="WRONG_STATE", state=run["state"])
    stored = await stored_in_path(gateway, call, connection_id)
    data = {
        "connection_id": connection_id, "crm_type": stored.crm_type, "run_id": run_id, "outcome": "cancelled",
        "code": None, "message": None, "actor": call.actor(), **ended,
    }  # fmt: skip
    try:
        await gateway.bus.publish(sync_finished(call.account_id, data, call.traceparent))
    except Unavailable as error:
        _log.warning("run.announcing_failed", run_id=run_id, error=error.message)
    return answer(await _run(gateway, call))


async def _changed(gateway: Gateway, call: Call[None, None], change: Any) -> web.Response:
    run = await _run(gateway, call)
    if not await gateway.runs.change(call.account_id, run["connection_id"], UUID(run["run_id"]), change):
        raise Conflict(_ENDED, code="WRONG_STATE", state=run["state"])
    return answer(await _run(gateway, call))


async def _run(gateway: Gateway, call: Call[None, None]) -> dict[str, Any]:
    key = (call.account_id, number_in_path(call, "connection_id"), uuid_in_path(call, "run_id"))
    run = await gateway.runs.get(*key)
    if run is None:
        raise NotFound("There is no such run")
    return run


def _position(cursor: str) -> tuple[datetime, UUID]:
    moment, _, run_id = decode_cursor(cursor).partition(" ")
    try:
        return datetime.fromisoformat(moment), uuid_cursor(run_id)
    except ValueError:
        raise Invalid("The cursor is not one that this API gave out", code="INVALID_CURSOR", field="cursor") from None
