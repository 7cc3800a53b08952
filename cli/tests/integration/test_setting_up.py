"""Accounts, keys, connections, subscriptions: what an operator makes is what the services find."""

import json
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from hub.bus import open_bus
from hub.bus.protocol import ConsumerOptions
from hub.contracts.cloudevents import Event
from hub.contracts.errors import Outcome
from hub.contracts.events import CONNECTION_CONNECTED
from hub.contracts.topology import SYNC_WORKER
from hub.store.pool import open_pool
from hub.vault import Keyring, Vault
from hub.vault.api_keys import hash_secret, parse_api_key
from hubctl.trial.eventually import eventually

Hubctl = Callable[..., subprocess.CompletedProcess[str]]
CONFIG = {
    "crm_type": "custom",
    "auth_type": "api_key",
    "base_url": "https://api.customcrm.com/v2",
    "endpoints": {"get_leads": "/leads", "create_lead": "/leads", "update_lead": "/leads/{id}"},
}


@pytest.fixture
def agency(hubctl: Hubctl) -> str:
    assert hubctl("account", "create", "Agency").returncode == 0
    return "Agency"


def test_an_account_exists_once(hubctl: Hubctl, agency: str) -> None:
    assert "Agency" in hubctl("account", "list").stdout
    again = hubctl("account", "create", agency)
    assert again.returncode == 1
    assert "already" in again.stderr
    assert "Traceback" not in again.stderr


async def test_a_key_is_printed_once_and_stored_hashed(hubctl: Hubctl, agency: str, database_url: str) -> None:
    made = hubctl("key", "create", "--account", agency, "--name", "importer", "--role", "importer", "--days", "30")
    key = parse_api_key(made.stdout.strip())
    assert key, made
    connection = await asyncpg.connect(database_url)
    row = await connection.fetchrow("SELECT * FROM control.api_key")
    await connection.close()
    assert row
    assert row["id"] == key.id
    assert row["secret_hash"] == hash_secret(key.secret)
    assert row["expires_at"] is not None
    listed = hubctl("key", "list").stdout
    assert key.id in listed
    assert key.secret not in listed


def test_a_revoked_key_is_shown_as_such(hubctl: Hubctl, agency: str) -> None:
    key = hubctl("key", "create", "--account", agency, "--name", "old").stdout.strip()
    assert hubctl("key", "revoke", key).returncode == 0
    assert "revoked" in hubctl("key", "list").stdout
    assert hubctl("key", "revoke", "nosuchkey123").returncode == 1


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--account", "Nobody", "--name", "x"), "no account"),
        (("--account", "Agency", "--name", "x", "--role", "king"), "no role"),
        (("--account", "Agency", "--name", "x", "--scope", "all"), "no permission"),
        (("--account", "Agency", "--name", "x", "--ip", "300.1.1.1"), "not a network"),
    ],
)
def test_a_key_that_cannot_be_is_refused_in_words(
    hubctl: Hubctl, agency: str, words: tuple[str, ...], complaint: str
) -> None:
    refused = hubctl("key", "create", *words)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert complaint in refused.stderr


async def test_a_connection_is_sealed_and_announced(
    hubctl: Hubctl, agency: str, database_url: str, keyring_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "crm.json").write_text(json.dumps(CONFIG))
    made = hubctl("connection", "create", "--account", agency, "--config", "crm.json", "--name", "Main",
                  HUBCTL_CRM_API_KEY="crm-secret", HUBCTL_WEBHOOK_SECRET="hook-secret")  # fmt: skip
    assert made.returncode == 0, made.stderr
    pool = await open_pool(database_url, "hub_sync_worker")
    row = await pool.fetchrow("SELECT * FROM control.connection")
    assert row
    vault = Vault(pool, Keyring.load(str(keyring_file), ""))
    account, place = row["account_id"], f"connection:{row['id']}"
    assert await vault.open(account, f"{place}:credentials", row["credentials"]) == b"crm-secret"
    assert await vault.open(account, f"{place}:webhook_secret", row["webhook_secret"]) == b"hook-secret"
    await pool.close()
    heard = await first_event(database_url)
    assert (heard.type, heard.subject) == (CONNECTION_CONNECTED, place.replace(":", "/"))


async def first_event(database_url: str) -> Event:
    heard: list[Event] = []

    async def listen(events: list[Event]) -> dict[str, Outcome]:
        heard.extend(events)
        return {}

    async def arrived() -> list[Event]:
        return heard

    line = open_bus(database_url, name="test")
    await line.connect()
    subscription = await line.consume(SYNC_WORKER, listen, ConsumerOptions())  # type: ignore[arg-type]
    await eventually(arrived)
    await subscription.stop()
    await line.close()
    return heard[0]


def test_a_connection_is_paused_and_resumed(hubctl: Hubctl, agency: str, tmp_path: Path) -> None:
    (tmp_path / "crm.json").write_text(json.dumps(CONFIG))
    hubctl("connection", "create", "--account", agency, "--config", "crm.json", "--api-key", "k")
    assert hubctl("connection", "pause", "1").returncode == 0
    assert "paused" in hubctl("connection", "list").stdout
    assert hubctl("connection", "resume", "1").returncode == 0
    assert "connected" in hubctl("connection", "list").stdout
    assert hubctl("connection", "pause", "99").returncode == 1


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("{", "not JSON"), ("[]", "no JSON object"), ('{"base_url": "ftp://x"}', "base_url"), ("{}", "base_url")],
)
def test_a_configuration_that_cannot_be_used_is_refused(
    hubctl: Hubctl, agency: str, tmp_path: Path, text: str, complaint: str
) -> None:
    (tmp_path / "crm.json").write_text(text)
    refused = hubctl("connection", "create", "--account", agency, "--config", "crm.json", "--api-key", "k")
    assert refused.returncode == 1
    assert complaint in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_subscription_has_a_secret_that_is_shown_once(hubctl: Hubctl, agency: str) -> None:
    made = hubctl("subscription", "create", "https://crm.example.com/hook", "--account", agency)
    assert len(made.stdout.strip()) >= 32
    listed = hubctl("subscription", "list").stdout
    assert "crm.example.com" in listed
    assert made.stdout.strip() not in listed
    refused = hubctl("subscription", "create", "gopher://x", "--account", agency)
    assert refused.returncode == 1


def test_a_key_ring_is_private_and_not_overwritten(hubctl: Hubctl, tmp_path: Path) -> None:
    assert hubctl("keys", "new", "ring.json").returncode == 0
    file = tmp_path / "ring.json"
    first = Keyring.load(str(file), "")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert hubctl("keys", "new", "ring.json").returncode == 1
    assert hubctl("keys", "new", "ring.json", "--add").returncode == 0
    second = Keyring.load(str(file), "")
    assert first.keys.items() < second.keys.items()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert Keyring.loads(hubctl("keys", "new", "-").stdout).keys
