"""``hubctl account``: tenants."""

import asyncpg
import typer

from hub.store.admin import LIST_ACCOUNTS
from hubctl.console import done, table
from hubctl.problems import Problem
from hubctl.session import administration, run_async

app = typer.Typer(help="Accounts: each has its own leads, keys and connections.", no_args_is_help=True)


@app.command("create")
@run_async
async def create(
    name: str,
    region: str = typer.Option("US", help="Country (ISO 3166) whose phone numbers need no prefix."),
) -> None:
    """Create an account."""
    async with administration() as admin:
        try:
            account = await admin.create_account(name, region.upper())
        except asyncpg.UniqueViolationError:
            raise Problem(f"There is an account {name!r} already.", "hubctl account list shows them.") from None
    done(f"account {account} ({name}) is created")


@app.command("list")
@run_async
async def show() -> None:
    """List accounts."""
    async with administration() as admin:
        rows = await admin.list(LIST_ACCOUNTS)
    table(("id", "name", "region", "keys", "connections", "created"),
          [(r["id"], r["name"], r["default_region"], r["keys"], r["connections"], r["created_at"]) for r in rows],
          empty="There are no accounts yet: hubctl account create NAME")  # fmt: skip
