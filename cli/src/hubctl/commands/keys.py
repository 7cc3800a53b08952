"""``hubctl keys``: the key ring that wraps everything secret."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import typer

from hub.vault import Keyring
from hubctl.console import done, out, warn
from hubctl.problems import Problem

app = typer.Typer(help="The vault's key ring.", no_args_is_help=True)


@app.command("new")
def new(
    file: Path,
    add: bool = typer.Option(False, "--add", help="Add a fresh key to an existing ring and make it the current one."),
) -> None:
    """Write a key ring (mode 0600; - prints it). Keep a copy somewhere safe: without it the stored secrets are lost."""
    fresh = Keyring.generate(f"k{datetime.now(UTC):%Y%m%d%H%M%S}")
    if str(file) == "-":
        out.print(fresh.dumps(), soft_wrap=True)
        return
    if add:
        ring = Keyring.load(str(file), "")
        fresh = Keyring(fresh.current, {**ring.keys, **fresh.keys})
        temporary = file.with_suffix(".new")
        _write(temporary, fresh)
        temporary.replace(file)
        done(f"{file} has {len(fresh.keys)} keys, {fresh.current} is current; restart the services to use it")
        return
    try:
        _write(file, fresh)
    except FileExistsError:
        raise Problem(f"{file} exists.", "Overwriting it would lose secrets; --add puts a fresh key into it.") from None
    done(f"{file} is written")
    warn("Keep a copy somewhere safe: without it the stored secrets are lost.")


def _write(file: Path, ring: Keyring) -> None:
    with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as text:
        json.dump(json.loads(ring.dumps()), text, indent=2)
