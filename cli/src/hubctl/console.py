"""How hubctl speaks: results on stdout, everything else on stderr."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

_PIPED_WIDTH = 240  # into a pipe or file, lines are not broken at a terminal's width
out = Console(highlight=False, width=None if sys.stdout.isatty() else _PIPED_WIDTH)
err = Console(stderr=True, highlight=False)


def done(text: str) -> None:
    """Say that something worked."""
    err.print(f"[green]✓[/] {escape(text)}")


def warn(text: str) -> None:
    """Say that something needs attention."""
    err.print(f"[yellow]![/] {escape(text)}")


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str) -> None:
    """Print rows under headings, or ``empty`` when there are none."""
    found = [[cell(value) for value in row] for row in rows]
    if not found:
        err.print(f"[dim]{escape(empty)}[/]")
        return
    grid = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for number, name in enumerate(columns):
        grid.add_column(name, overflow="fold", no_wrap=number == 0)
    for row in found:
        grid.add_row(*(escape(text) for text in row))
    out.print(grid)


def cell(value: Any) -> str:
    """A value as people read it."""
    if value is None:
        return "–"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    if isinstance(value, Mapping):
        return json.dumps(dict(value), ensure_ascii=False)
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value) or "–"
    return str(value)


def age(moment: datetime | None) -> str:
    """How long ago, roughly: ``40 s``, ``3 min``, ``5 h``, ``2 d``."""
    if moment is None:
        return "–"
    seconds = max(0.0, (datetime.now(UTC) - moment).total_seconds())
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
