"""``hubctl connector``: what the hub can connect to, and whether a configuration fits."""

import os
from pathlib import Path

import typer
from rich.markup import escape

from hub.contracts.connector import DONE, ClientSettings, Exempt
from hub.contracts.errors import Invalid
from hub.contracts.grants import FixedToken
from hub.registry import CONNECTORS
from hubctl.console import out, table
from hubctl.fitting.document import read_document
from hubctl.fitting.steps import Fitting
from hubctl.problems import Problem
from hubctl.session import run_async

app = typer.Typer(help="CRMs that the hub knows, and configurations for others.", no_args_is_help=True)
_MARKS = {"fits": "[green]✓[/]", "doubtful": "[yellow]![/]", "wrong": "[red]✗[/]", "skipped": "[dim]·[/]"}


@app.command("list")
def show() -> None:
    """List the CRMs and what each connector can do."""
    rows = []
    for name, connector in CONNECTORS.items():
        card = connector.manifest.scorecard
        able = [str(capability) for capability, entry in card.items() if entry == DONE]
        rows.append([name, connector.manifest.title, ", ".join(connector.manifest.auth_types), ", ".join(able)])
    table(("crm", "name", "access", "can"), rows, empty="There are no connectors.")


@app.command("show")
def scorecard(crm_type: str) -> None:
    """Show a connector's scorecard: what it does, and why it does not do the rest."""
    connector = CONNECTORS.get(crm_type)
    if connector is None:
        raise Problem(f"There is no connector {crm_type!r}.", f"Connectors: {', '.join(CONNECTORS)}.")
    card = connector.manifest.scorecard
    rows = [[str(name), entry.reason if isinstance(entry, Exempt) else "done"] for name, entry in card.items()]
    table(("capability", "state"), rows, empty="")


@app.command("test")
@run_async
async def fit(
    file: Path = typer.Argument(..., help="The configuration, YAML or JSON."),  # noqa: B008
    write: bool = typer.Option(False, "--write", help="Create, change and delete a record of its own, too."),
    key: str = typer.Option(
        "", envvar="HUBCTL_CRM_KEY", help="The API key (user:password for basic).", prompt=True, hide_input=True
    ),
) -> None:
    """Try a configuration step by step against the live CRM, and say in words what does not fit."""
    document = read_document(file)
    connector = CONNECTORS.get(str(document.config.get("crm_type", "custom")))
    if connector is None:
        raise Problem(f"{file}: there is no connector {document.config['crm_type']!r}.")
    try:
        connector.check_config(document.config)
    except Invalid as error:
        line = document.line(str(error.details.get("field", "")))
        raise Problem(f"{file}{f', line {line}' if line else ''}: {error.message}") from error
    allow = tuple(part for part in os.environ.get("HUB_EGRESS_ALLOW", "").split(",") if part)
    client = connector.client(ClientSettings(document.config, FixedToken(key), egress_allow=allow))
    wrong = 0
    try:
        async for step in Fitting(connector, document.config, client, write=write).steps():
            wrong += step.verdict == "wrong"
            out.print(f"{_MARKS[step.verdict]} [bold]{step.name:<11}[/] {escape(step.words)}")
    finally:
        await client.close()
    if wrong:
        raise Problem(f"{wrong} steps do not fit.", "docs/connectors/custom.md explains every key.")
