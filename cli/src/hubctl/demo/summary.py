"""What happened, in one screen."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from hubctl.demo.stage import Remembered, Stage
from hubctl.trial.subscriber import Subscriber

_FIGURES = """
    SELECT (SELECT count(*) FROM leads.lead WHERE account_id = $1) AS leads,
           (SELECT count(*) FROM leads.history WHERE account_id = $1) AS versions,
           (SELECT count(*) FROM leads.history WHERE account_id = $1 AND source LIKE 'crm/%') AS crm_changes,
           (SELECT count(*) FROM leads.history
            WHERE account_id = $1 AND source LIKE 'crm/%' AND version = 1) AS crm_new,
           (SELECT count(*) FROM leads.import_issue WHERE account_id = $1 AND severity = 'warning') AS warnings,
           (SELECT count(*) FROM sync.target WHERE account_id = $1 AND state = 'in_sync') AS in_sync,
           (SELECT count(*) FROM sync.target WHERE account_id = $1 AND state = 'failed') AS refused,
           (SELECT count(*) FROM audit.entry WHERE account_id = $1) AS audited"""


@dataclass(frozen=True, slots=True)
class Story:
    """The facts that the summary tells."""

    seconds: float
    fresh: bool
    quiet: bool
    imported: Mapping[str, Any]
    crm: Mapping[str, Any]
    figures: Mapping[str, Any]


async def figures(pool: asyncpg.Pool, account_id: int) -> Mapping[str, Any]:
    """Counts from the hub's tables."""
    row = await pool.fetchrow(_FIGURES, account_id)
    assert row
    return dict(row)


def show(console: Console, stage: Stage, known: Remembered, story: Story, subscriber: Subscriber) -> None:
    """Print the summary. What is to be copied is never broken into lines."""
    title = f"The hub is running · {stage.hub.bus} bus · ready in {story.seconds:.0f} s"
    happened = _happened(story, subscriber)
    console.print(Panel(happened, title=title, title_align="left", border_style="green", width=min(console.width, 100)))
    api = f"{stage.hub.url}/api/v1/external/leads?limit=2"
    lines = (
        ("Dashboard", f"{stage.hub.url}/#key={known.api_key}"),
        ("API, to try", f"{stage.hub.url}/docs"),
        ("Simulated CRM", f"{stage.crm.url}/_control/leads"),
        ("Data and logs", str(stage.folder)),
    )
    for name, text in lines:
        console.print(f"{name:15} [bold cyan]{escape(text)}[/]", soft_wrap=True)
    console.print("\nTry it:", soft_wrap=True)
    console.print(f"[bold]curl -s -H 'Authorization: Bearer {known.api_key}' '{api}'[/]", soft_wrap=True)
    console.print(
        "\n[dim]hubctl status and hubctl --help work on this hub, in this folder. Ctrl-C stops everything.[/]"
    )


def _happened(story: Story, subscriber: Subscriber) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    found, seen, hooks = story.figures, story.imported, story.crm["webhooks"]
    if story.fresh:
        grid.add_row("Sample file", f"{_numbers(seen, 'accepted')}, {_numbers(seen, 'rejected')} with the reason")
        merged = (
            f"{_numbers(seen, 'created')}, {seen.get('updated', 0) + seen.get('unchanged', 0)} merged as duplicates"
        )
        grid.add_row("", f"{merged}, {found['warnings']} doubtful values kept and listed")
    else:
        grid.add_row("Kept from before", "the sample file is not imported twice")
    grid.add_row("Golden leads", f"{found['leads']} in {found['versions']} versions, each with its history")
    grid.add_row("To the CRM", f"{found['in_sync']} in sync, {found['refused']} refused by it (hubctl failed list)")
    grid.add_row(
        "From the CRM", f"{found['crm_new']} new leads, {found['crm_changes'] - found['crm_new']} edits by people"
    )
    grid.add_row("", f"{hooks['sent']} signed webhooks in this run, its echoes of our own writes included")
    forged = f", {subscriber.forged} with a wrong signature" if subscriber.forged else ""
    grid.add_row("To a subscriber", f"{subscriber.received.total()} signed webhooks in this run{forged}")
    grid.add_row("Audit trail", f"{found['audited']} entries")
    if not story.quiet:
        grid.add_row("Still busy", "work goes on in the background; the dashboard shows it")
    return grid


def _numbers(counts: Mapping[str, Any], name: str) -> str:
    return f"{counts.get(name, 0)} {name}"
