"""``hubctl connection``: CRMs. What is here works on the database; what asks a CRM is in ``connection_api``."""

import json
from pathlib import Path
from typing import Any

import asyncpg
import typer

from hub.contracts.errors import HubError, Invalid
from hub.registry import CONNECTORS
from hub.store.admin import LIST_CONNECTIONS, Admin
from hubctl.commands import connection_api
from hubctl.console import done, table
from hubctl.problems import Problem
from hubctl.provision import NewConnection, announce_connection, create_connection
from hubctl.session import account_id, administration, bus, database, run_async, vault

app = typer.Typer(help="Connections to CRMs.", no_args_is_help=True)
app.command("add")(connection_api.add)
app.command("show")(connection_api.show)
app.command("test")(connection_api.try_out)
app.command("disconnect")(connection_api.disconnect)
app.command("sync")(connection_api.sync)


@app.command("create")
@run_async
async def create(
    account: str = typer.Option(..., help="Name or id of the account."),
    crm: str = typer.Option("custom", help=f"Kind of CRM: {', '.join(CONNECTORS)}."),
    name: str = typer.Option("", help="How people call it; the kind of CRM unless given."),
    config: Path = typer.Option(..., exists=True, dir_okay=False, help="Its configuration (JSON)."),  # noqa: B008
    api_key: str = typer.Option(..., envvar="HUBCTL_CRM_API_KEY", help="The key that the CRM accepts."),
    webhook_secret: str = typer.Option("", envvar="HUBCTL_WEBHOOK_SECRET", help="With which the CRM signs webhooks."),
    webhook_mode: str = typer.Option("simple", help="simple (the body is signed) or timestamped."),
) -> None:
    """Store a connection without asking the CRM (``add`` asks it): for setting a hub up before it runs."""
    document = _read(config, crm)
    if webhook_mode not in ("simple", "timestamped"):
        raise Problem(f"There is no webhook mode {webhook_mode!r}.", "Use simple or timestamped.")
    wish = NewConnection(crm, name or crm, document, api_key, webhook_secret, webhook_mode)
    async with bus() as line, database() as pool:
        owner = await account_id(Admin(pool), account)
        try:
            connection_id = await create_connection(pool, vault(pool), owner, wish)
        except asyncpg.UniqueViolationError:
            raise Problem(f"The account has a connection {wish.name!r} already.", "Give another --name.") from None
        try:
            await announce_connection(line, owner, connection_id, crm, "hubctl")
        except HubError:
            hint = f"When the bus is back: hubctl connection resume {connection_id}"
            raise Problem(f"Connection {connection_id} is stored, but could not be announced.", hint) from None
    done(f"connection {connection_id} ({wish.name}) is connected")
    done(f"its webhooks go to /api/v1/webhooks/crm/{crm}/{connection_id}")


def _read(file: Path, crm: str) -> dict[str, Any]:
    connector = CONNECTORS.get(crm)
    if connector is None:
        raise Problem(f"The hub knows no CRM {crm!r}.", f"It knows: {', '.join(CONNECTORS)}.")
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise Problem(f"{file} is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise Problem(f"{file} holds no JSON object.", "docs/api.md shows a connection's configuration.")
    try:
        connector.check_config(document)
    except Invalid as error:
        raise Problem(f"The configuration is not usable: {error.message} {error.details or ''}".rstrip()) from None
    return document


@app.command("list")
@run_async
async def show(account: str = typer.Option("", help="Only this account's.")) -> None:
    """List connections and how many leads each has waiting, failed and in sync."""
    async with administration() as admin:
        rows = await admin.list(LIST_CONNECTIONS, await account_id(admin, account) if account else None)
    names = ("id", "account", "crm_type", "name", "status", "webhook_mode", "due", "failed", "in_sync")
    headings = ("id", "account", "CRM", "name", "status", "webhooks", "waiting", "failed", "in sync")
    table(headings, [[r[n] for n in names] for r in rows], empty="No CRM is connected: hubctl connection create")


@app.command("pause")
@run_async
async def pause(connection_id: int) -> None:
    """Stop pushing to a CRM; changes are remembered and go there after resume."""
    await _set(connection_id, "paused")
    done(f"connection {connection_id} is paused")


@app.command("resume")
@run_async
async def resume(connection_id: int) -> None:
    """Push again, after a pause or when credentials are good again; also announces the connection anew."""
    row = await _set(connection_id, "connected")
    async with bus() as line:
        await announce_connection(line, row["account_id"], connection_id, row["crm_type"], "hubctl")
    done(f"connection {connection_id} is connected")


async def _set(connection_id: int, status: str) -> asyncpg.Record:
    async with administration() as admin:
        row = await admin.set_connection_status(connection_id, status)
    if row is None:
        raise Problem(f"There is no connection {connection_id}.", "hubctl connection list shows them.")
    return row
