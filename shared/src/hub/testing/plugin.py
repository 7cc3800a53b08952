"""The pytest plugin: real servers, started once a run when the first test asks, and a clean environment."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from hub.contracts.ids import new_id
from hub.local.postgres import LocalPostgres
from hub.store.schema import migrate

_TEMPLATE = "hub_template"


@pytest.fixture(scope="session", autouse=True)
def clean_environment() -> Iterator[None]:
    """A developer's own ``HUB_…`` variables must not leak into a result."""
    kept = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("HUB_")}
    yield
    os.environ.update(kept)


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """A folder for servers' data that servers of another system user can reach too."""
    with tempfile.TemporaryDirectory(prefix="crmhub-test-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(scope="session")
def postgres(server_folder: Path) -> Iterator[LocalPostgres]:
    """A PostgreSQL server for the whole run, with a migrated template database."""
    server = LocalPostgres(server_folder / "postgres")
    server.start()
    try:
        asyncio.run(_make_template(server))
        yield server
    finally:
        server.stop()


async def _make_template(server: LocalPostgres) -> None:
    await _administer(server, f"CREATE DATABASE {_TEMPLATE}")
    await migrate(server.database_url(_TEMPLATE))


@pytest.fixture
async def database_url(postgres: LocalPostgres) -> AsyncIterator[str]:
    """A fresh database with the newest schema; dropped after the test."""
    name = f"test_{new_id().replace('-', '')}"
    await _administer(postgres, f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
    yield postgres.database_url(name)
    await _administer(postgres, f"DROP DATABASE {name} WITH (FORCE)")


async def _administer(server: LocalPostgres, statement: str) -> None:
    # A connection for each statement: a test may kill the server in between.
    connection = await asyncpg.connect(server.url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
