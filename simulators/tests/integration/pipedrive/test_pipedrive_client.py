"""Pipedrive's own Node client, unchanged, against the simulator."""

import asyncio
import hashlib
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from simulators.pipedrive.app import running

_HERE = Path(__file__).parent / "client"


@pytest.fixture(scope="session")
def client_folder(pytestconfig: pytest.Config) -> Path:
    """Where the client is installed, as locked; kept between runs."""
    assert pytestconfig.cache
    lock = (_HERE / "package-lock.json").read_bytes()
    home = pytestconfig.cache.mkdir("pipedrive_client") / hashlib.sha256(lock).hexdigest()[:16]
    if not home.exists():
        _install(home)
    return home


def _install(home: Path) -> None:
    """Whole or not at all: another test run may be doing the same."""
    npm = shutil.which("npm")
    assert npm, "npm is needed: install Debian's nodejs and npm"
    with tempfile.TemporaryDirectory(dir=home.parent) as folder:
        made = Path(folder) / "made"
        shutil.copytree(_HERE, made)
        command = [npm, "ci", "--prefix", str(made), "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        status = os.spawnv(os.P_WAIT, npm, command)  # noqa: S606 - a list of our own
        assert status == 0, "npm ci failed"
        if not home.exists():
            made.rename(home)


async def test_the_client_works_unchanged(client_folder: Path) -> None:
    shutil.copy(_HERE / "drive.mjs", client_folder / "drive.mjs")
    async with running() as crm:
        process = await asyncio.create_subprocess_exec(
            "node", "--test", "drive.mjs", cwd=client_folder, env={**os.environ, "SIMULATOR": crm.url},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        output, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, output.decode()
    assert b"# pass 7" in output, output.decode()
