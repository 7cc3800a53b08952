"""``hubctl status``: is the hub well, and if not, where to look."""

from collections.abc import Mapping
from typing import Any

from hub.contracts.topology import QUEUES
from hubctl.console import age, cell, err, table
from hubctl.problems import explain
from hubctl.session import administration, bus, run_async


@run_async
async def status() -> None:
    """Show what waits, what failed, and what to do about it. Exit code 1 when something needs attention."""
    async with administration() as admin:
        overview = await admin.overview()
    table(("what", "count", "oldest"), _rows(overview), empty="")
    waiting, dead = await _queues()
    advice = _advice(overview, dead)
    table(("queue", "waiting", "dead"), [(name, waiting[name], dead[name]) for name in waiting], empty="")
    for text in advice:
        err.print(f"[yellow]![/] {text}")
    if advice:
        raise SystemExit(1)
    err.print("[green]✓[/] nothing needs attention")


def _rows(overview: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    return [
        ("accounts", cell(overview["accounts"]), ""),
        ("leads", cell(overview["leads"]), ""),
        ("imports being received", cell(overview["imports_receiving"]), ""),
        ("events to publish", cell(overview["lead_outbox"] + overview["sync_outbox"]), age(overview["outbox_oldest"])),
        ("pushes waiting", cell(overview["pushes_due"]), age(overview["pushes_oldest"])),
        ("pushes failed", cell(overview["pushes_failed"]), ""),
        ("deliveries waiting", cell(overview["deliveries_due"]), age(overview["deliveries_oldest"])),
        ("deliveries failed", cell(overview["deliveries_failed"]), ""),
    ]


async def _queues() -> tuple[dict[str, int | str], dict[str, int | str]]:
    waiting: dict[str, int | str] = {}
    dead: dict[str, int | str] = {}
    try:
        async with bus() as line:
            for queue in QUEUES:
                waiting[queue.name] = await line.depth(queue.name)
                dead[queue.name] = await line.depth(queue.dead)
    except Exception as error:
        problem = explain(error)
        if problem is None:
            raise
        waiting |= {queue.name: "?" for queue in QUEUES}
        dead |= {queue.name: problem.message for queue in QUEUES}
    return waiting, dead


def _advice(overview: Mapping[str, Any], dead: Mapping[str, int | str]) -> list[str]:
    advice = [
        f"{name} has {count} dead letters: hubctl dead list --queue {name.removeprefix('mpp.')}"
        if isinstance(count, int)
        else f"{name}: {count}"
        for name, count in dead.items()
        if count != 0
    ]
    if overview["pushes_failed"]:
        advice.append(f"{overview['pushes_failed']} pushes failed: hubctl failed list")
    if overview["deliveries_failed"]:
        advice.append(f"{overview['deliveries_failed']} deliveries failed: hubctl subscription failed")
    if overview["needs_reauth"]:
        advice.append(f"{overview['needs_reauth']} connections need new credentials: hubctl connection list")
    return advice
