"""The commands, listed."""

import typer

from hubctl.commands import account, connection, connector, db, dead, failed, key, keys, subscription
from hubctl.commands.run import run
from hubctl.commands.settings import settings
from hubctl.commands.status import status
from hubctl.commands.upload import upload

app = typer.Typer(
    name="hubctl",
    help="Run, set up, inspect and repair the CRM hub.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run)
app.command("status")(status)
app.command("import")(upload)
app.command("settings")(settings)
for noun in (db, account, key, connection, connector, subscription, keys, dead, failed):
    app.add_typer(noun.app, name=noun.__name__.rpartition(".")[2])
