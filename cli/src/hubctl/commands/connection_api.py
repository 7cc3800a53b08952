"""``hubctl connection``: what is done by the hub itself, because CRMs are asked: add, show, test, disconnect, sync."""

import asyncio
import json
from pathlib import Path
from typing import Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from hubctl.api import CONNECTIONS, Api, api
from hubctl.console import cell, done, err, out, table, warn
from hubctl.problems import Problem
from hubctl.session import run_async

_URL = typer.Option("", envvar="HUB_URL", help="The gateway's address; the local hub's unless given.")
_KEY = typer.Option("", envvar="HUB_API_KEY", help="A key that may manage connections; the local demo's unless given.")
_ID = typer.Argument(help="The connection's id.")
_CONFIG = typer.Option(None, exists=True, dir_okay=False, help="Its configuration (JSON).")
_POLL_SECONDS = 0.5
_CONSENT_SECONDS = 600.0
_ENDED = ("done", "failed", "cancelled")


@run_async
async def add(
    crm: str = typer.Option(..., help="Kind of CRM: salesforce, hubspot, pipedrive, custom."),
    name: str = typer.Option("", help="How people call it; the kind of CRM unless given."),
    config: Path | None = _CONFIG,
    crm_key: str = typer.Option("", envvar="HUBCTL_CRM_API_KEY", help="The key that the CRM accepts; else OAuth."),
    redirect_uri: str = typer.Option("", help="Where the CRM sends the browser; the gateway's own unless given."),
    wait: bool = typer.Option(True, help="With OAuth, wait until access was granted."),
    url: str = _URL,
    api_key: str = _KEY,
) -> None:
    """Connect a CRM, asking it first: with its API key, or in a browser where access is granted (OAuth)."""
    body: dict[str, Any] = {"crm_type": crm, "config": _read(config)} | ({"name": name} if name else {})
    async with api(url, api_key) as hub:
        if crm_key:
            made = await hub.post(CONNECTIONS, body | {"credentials": crm_key})
            _tell(made["connection"])
            done(f"its webhooks go to {made['connection']['webhook_url']}, signed with this secret, shown this once:")
            out.print(made["webhook_secret"], soft_wrap=True)
            return
        known = {each["id"]: each["checked_at"] for each in await _all(hub)}
        place = {"redirect_uri": redirect_uri} if redirect_uri else {}
        begun = await hub.post("/api/v1/crm/oauth/authorize", body | place)
        err.print(f"Open this address and grant access, until {begun['expires_at']}:")
        out.print(begun["authorization_url"], soft_wrap=True)
        if wait:
            _tell(await _granted(hub, crm, known))


@run_async
async def show(connection_id: int = _ID, url: str = _URL, api_key: str = _KEY) -> None:
    """Everything about a connection but its secrets: status, quota, what is wrong with the CRM's fields."""
    async with api(url, api_key) as hub:
        found = await hub.get(f"{CONNECTIONS}/{connection_id}")
    run = found.pop("last_run")
    budgets, drift = found.pop("budgets"), found.pop("drift")
    table(("", ""), [(name.replace("_", " "), value) for name, value in found.items()], empty="")
    if run:
        out.print(f"\nlast run  {run['run_id']}: {run['kind']}, {run['state']}, {run['records']} records")
    if budgets:
        out.print()
        names = ("name", "used", "limit", "seconds", "closed_until")
        table(("quota", "used", "of", "in seconds", "closed until"), [[b[n] for n in names] for b in budgets], empty="")
    if drift:
        out.print()
        parts = ("field", "kind", "detail", "found_at")
        table(("field", "what is wrong", "detail", "since"), [[d[n] for n in parts] for d in drift], empty="")


@run_async
async def try_out(connection_id: int = _ID, url: str = _URL, api_key: str = _KEY) -> None:
    """Ask the CRM whether the connection works. The exit code is 1 when it does not."""
    async with api(url, api_key) as hub:
        tested = await hub.post(f"{CONNECTIONS}/{connection_id}/test")
    said = tested["test"]
    if not said["ok"]:
        hint = "Reconnect it." if said["kind"] == "auth" else ""
        what = f"{said['code']}: {said['message']}"
        raise Problem(f"It does not work: {what} (the connection is {tested['status']})", hint)
    whom = ", ".join(str(said[name]) for name in ("account", "tenant", "user") if said[name])
    done(f"connection {connection_id} works{f': {whom}' if whom else ''}; it is {tested['status']}")


@run_async
async def disconnect(connection_id: int = _ID, url: str = _URL, api_key: str = _KEY) -> None:
    """End a connection: revoked at the CRM, its secrets erased here."""
    async with api(url, api_key) as hub:
        ended = await hub.delete(f"{CONNECTIONS}/{connection_id}")
    done(f"connection {connection_id} is disconnected; its secrets are erased")
    if ended["revoked"]:
        done("the grant is revoked at the CRM")
    for problem in ended["problems"]:
        warn(f"the CRM did not revoke the grant ({problem}): withdraw it in the CRM's own settings")


@run_async
async def sync(
    connection_id: int = _ID,
    full: bool = typer.Option(False, "--full", help="Read everything, not only what changed."),
    wait: bool = typer.Option(True, help="Show how it goes, until it is over."),
    url: str = _URL,
    api_key: str = _KEY,
) -> None:
    """Read a CRM now. Ctrl-C leaves the reading to go on; the API pauses and cancels it."""
    async with api(url, api_key) as hub:
        run = await hub.post(f"{CONNECTIONS}/{connection_id}/sync", {"mode": "full" if full else "changes"})
        done(f"run {run['run_id']} is {run['state']}")
        if wait:
            run = await _follow(hub, run)
    if not wait:
        return
    counts = f"{run['records']} records read, {run['deleted']} of them deleted"
    if run["state"] == "failed":
        error = run["error"] or {}
        raise Problem(f"The run failed after {counts}: {error.get('code')}: {error.get('message')}")
    (done if run["state"] == "done" else warn)(f"{run['state']}: {counts}")


async def _follow(hub: Api, run: dict[str, Any]) -> dict[str, Any]:
    place = f"{CONNECTIONS}/{run['connection_id']}/runs/{run['run_id']}"
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err) as progress:
        task = progress.add_task(run["state"], total=None, rate="")
        while True:
            rate = f"{run['rate']:.0f}/s" if run["rate"] else ""
            progress.update(
                task, description=run["state"], completed=run["records"], total=run["total"], rate=rate, refresh=True
            )
            if run["state"] in _ENDED:
                return run
            await asyncio.sleep(_POLL_SECONDS)
            run = await hub.get(place)


async def _granted(hub: Api, crm: str, known: dict[int, str | None]) -> dict[str, Any]:
    """The connection that is new, or that the CRM accepted anew, since."""
    with err.status("waiting for access to be granted …"):
        async with asyncio.timeout(_CONSENT_SECONDS):
            while True:
                for each in await _all(hub):
                    if each["crm_type"] == crm and known.get(each["id"], "") != each["checked_at"]:
                        return each
                await asyncio.sleep(_POLL_SECONDS)


async def _all(hub: Api) -> list[dict[str, Any]]:
    connections: list[dict[str, Any]] = (await hub.get(CONNECTIONS, disconnected="true"))["connections"]
    return connections


def _tell(connection: dict[str, Any]) -> None:
    text = f"connection {connection['id']} ({connection['name']}) is {connection['status']}"
    if connection["status"] in ("connected", "pending"):
        done(text)
    else:
        warn(f"{text}: {cell(connection['status_reason'])}")


def _read(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise Problem(f"{file} is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise Problem(f"{file} holds no JSON object.", "docs/api.md shows a connection's configuration.")
    return document
