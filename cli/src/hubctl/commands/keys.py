"""``hubctl keys``: the key ring that wraps everything secret."""

import json
import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import typer

from hub.vault import Keyring
from hub.vault.rotation import rewrap, ring_keys_in_use
from hubctl.console import done, out, warn
from hubctl.problems import Problem
from hubctl.session import database, run_async, target

app = typer.Typer(help="The vault's key ring.", no_args_is_help=True)


@app.command("new")
def new(
    file: Path,
    add: bool = typer.Option(False, "--add", help="Add a fresh key to an existing ring and make it the current one."),
) -> None:
    """Write a key ring (mode 0600; - prints it). Keep a copy somewhere safe: without it the stored secrets are lost."""
    if str(file) == "-":
        out.print(Keyring.generate(_name()).dumps(), soft_wrap=True)
        return
    if add:
        ring = Keyring.load(str(file), "").turned(_name())
        _replace(file, ring)
        done(f"{file} has {len(ring.keys)} keys, {ring.current} is current; hubctl keys rotate brings it into use")
        return
    try:
        _write(file, Keyring.generate(_name()))
    except FileExistsError:
        raise Problem(f"{file} exists.", "Overwriting it would lose secrets; --add puts a fresh key into it.") from None
    done(f"{file} is written")
    warn("Keep a copy somewhere safe: without it the stored secrets are lost.")


@app.command("rotate")
@run_async
async def rotate() -> None:
    """Wrap everything with a fresh key, while the services run. After a crash, run it again: it goes on.

    Services on other machines need the new ring first: there, hubctl keys new FILE --add, hand the file out, and then
    this command, which finds the fresh key and makes no other.
    """
    file = _file()
    ring = Keyring.load(str(file), "")
    async with database() as pool:
        if await ring_keys_in_use(pool) <= {ring.current}:
            ring = ring.turned(_name())
            _replace(file, ring)
            done(f"{ring.current} is the ring's current key")
            warn("Keep a copy of the new ring somewhere safe.")
        else:
            done(f"going on with {ring.current}, which is current and not in use everywhere")
        count = await rewrap(pool, ring)
        old = sorted(ring.keys.keys() - await ring_keys_in_use(pool) - {ring.current})
    done(f"{count} data keys are wrapped with {ring.current}")
    if old:
        done(f"no longer in use: {', '.join(old)}; hubctl keys prune takes them out of the ring")


@app.command("prune")
@run_async
async def prune() -> None:
    """Take keys out of the ring that nothing is wrapped with any more. Backups of the database may still need them."""
    file = _file()
    ring = Keyring.load(str(file), "")
    async with database() as pool:
        kept = ring.only(await ring_keys_in_use(pool))
    gone = sorted(ring.keys.keys() - kept.keys.keys())
    if not gone:
        done("every key of the ring is in use")
        return
    _replace(file, kept)
    done(f"{', '.join(gone)} went out of {file}")
    warn("Backups of the database that were made before the rotation can only be read with the old ring.")


def _name() -> str:
    return f"k{datetime.now(UTC):%Y%m%d%H%M%S%f}"


def _file() -> Path:
    file = target().keyring_file
    if not file:
        hint = "Set HUB_KEYRING_FILE. A ring in HUB_KEYRING is changed by hand: hubctl keys new FILE --add helps."
        raise Problem("The key ring is in no file.", hint)
    return Path(file)


def _write(file: Path, ring: Keyring) -> None:
    with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as text:
        json.dump(json.loads(ring.dumps()), text, indent=2)
        text.flush()
        os.fsync(text.fileno())


def _replace(file: Path, ring: Keyring) -> None:
    """All of it or nothing, whatever happens meanwhile; the owner stays, for services read it as other users."""
    temporary = file.with_name(file.name + ".new")
    temporary.unlink(missing_ok=True)  # of a crash
    _write(temporary, ring)
    known = file.stat()
    with suppress(PermissionError):
        os.chown(temporary, known.st_uid, known.st_gid)
    temporary.chmod(known.st_mode & 0o777)
    temporary.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
