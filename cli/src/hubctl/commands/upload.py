"""``hubctl import``: a file of leads, streamed to the API."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from hubctl.console import done, err, table, warn
from hubctl.problems import Problem
from hubctl.session import gateway, run_async

FORMATS = {
    ".csv": "text/csv",
    ".tsv": "text/csv",
    ".ndjson": "application/x-ndjson",
    ".jsonl": "application/x-ndjson",
    ".json": "application/json",
}
_CHUNK = 256 * 1024
_POLL_SECONDS = 0.5


@run_async
async def upload(
    file: Path = typer.Argument(exists=True, dir_okay=False, help="CSV, NDJSON (.ndjson, .jsonl) or JSON."),  # noqa: B008
    source: str = typer.Option("", help="The system they come from; the file's name unless given."),
    url: str = typer.Option("", envvar="HUB_URL", help="The gateway's address; the local hub's unless given."),
    api_key: str = typer.Option("", envvar="HUB_API_KEY", help="A key that may import; the local demo's unless given."),
    wait: bool = typer.Option(True, help="Wait until every record is handled, and show those that were not taken."),
) -> None:
    """Import leads from a file, of any size."""
    kind = FORMATS.get(file.suffix.lower())
    if kind is None:
        raise Problem(f"{file.name} is of no known format.", f"Known endings: {', '.join(FORMATS)}.")
    url, api_key = gateway(url, api_key)
    headers = {"Authorization": f"Bearer {api_key}"}
    timeout = aiohttp.ClientTimeout(total=None, sock_read=120)
    async with aiohttp.ClientSession(url, headers=headers, timeout=timeout) as session:
        accepted = await send(session, file, kind, source or file.stem)
        read_in = f"{accepted['accepted']} accepted, {accepted['rejected']} rejected while reading"
        done(f"import {accepted['import_id']}: {read_in}")
        if wait:
            await _follow(session, accepted["import_id"])


async def send(session: aiohttp.ClientSession, file: Path, kind: str, source: str) -> dict[str, Any]:
    """Stream the file with a progress bar; the API's answer."""
    columns = (TextColumn(file.name), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task("", total=(await asyncio.to_thread(file.stat)).st_size)

        async def chunks() -> AsyncIterator[bytes]:
            with file.open("rb") as content:
                while chunk := await asyncio.to_thread(content.read, _CHUNK):
                    yield chunk
                    progress.advance(task, len(chunk))

        address = "/api/v1/external/leads/import"
        async with session.post(
            address, params={"source": source}, data=chunks(), headers={"Content-Type": kind}
        ) as answer:
            return await read(answer)


async def read(answer: aiohttp.ClientResponse) -> dict[str, Any]:
    """The JSON of an answer; Problem, in the API's own words, when it is an error."""
    try:
        document = await answer.json(content_type=None)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise Problem(f"{answer.url.origin()} answered {answer.status} with no JSON.", "Is that the hub's gateway?")
    if answer.status >= 400:
        error = document.get("error") or {}
        details = f" ({error['details']})" if error.get("details") else ""
        raise Problem(f"The hub refused it: {error.get('code')}: {error.get('message')}{details}")
    return document


async def _follow(session: aiohttp.ClientSession, import_id: str) -> None:
    with err.status("handling the records …"):
        while True:
            async with session.get(f"/api/v1/external/imports/{import_id}") as answer:
                state = await read(answer)
            if state["state"] in ("completed", "aborted"):
                break
            await asyncio.sleep(_POLL_SECONDS)
    counts = ", ".join(f"{state.get(name, 0)} {name}" for name in ("created", "updated", "unchanged", "rejected"))
    (done if state["state"] == "completed" else warn)(f"{state['state']}: {counts}")
    rejected = state.get("rejections") or []
    if rejected:
        names = ("position", "external_id", "field", "code", "message")
        table(names, [[r.get(name) for name in names] for r in rejected], empty="")
