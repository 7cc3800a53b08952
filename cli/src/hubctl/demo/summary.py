"""What happened, in one screen."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg
from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from hubctl.demo.stage import Remembered, Stage
from hubctl.demo.subscriber import Subscriber

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


def screen(stage: Stage, known: Remembered, story: Story, subscriber: Subscriber) -> Group:
    """The summary."""
    title = f"The hub is running · {stage.hub.bus} bus · ready in {story.seconds:.0f} s"
    happened = Panel(_happened(story, subscriber), title=title, title_align="left", border_style="green")
    return Group(happened, _addresses(stage, known), _try(stage, known))


def _happened(story: Story, subscriber: Subscriber) -> Table:
    grid = Table.grid(padding=(0, 2))
    found, seen, crm = story.figures, story.imported, story.crm
    if story.fresh:
        grid.add_row("Sample file", _numbers(seen, "accepted", "rejected"))
        grid.add_row(
            "", _numbers(seen, "created", "updated", "unchanged") + f", {found['warnings']} doubtful values kept"
        )
    else:
        grid.add_row(
            "Kept from before", f"{found['versions']} versions of leads; the sample file is not imported twice"
        )
    grid.add_row("Golden leads", f"{found['leads']}, each with history and provenance")
    grid.add_row(
        "To the CRM", f"{found['in_sync']} in sync, {found['refused']} refused by the CRM (hubctl failed list)"
    )
    hooks = crm["webhooks"]
    grid.add_row(
        "From the CRM",
        f"{hooks['sent']} webhooks: {found['crm_changes']} changes by people, {found['crm_new']} new leads",
    )
    grid.add_row(
        "To a subscriber",
        f"{subscriber.received.total()} signed webhooks" + f", {subscriber.forged} forged" * bool(subscriber.forged),
    )
    grid.add_row("Audit trail", f"{found['audited']} entries")
    if not story.quiet:
        grid.add_row("Still busy", "work goes on in the background; the dashboard shows it")
    return grid


def _numbers(counts: Mapping[str, Any], *names: str) -> str:
    return ", ".join(f"{counts.get(name, 0)} {name}" for name in names)


def _addresses(stage: Stage, known: Remembered) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_row("Dashboard", Text(f"{stage.hub.url}/#key={known.api_key}", style="bold cyan", overflow="fold"))
    grid.add_row("API, to try", Text(f"{stage.hub.url}/docs", style="cyan"))
    grid.add_row("Simulated CRM", Text(f"{stage.crm_url}/_control/leads", style="cyan"))
    grid.add_row("Logs, data", str(stage.folder))
    return grid


def _try(stage: Stage, known: Remembered) -> Text:
    curl = f"curl -s -H 'Authorization: Bearer {known.api_key}' '{stage.hub.url}/api/v1/external/leads?limit=2'"
    hint = "\n\nhubctl status and hubctl --help work on this hub, in this folder. Ctrl-C stops everything."
    return Text.assemble("\nTry it:\n", (curl, "bold"), hint, overflow="fold")
