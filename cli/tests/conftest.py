"""hubctl as an operator types it, against a database of its own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hub.vault import Keyring

Hubctl = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def keyring_file(tmp_path: Path) -> Path:
    file = tmp_path / "keyring.json"
    file.write_text(Keyring.generate().dumps())
    return file


@pytest.fixture
def hubctl(database_url: str, keyring_file: Path, tmp_path: Path) -> Hubctl:
    """Run a command as a program; the result has ``stdout``, ``stderr`` and ``returncode``."""
    environment = {"PATH": os.environ["PATH"], "HUB_DATABASE_URL": database_url, "HUB_KEYRING_FILE": str(keyring_file)}

    def run(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "hubctl", *words],
            env=environment | more,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run
