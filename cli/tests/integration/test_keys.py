"""``hubctl keys``: rotation by an operator, while secrets are in use."""

import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from hub.store.pool import open_pool
from hub.vault import Keyring, Vault

Hubctl = Callable[..., subprocess.CompletedProcess[str]]


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def ring(file: Path) -> Keyring:
    return Keyring.load(str(file), "")


@pytest.fixture
def shared_ring(keyring_file: Path) -> Path:
    keyring_file.chmod(0o640)
    return keyring_file


async def test_rotate_and_prune(hubctl: Hubctl, database_url: str, shared_ring: Path) -> None:
    hubctl("account", "create", "Agency")
    keyring_file = shared_ring
    pool = await open_pool(database_url, "hub_admin")
    sealed = await Vault(pool, ring(keyring_file)).seal(1, "place", b"secret")
    before = ring(keyring_file)
    made = hubctl("keys", "rotate")
    assert made.returncode == 0, made.stderr
    assert "1 data keys" in made.stderr
    after = ring(keyring_file)
    assert after.current != before.current
    assert before.keys.items() < after.keys.items()
    assert mode(keyring_file) == 0o640
    assert await Vault(pool, after).open(1, "place", sealed) == b"secret"

    assert hubctl("keys", "prune").returncode == 0
    assert list(ring(keyring_file).keys) == [after.current]
    assert await Vault(pool, ring(keyring_file)).open(1, "place", sealed) == b"secret"
    assert "in use" in hubctl("keys", "prune").stderr
    await pool.close()


async def test_a_ring_that_was_handed_out_first_is_brought_into_use(
    hubctl: Hubctl, database_url: str, keyring_file: Path
) -> None:
    hubctl("account", "create", "Agency")
    pool = await open_pool(database_url, "hub_admin")
    await Vault(pool, ring(keyring_file)).seal(1, "place", b"secret")
    assert hubctl("keys", "new", str(keyring_file), "--add").returncode == 0
    handed_out = ring(keyring_file)
    keyring_file.with_name(keyring_file.name + ".new").write_text("of a crash")
    assert hubctl("keys", "rotate").returncode == 0
    assert ring(keyring_file) == handed_out
    assert await pool.fetchval("SELECT ring_key_id FROM control.data_key") == handed_out.current
    assert hubctl("keys", "rotate").returncode == 0
    assert ring(keyring_file).current != handed_out.current
    await pool.close()


def test_a_ring_in_the_environment_is_not_changed(hubctl: Hubctl, keyring_file: Path) -> None:
    refused = hubctl("keys", "rotate", HUB_KEYRING_FILE="", HUB_KEYRING=keyring_file.read_text())
    assert refused.returncode == 1
    assert "HUB_KEYRING_FILE" in refused.stderr
