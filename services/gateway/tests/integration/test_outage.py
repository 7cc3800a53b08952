"""Without its database or bus the gateway says 503 and when to come again, and acknowledges nothing."""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.web.models_out import ErrorAnswer
from hub.bus import open_bus
from hub.bus.protocol import ConsumerOptions
from hub.contracts.cloudevents import Event
from hub.contracts.errors import Outcome
from hub.contracts.events import CRM_RECORD_RECEIVED
from hub.contracts.topology import TRANSFORMER
from hub.local.postgres import LocalPostgres
from hub.local.rabbitmq import LocalRabbitMQ
from hub.store.schema import migrate

BODY = json.dumps({"event": "lead.created", "data": {"id": "EXT-789", "fields": {"first_name": "Jane"}}}).encode()


@pytest.fixture
def own_postgres(server_folder: Path) -> Iterator[LocalPostgres]:
    """A server that the test may kill."""
    server = LocalPostgres(server_folder / f"gateway-{time.monotonic_ns()}" / "data")
    server.data_dir.parent.mkdir(mode=0o755)
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def database_url(own_postgres: LocalPostgres) -> str:
    """In place of the shared server's database."""
    await migrate(own_postgres.url)
    return own_postgres.url


async def ask(hub: Any, method: str, address: str, **arguments: Any) -> tuple[int, Any]:
    """Status and error; whatever happens, within ten seconds."""
    started = time.monotonic()
    async with hub.client.request(method, address, **arguments) as answer:
        text = await answer.text()
    assert time.monotonic() - started < 10
    if answer.status != 503:
        return answer.status, json.loads(text)
    error = ErrorAnswer.model_validate_json(text).error
    assert int(answer.headers["Retry-After"]) >= 1
    assert error.retry_after
    return 503, error.code


def webhook() -> dict[str, Any]:
    signature = hmac.new(b"the webhook's own secret", BODY, hashlib.sha256).hexdigest()
    return {"data": BODY, "headers": {"Content-Type": "application/json", "X-Webhook-Signature": f"sha256={signature}"}}


async def test_the_database_is_killed_and_comes_back(hub: Any, own_postgres: LocalPostgres) -> None:
    document = {"source": "s", "leads": [{"email": "a@example.com"}]}
    assert (await ask(hub, "POST", "/api/v1/external/leads/import", json=document))[0] == 202
    await asyncio.to_thread(own_postgres.kill)
    for method, address, arguments in (
        ("GET", "/api/v1/external/leads", {}),
        ("GET", "/api/v1/external/leads/export", {}),
        ("GET", "/api/v1/dashboard", {}),
        ("GET", "/api/v1/dashboard/events", {}),
        ("POST", "/api/v1/external/leads/import", {"json": document}),
        ("POST", "/api/v1/leads", {"json": {"email": "b@example.com"}}),
        ("POST", "/api/v1/webhooks/crm/custom", webhook()),
    ):
        status, code = await ask(hub, method, address, **arguments)
        assert (status, code) in ((503, "UNAVAILABLE"), (503, "TIMEOUT")), (address, code)
    async with hub.client.get("/readyz") as answer:
        assert answer.status == 503
    await asyncio.to_thread(own_postgres.start)

    async def works_again() -> bool:
        imported = await ask(hub, "POST", "/api/v1/external/leads/import", json=document)
        told = await ask(hub, "POST", "/api/v1/webhooks/crm/custom", **webhook())
        read = await ask(hub, "GET", "/api/v1/external/leads")
        return (imported[0], told[0], read[0]) == (202, 200, 200)

    await hub.until(works_again, 20)
    assert await hub.pool.fetchval("SELECT count(*) FROM control.import WHERE state = 'receiving'") == 0


@pytest.fixture(scope="module")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRabbitMQ]:
    """A broker that the test may kill."""
    node = LocalRabbitMQ(tmp_path_factory.mktemp("rabbitmq"))
    node.start()
    yield node
    node.stop()


async def test_webhooks_need_no_database_and_a_broker(
    own_postgres: LocalPostgres, database_url: str, rabbitmq: LocalRabbitMQ, make_hub: Any
) -> None:
    seen: list[Event] = []

    async def collect(events: Sequence[Event]) -> Mapping[str, Outcome]:
        seen.extend(events)
        return {}

    bus = open_bus(rabbitmq.url, name="test")
    await bus.connect()
    async with make_hub(database_url, bus_url=rabbitmq.url) as hub:
        await bus.consume(TRANSFORMER, collect, ConsumerOptions())
        await asyncio.to_thread(own_postgres.kill)
        status, first = await ask(hub, "POST", "/api/v1/webhooks/crm/custom", **webhook())
        assert status == 200
        await asyncio.to_thread(rabbitmq.kill)
        assert await ask(hub, "POST", "/api/v1/webhooks/crm/custom", **webhook()) == (503, "UNAVAILABLE")
        await asyncio.to_thread(rabbitmq.start)

        async def works_again() -> Any:
            return (await ask(hub, "POST", "/api/v1/webhooks/crm/custom", **webhook())) == (200, first)

        await hub.until(works_again, 30)

        async def both_arrived() -> bool:
            return len([event for event in seen if event.type == CRM_RECORD_RECEIVED]) >= 2

        await hub.until(both_arrived, 20)
        await asyncio.to_thread(own_postgres.start)
    await bus.close()


async def test_an_import_whose_sender_hangs_up_is_aborted(hub: Any) -> None:
    async def half() -> AsyncIterator[bytes]:
        for number in range(2000):
            yield b'{"external_id": %d, "city": "Ulm"}\n' % number
        await asyncio.sleep(0.5)
        raise RuntimeError("the sender dies")

    headers = {"Content-Type": "application/x-ndjson", "Authorization": f"Bearer {hub.key}", "Idempotency-Key": "k"}
    address = f"{hub.url}/api/v1/external/leads/import?source=s"
    async with aiohttp.ClientSession() as client:
        with pytest.raises((aiohttp.ClientError, RuntimeError)):
            await client.post(address, data=half(), headers=headers)

    async def aborted() -> Any:
        return await hub.pool.fetchrow("SELECT state, accepted FROM control.import WHERE state = 'aborted'")

    row = await hub.until(aborted)
    assert row["accepted"] >= 1000
    # The same key takes the aborted import's place.
    document = {"source": "s", "leads": [{"email": "a@example.com"}]}
    status, body = await ask(
        hub, "POST", "/api/v1/external/leads/import", json=document, headers={"Idempotency-Key": "k"}
    )
    assert (status, body["accepted"]) == (202, 1)
