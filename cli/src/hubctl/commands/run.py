"""``hubctl run``: the whole hub on this machine, with four simulated CRMs and sample leads."""

import asyncio
import signal
import time
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import typer

from hubctl.console import done, err
from hubctl.problems import Problem

if TYPE_CHECKING:
    from hubctl.demo.stage import Stage


def run(
    bus: str = typer.Option("embedded", help="embedded (in PostgreSQL) or rabbitmq (a private node)."),
    folder: Path = typer.Option(Path(".local"), help="Where data and logs are kept."),  # noqa: B008
    port: int = typer.Option(8080, help="The gateway's port; the next free one when it is taken."),
    stay: bool = typer.Option(True, "--stay/--once", help="Stay until Ctrl-C, or stop after the summary."),
) -> None:
    """Start everything here: PostgreSQL, bus, five services, four simulated CRMs; leads flow between all of them."""
    from hubctl.demo.show import perform  # the local stack takes most of a second to load
    from hubctl.demo.stage import Stage, alone

    if bus not in ("embedded", "rabbitmq"):
        raise Problem(f"There is no bus {bus!r}.", "Use embedded or rabbitmq.")
    began = time.monotonic()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    with alone(folder):
        stage = Stage(folder, "rabbitmq" if bus == "rabbitmq" else "embedded", port)
        try:
            _start(stage)
            asyncio.run(perform(stage, began, stay=stay))
        except KeyboardInterrupt:
            err.print()
        finally:
            with err.status("stopping …"):
                stage.stop()
            done(f"stopped; data stays in {folder}")


def _start(stage: "Stage") -> None:
    servers = "PostgreSQL and RabbitMQ" if stage.hub.rabbitmq else "PostgreSQL"
    with err.status(f"starting {servers}, migrating …"):
        stage.hub.start_servers()
    done(f"{servers}: newest schema, key ring in place")
    with err.status("starting the services and four simulated CRMs …"):
        stage.start_crms()
        stage.hub.start_services()
    stage.write_environment()
    done(f"ready: {', '.join(sorted(stage.hub.services))}")
    done(f"simulated: {', '.join(each.vendor.title for each in stage.vendors)}, and a custom CRM")


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
