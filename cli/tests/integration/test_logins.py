"""The services' own database logins: a password that PostgreSQL checks, and one role each."""

from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from hub.local.postgres import LocalPostgres
from hub.store.pool import open_pool
from hub.store.schema import migrate
from hubctl.logins import ROLES, login_name, make_logins, scram_verifier

PASSWORD = "a-password-of_32-letters-in-URLs"


@pytest.fixture(scope="module")
def strict_server(server_folder: Path) -> Iterator[LocalPostgres]:
    """A server that asks everybody but its owner for a password."""
    server = LocalPostgres(server_folder / "strict")
    server.start()
    rules = server.data_dir / "pg_hba.conf"
    rules.write_text("host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
    server.stop()
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def logins(strict_server: LocalPostgres) -> list[str]:
    await migrate(strict_server.url)
    connection = await asyncpg.connect(strict_server.url)
    try:
        await make_logins(connection, "an older password")
        return await make_logins(connection, PASSWORD)
    finally:
        await connection.close()


def url(server: LocalPostgres, name: str, password: str) -> str:
    return f"postgresql://{name}:{password}@127.0.0.1:{server.port}/postgres"


async def test_each_login_acts_as_its_role_and_as_no_other(strict_server: LocalPostgres, logins: list[str]) -> None:
    assert logins == [login_name(role) for role in ROLES]
    for role in ROLES:
        pool = await open_pool(url(strict_server, login_name(role), PASSWORD), role, max_size=1)
        assert await pool.fetchval("SELECT current_user") == role
        other = next(each for each in ROLES if each != role)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await pool.execute(f"SET ROLE {other}")
        await pool.close()


async def test_a_service_login_cannot_read_keys_even_without_its_role(
    strict_server: LocalPostgres, logins: list[str]
) -> None:
    connection = await asyncpg.connect(url(strict_server, "hub_login_audit", PASSWORD))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.fetch("SELECT * FROM control.api_key")
    await connection.close()


async def test_a_wrong_password_is_refused(strict_server: LocalPostgres, logins: list[str]) -> None:
    for wrong in ("an older password".replace(" ", "%20"), "nonsense"):
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(url(strict_server, "hub_login_gateway", wrong))


def test_a_verifier_says_nothing_of_the_password() -> None:
    assert PASSWORD not in scram_verifier(PASSWORD)
    assert scram_verifier(PASSWORD) != scram_verifier(PASSWORD)
