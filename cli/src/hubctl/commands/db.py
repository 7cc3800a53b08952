"""``hubctl db``: the schema."""

import asyncio

import typer

from hub.store.schema import migrate
from hubctl.console import done
from hubctl.session import run_async, target

app = typer.Typer(help="The database schema.", no_args_is_help=True)


@app.command("migrate")
@run_async
async def migrate_database(
    wait: int = typer.Option(0, help="Seconds to wait for PostgreSQL to come up."),
) -> None:
    """Bring the schema to the newest version; does nothing when it is there already."""
    url = target().database_url
    deadline = asyncio.get_running_loop().time() + wait
    while True:
        try:
            await migrate(url)
            break
        except OSError:
            if asyncio.get_running_loop().time() > deadline:
                raise
            await asyncio.sleep(1)
    done("the schema is the newest")
