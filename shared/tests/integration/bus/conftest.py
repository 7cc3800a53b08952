"""Both transports, each on a server of its own that the tests may kill."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog

from hub.local.postgres import LocalPostgres
from hub.local.rabbitmq import LocalRabbitMQ
from hub.store.schema import migrate
from hub.testing.buses import Broker, Lab


@pytest.fixture(scope="session", autouse=True)
def plain_logs() -> None:
    """Tracebacks as plain text: these tests provoke many, and drawing each with its locals takes longer."""
    processors = (structlog.processors.add_log_level, structlog.processors.format_exc_info)
    structlog.configure(processors=[*processors, structlog.processors.KeyValueRenderer()])


@pytest.fixture(scope="session")
def private_rabbitmq(server_folder: Path) -> Iterator[LocalRabbitMQ]:
    """A RabbitMQ node that nobody else uses."""
    node = LocalRabbitMQ(server_folder / "bus-rabbitmq")
    node.start()
    yield node
    node.stop()


@pytest.fixture(scope="session")
def private_postgres(server_folder: Path) -> Iterator[LocalPostgres]:
    """A PostgreSQL server that nobody else uses, with the hub's schema."""
    server = LocalPostgres(server_folder / "bus-postgres" / "data")
    server.data_dir.parent.mkdir(mode=0o755)
    server.start()
    asyncio.run(migrate(server.url))
    yield server
    server.stop()


@pytest.fixture(params=["rabbitmq", "embedded"])
def broker(request: pytest.FixtureRequest) -> Broker:
    """The suite runs once for each transport."""
    name = {"rabbitmq": "private_rabbitmq", "embedded": "private_postgres"}[request.param]
    broker: Broker = request.getfixturevalue(name)
    return broker


@pytest.fixture
async def lab(broker: Broker) -> AsyncIterator[Lab]:
    """Buses on the broker, closed after the test."""
    lab = Lab(broker)
    yield lab
    await lab.close()
