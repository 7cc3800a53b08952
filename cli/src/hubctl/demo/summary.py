"""What happened, in one screen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from hubctl.demo.crowd import crowd
from hubctl.demo.figures import Figures
from hubctl.demo.journey import Journey
from hubctl.demo.staff import Staff
from hubctl.demo.stage import Remembered, Stage
from hubctl.demo.vendors import VendorCrm
from hubctl.trial.subscriber import Subscriber

Desks = Sequence[tuple[VendorCrm, Staff]]


@dataclass(frozen=True, slots=True)
class Story:
    """The facts that the summary tells. ``before`` and ``found``: the hub's figures at the start and at the end."""

    seconds: float
    flow_seconds: float
    fresh: bool
    flowed: bool
    quiet: bool
    imported: Mapping[str, Any]
    created_by_crms: int  # leads that were new to the hub when the CRMs had been read
    before: Figures
    found: Figures
    journey: Journey
    custom: Mapping[str, Any]
    custom_work: str  # what people did in the custom CRM


async def show(
    console: Console, stage: Stage, story: Story, subscriber: Subscriber, desks: Desks, api: aiohttp.ClientSession
) -> None:
    """Print the summary. What is to be copied is never broken into lines."""
    title = f"The hub is running · {stage.hub.bus} bus · ready in {story.seconds:.0f} s"
    parts = {title: _happened(story, subscriber), "The CRMs": await _crms(stage, story, desks)}
    for name, content in (parts | {"One lead's way": _way(story.journey)}).items():
        width = min(console.width, 100)
        console.print(Panel(content, title=name, title_align="left", border_style="green", width=width))
    known = stage.remembered
    for name, text in _places(stage, known, desks):
        console.print(f"{name:15} [bold cyan]{escape(text)}[/]", soft_wrap=True)
    console.print("\n[dim]Consent pages; each works once, within ten minutes, and connects that CRM anew:[/]")
    for crm, _ in desks:
        console.print(f"{crm.title:15} [cyan]{escape(await crm.consent_page(api))}[/]", soft_wrap=True)
    address = f"{stage.hub.url}/api/v1/external/leads?limit=2"
    console.print("\nTry it:", soft_wrap=True)
    console.print(f"[bold]curl -s -H 'Authorization: Bearer {known.api_key}' '{address}'[/]", soft_wrap=True)
    console.print(
        "\n[dim]hubctl status and hubctl --help work on this hub, in this folder. Ctrl-C stops everything.[/]"
    )


def _places(stage: Stage, known: Remembered, desks: Desks) -> list[tuple[str, str]]:
    records = [(crm.title, f"{crm.url}/control/records/{crm.control.object}") for crm, _ in desks]
    return [
        ("Dashboard", f"{stage.hub.url}/#key={known.api_key}"),
        ("API, to try", f"{stage.hub.url}/docs"),
        *records,
        ("Demo CRM", f"{stage.crm.url}/_control/leads"),
        ("Data and logs", str(stage.folder)),
    ]


def _happened(story: Story, subscriber: Subscriber) -> Table:
    grid = _grid()
    found, seen = story.found.account, story.imported
    if story.fresh:
        grid.add_row("Sample file", f"{_numbers(seen, 'accepted')}, {_numbers(seen, 'rejected')} with the reason")
        merged = seen.get("updated", 0) + seen.get("unchanged", 0)
        doubtful = f"{found['warnings']} doubtful values kept and listed"
        grid.add_row("", f"{_numbers(seen, 'created')}, {merged} merged as duplicates, {doubtful}")
        grid.add_row("In the CRMs", _matched(story))
    else:
        grid.add_row("Kept from before", "the sample file is not imported twice, the CRMs know their records")
    grid.add_row("Golden leads", f"{found['leads']} in {found['versions']} versions, each with its history")
    forged = f", {subscriber.forged} with a wrong signature" if subscriber.forged else ""
    grid.add_row("To a subscriber", f"{subscriber.received.total()} signed webhooks in this run{forged}")
    grid.add_row("Audit trail", f"{found['audited']} entries")
    waiting = sum(row["due"] for row in story.found.connections.values())
    if story.flowed and story.quiet:
        grid.add_row("In step", f"everybody was everywhere after {story.flow_seconds:.0f} s; nothing waits")
    else:
        grid.add_row("Still flowing", f"{waiting} leads are on their way; the dashboard shows them arrive")
    return grid


def _matched(story: Story) -> str:
    records = sum(map(len, crowd().values()))
    known = records - story.created_by_crms
    return f"{records} leads of their own; {known} of them were recognised: known from another CRM"


async def _crms(stage: Stage, story: Story, desks: Desks) -> Table:
    grid = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for name in ("", "holds", "read", "written", "refused", "waiting", "calls", "webhooks", "people there"):
        grid.add_column(name, justify="left" if name in ("", "people there") else "right", no_wrap=name == "")
    limited = 0
    for crm, staff in desks:
        calls, held = await crm.control.calls(), len(await crm.control.records())
        limited += sum(calls["refused"].values())
        moved = (*_flow(story, crm.connection_id), calls["total"], (await crm.webhooks())["delivered"])
        grid.add_row(crm.title, str(held), *map(str, moved), staff.told())
    counters, number = story.custom, stage.remembered.connection_id
    moved = (*_flow(story, number), sum(counters["requests"].values()), counters["webhooks"]["sent"])
    grid.add_row("Demo CRM", str(counters["leads"]), *map(str, moved), story.custom_work)
    calm = f"{limited} calls were told to wait, and did" if limited else "no call was over a vendor's limits"
    grid.caption = f"refused: hubctl failed list has the CRM's reason for each; {calm}"
    grid.caption_justify = "left"
    return grid


def _flow(story: Story, connection_id: int) -> tuple[int, int, int, int]:
    row = story.found.connections.get(connection_id, {})
    before = story.before.connections.get(connection_id, {})
    written = row.get("written", 0) - before.get("written", 0)
    return row.get("read", 0), written, row.get("failed", 0), row.get("due", 0)


def _way(journey: Journey) -> Table:
    grid = _grid()
    if journey.in_hub is None:
        grid.add_row(journey.name, f"was entered in {journey.entered_in}, and is not in the hub yet")
        return grid
    grid.add_row(journey.name, f"entered in {journey.entered_in}; in the hub after {journey.in_hub:.1f} s")
    grid.add_row("", f"then in {_by_time(journey.reached)}")
    grid.add_row("", f"enrolled in the hub; {_by_time(journey.enrolled)}")
    grid.add_row("", f"which made {', '.join(f'{deal} in {title}' for title, deal in journey.deals.items())}")
    return grid


def _by_time(moments: Mapping[str, float]) -> str:
    in_order = sorted(moments.items(), key=lambda each: each[1])
    return ", ".join(f"{title} after {seconds:.1f} s" for title, seconds in in_order) or "no CRM yet"


def _grid() -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    return grid


def _numbers(counts: Mapping[str, Any], name: str) -> str:
    return f"{counts.get(name, 0)} {name}"
