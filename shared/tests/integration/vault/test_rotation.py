"""Rotating the ring: nothing sealed is lost, whatever dies in between, and services go on without a restart."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from hub.store.pool import open_pool
from hub.vault import Keyring, Vault
from hub.vault.rotation import rewrap, ring_keys_in_use
from hub.vault.vault import Unreadable


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    """As the operator, with 450 accounts."""
    pool = await open_pool(database_url, "hub_admin", max_size=4)
    await pool.execute("INSERT INTO control.account (name) SELECT 'a' || n FROM generate_series(1, 450) n")
    yield pool
    await pool.close()


def written(file: Path, ring: Keyring) -> Keyring:
    file.write_text(ring.dumps())
    return Keyring.load(str(file), "")


async def test_everything_is_wrapped_anew_and_opens_as_before(pool: asyncpg.Pool) -> None:
    old = Keyring.generate("old")
    sealed = {
        account: await Vault(pool, old).seal(account, "place", b"secret %d" % account) for account in range(1, 451)
    }
    new = old.turned("new")
    assert await rewrap(pool, new) == 450
    assert await rewrap(pool, new) == 0
    assert await ring_keys_in_use(pool) == {"new"}
    vault = Vault(pool, new.only(frozenset()))
    assert {account: await vault.open(account, "place", body) for account, body in sealed.items()} == {
        account: b"secret %d" % account for account in range(1, 451)
    }
    with pytest.raises(Unreadable):
        await Vault(pool, old).open(1, "place", sealed[1])


async def test_a_ring_that_cannot_open_a_key_changes_no_more(pool: asyncpg.Pool) -> None:
    for account in range(1, 301):
        await Vault(pool, Keyring.generate("old")).seal(account, "place", b"x")  # 300 different rings of that name
    with pytest.raises(Unreadable):
        await rewrap(pool, Keyring.generate("old").turned("new"))
    assert await ring_keys_in_use(pool) == {"old"}


async def test_a_rotation_that_died_half_way_is_finished_by_the_next(pool: asyncpg.Pool, database_url: str) -> None:
    old = Keyring.generate("old")
    sealed = {account: await Vault(pool, old).seal(account, "place", b"x") for account in range(1, 451)}
    new = old.turned("new")
    owner = await asyncpg.connect(database_url)
    await owner.execute(
        "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF OLD.account_id = 300 THEN RAISE 'died'; END IF; RETURN NEW; END $$"
    )
    await owner.execute("CREATE TRIGGER die BEFORE UPDATE ON control.data_key FOR EACH ROW EXECUTE FUNCTION die()")
    with pytest.raises(asyncpg.RaiseError):
        await rewrap(pool, new)
    assert await ring_keys_in_use(pool) == {"old", "new"}
    for vault in (Vault(pool, new), Vault(pool, new)):
        assert {await vault.open(account, "place", body) for account, body in sealed.items()} == {b"x"}
    await owner.execute("DROP TRIGGER die ON control.data_key")
    await owner.close()
    assert await rewrap(pool, new) == 250


async def test_a_running_service_reads_the_ring_again_when_it_needs_to(pool: asyncpg.Pool, tmp_path: Path) -> None:
    file = tmp_path / "ring.json"
    service = Vault(pool, written(file, Keyring.generate("old")))
    other = Vault(pool, Keyring.load(str(file), ""))
    sealed = await service.seal(1, "place", b"one")
    ring = written(file, Keyring.load(str(file), "").turned("new"))
    await rewrap(pool, ring)
    written(file, ring.only(frozenset()))
    assert await service.open(1, "place", sealed) == b"one"
    assert await other.open(1, "place", sealed) == b"one"  # it had not seen that data key before
    await service.seal(2, "place", b"two")  # an account without a data key: made with the ring's present key
    assert await ring_keys_in_use(pool) == {"new"}
