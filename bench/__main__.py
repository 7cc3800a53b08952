"""``make bench``: everything measured side by side in one run, as ratios; writes docs/benchmarks.md."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import importing, ingest, latency
from bench.bus import bench_bus
from bench.crms.rows import rows as crm_rows
from bench.report import Row, markdown, missed
from hub.local.hub import BusKind

_OUT = Path(__file__).parent.parent / "docs" / "benchmarks.md"


def bus_rows(quick: bool) -> list[Row]:
    """Events a second over RabbitMQ, against a message an event."""
    figures = bench_bus.measure(20_000 if quick else 100_000)
    return [
        Row("bus: publish", f"{figures.published:,.0f} events/s", f"FastStream {figures.peer_published:,.0f}",
            figures.published / figures.peer_published, "≥", 20),
        Row("bus: consume", f"{figures.consumed:,.0f} events/s", f"FastStream {figures.peer_consumed:,.0f}",
            figures.consumed / figures.peer_consumed, "≥", 20),
    ]  # fmt: skip


def ingest_rows(quick: bool) -> list[Row]:
    """Signed webhooks, durable before the answer."""
    found = ingest.measure(6_000 if quick else 30_000)
    load, bare, usual = found.hub.load, found.bare.load, found.usual.load
    hub = f"{load.rate:,.0f} requests/s, p50 {load.percentile(0.5):.1f} ms, p99 {load.percentile(0.99):.1f} ms"
    cpu, least = found.hub.cpu_microseconds, found.bare.cpu_microseconds
    return [
        Row("signed webhooks", hub, f"bare aiohttp that parses JSON {bare.rate:,.0f}", load.rate / bare.rate, "≥", 0.6),
        Row("signed webhooks", hub, f"FastAPI + FastStream with confirms {usual.rate:,.0f}",
            load.rate / usual.rate, "≥", 5),
        Row("CPU time of a signed webhook", f"{cpu:.0f} µs ({found.hub.utilisation})",
            f"bare aiohttp {least:.0f} µs ({found.bare.utilisation})", cpu / least),
    ]  # fmt: skip


def import_rows(quick: bool) -> list[Row]:
    """Leads, from HTTP to golden record with history, links, events and audit; and what memory it takes."""
    found = importing.measure("rabbitmq", 10_000 if quick else 100_000)
    largest = max(found.resident, key=lambda name: found.resident[name])
    first, again, second = f"{found.first:,.0f} leads/s", f"{found.again:,.0f} leads/s", "second import, 20 % changed"
    return [
        Row("import", first, f"INSERT … ON CONFLICT with look-up indexes {found.indexed:,.0f}",
            found.first / found.indexed, "≥", 0.15),
        Row("import", first, f"the same without look-up indexes {found.plain:,.0f}", found.first / found.plain),
        Row("import", first, f"dlt merge {found.dlt:,.0f}", found.first / found.dlt),
        Row(second, again, f"INSERT … ON CONFLICT with look-up indexes {found.indexed_again:,.0f}",
            found.again / found.indexed_again, "≥", 0.15),
        Row(second, again, f"the same without look-up indexes {found.plain_again:,.0f}",
            found.again / found.plain_again),
        Row(second, again, f"dlt merge {found.dlt_again:,.0f}", found.again / found.dlt_again),
        Row("memory of the largest service", f"{found.resident[largest]:.0f} MB ({largest})", "250 MB",
            found.resident[largest] / 250, "≤", 1),
    ]  # fmt: skip


def latency_rows(quick: bool) -> list[Row]:
    """A change by API until the CRM has it, the hub idle before."""
    rows = []
    kinds: tuple[BusKind, ...] = ("embedded", "rabbitmq")
    for bus in kinds:
        found = latency.measure(bus, 50 if quick else 200)
        shown = f"median {found.median:.0f} ms, p95 {found.p95:.0f} ms"
        rows.append(Row(f"change by API → CRM has it ({bus})", shown, "150 ms", found.p95 / 150, "≤", 1))
    return rows


SECTIONS: dict[str, Callable[[bool], list[Row]]] = {
    "bus": bus_rows,
    "ingest": ingest_rows,
    "import": import_rows,
    "latency": latency_rows,
    "crms": crm_rows,
}


def main() -> int:
    """Run the sections named (all, unless told), print the table, write the page; 1 when a goal was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", choices=[*SECTIONS, []], help="which to run")
    parser.add_argument("--quick", action="store_true", help="a tenth of the size; the page is not written")
    chosen = parser.parse_args()
    rows: list[Row] = []
    console = Console()
    for name in chosen.sections or SECTIONS:
        console.print(f"measuring {name} …")
        rows += SECTIONS[name](chosen.quick)
    table = Table("what", "the hub", "against", "ratio", "goal")
    for row in rows:
        table.add_row(
            row.what, row.hub, row.against, f"{row.ratio:.2f}", row.goal_text, style="red" if missed(row) else ""
        )
    console.print(table)
    if not chosen.quick and not chosen.sections:
        _OUT.write_text(markdown(rows), encoding="utf-8")
        console.print(f"written to {_OUT.relative_to(Path.cwd())}")
    return 1 if any(map(missed, rows)) else 0


if __name__ == "__main__":
    sys.exit(main())
