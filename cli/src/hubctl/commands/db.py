"""``hubctl db``: the schema."""

import asyncio

import asyncpg
import typer

from hubctl.console import done
from hubctl.logins import make_logins
from hubctl.problems import Problem
from hubctl.session import run_async, target

app = typer.Typer(help="The database schema.", no_args_is_help=True)


@app.callback()
def _() -> None:
    """A group even while it has one command."""


@app.command("migrate")
@run_async
async def migrate_database(
    wait: int = typer.Option(0, help="Seconds to wait for PostgreSQL to come up."),
    logins: bool = typer.Option(False, "--logins", help="Also give each service a login of its own."),
    password: str = typer.Option("", envvar="HUBCTL_LOGIN_PASSWORD", help="The password of those logins."),
) -> None:
    """Bring the schema to the newest version; does nothing when it is there already."""
    from hub.store.schema import migrate  # SQLAlchemy and Alembic take half a second to load

    url = target().database_url
    if logins and not password:
        raise Problem("The logins need a password.", "Set HUBCTL_LOGIN_PASSWORD.")
    deadline = asyncio.get_running_loop().time() + wait
    while True:
        try:
            await migrate(url)
            break
        except (OSError, asyncpg.CannotConnectNowError):
            if asyncio.get_running_loop().time() > deadline:
                raise
            await asyncio.sleep(1)
    done("the schema is the newest")
    if logins:
        connection = await asyncpg.connect(url)
        try:
            names = await make_logins(connection, password)
        finally:
            await connection.close()
        done(f"logins: {', '.join(names)}")
