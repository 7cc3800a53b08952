"""``hubctl failed``: pushes that a CRM refused, or whose attempts ran out."""

import asyncpg
import typer

from hub.store.admin import LIST_FAILED_TARGETS
from hubctl.console import age, done, table
from hubctl.problems import Problem
from hubctl.session import administration, run_async

app = typer.Typer(help="Failed pushes to CRMs.", no_args_is_help=True)


@app.command("list")
@run_async
async def show(
    connection: int = typer.Option(0, help="Only this connection's."),
    limit: int = typer.Option(50, min=1, help="At most so many."),
) -> None:
    """List failed pushes and what the CRM said."""
    async with administration() as admin:
        rows = await admin.list(LIST_FAILED_TARGETS, connection or None, limit)
    headings = ("lead", "connection", "record", "attempts", "since", "code", "message")
    table(headings, [_cells(row) for row in rows], empty="There are no failed pushes.")


def _cells(row: asyncpg.Record) -> list[object]:
    place = f"{row['connection_id']} {row['connection']}"
    waited = age(row["desired_at"])
    return [f"MPP-{row['lead_id']}", place, row["external_id"], row["attempts"], waited, *_error(row["last_error"])]


def _error(error: object) -> tuple[str, str]:
    if not isinstance(error, dict):
        return "–", "–"
    text = str(error.get("message", "–"))
    return str(error.get("code", "–")), f"{error['field']}: {text}" if error.get("field") else text


@app.command("redrive")
@run_async
async def redrive(
    leads: list[str] = typer.Argument(None, help="Leads (123 or MPP-123); all failed ones unless given."),  # noqa: B008
    connection: int = typer.Option(0, help="Only this connection's."),
) -> None:
    """Try failed pushes again, once what the CRM complained of is repaired."""
    ids = [_lead_id(text) for text in leads or []]
    async with administration() as admin:
        count = await admin.redrive_targets(connection or None, ids or None)
    done(f"{count} pushes are due again")


def _lead_id(text: str) -> int:
    bare = text.upper().removeprefix("MPP-")
    if not bare.isascii() or not bare.isdigit():
        raise Problem(f"{text!r} is not a lead.", "Write 123 or MPP-123.")
    return int(bare)
