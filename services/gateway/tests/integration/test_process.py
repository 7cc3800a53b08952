"""The gateway as the process that it is in production: it stops in order, and its log tells no secret."""

import asyncio
import hashlib
import hmac
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from hub.local.ports import free_port

BODY = b'{"event":"lead.created","data":{"id":"EXT-1","fields":{"notes":"canary-notes"}}}'


@pytest.fixture
def process(hub: Any, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], str, Path]]:
    """A second gateway over the same database: the process, its address, its log."""
    port, log = free_port(), tmp_path / "log"
    environment = {
        "PATH": os.environ["PATH"],
        "HUB_DATABASE_URL": hub.database_url,
        "HUB_KEYRING": hub.keyring.dumps(),
        "HUB_HTTP_PORT": str(port),
        "HUB_LOG_LEVEL": "debug",
    }
    with log.open("wb") as output:
        running = subprocess.Popen([sys.executable, "-m", "gateway"], env=environment, stdout=output, stderr=output)
    try:
        yield running, f"http://127.0.0.1:{port}", log
    finally:
        running.kill()
        running.wait()


async def ready(url: str) -> None:
    async with aiohttp.ClientSession() as client, asyncio.timeout(20):
        while True:
            try:
                async with client.get(f"{url}/readyz") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.05)


async def test_it_stops_in_order(hub: Any, process: Any) -> None:
    """What is in hand is finished; an open feed is ended; an import that is still being sent is told to come again."""
    running, url, _ = process
    await ready(url)

    async def endless() -> AsyncIterator[bytes]:
        yield b'{"email":"a@example.com"}\n' * 600
        running.send_signal(signal.SIGTERM)
        for _ in range(100):
            await asyncio.sleep(0.1)
            yield b'{"email":"b@example.com"}\n'

    headers = {"Authorization": f"Bearer {hub.key}", "Content-Type": "application/x-ndjson"}
    started = time.monotonic()
    async with (
        aiohttp.ClientSession(headers=headers) as client,
        client.get(f"{url}/api/v1/dashboard/events") as feed,
    ):
        waiting = asyncio.create_task(
            client.post(
                f"{url}/api/v1/leads",
                json={"email": "c@example.com"},
                headers={"Prefer": "wait=2", "Content-Type": "application/json"},
            )
        )
        await asyncio.sleep(0.2)
        async with client.post(f"{url}/api/v1/external/leads/import?source=s", data=endless()) as answer:
            body = await answer.json()
            assert (answer.status, body["error"]["code"]) == (503, "UNAVAILABLE")
            assert answer.headers["Retry-After"]
        async with asyncio.timeout(5):
            await feed.read()
        async with await waiting as answer:
            assert answer.status == 202
    assert await asyncio.to_thread(running.wait, 10) == 0
    assert time.monotonic() - started < 8
    row = await hub.pool.fetchrow("SELECT state, accepted FROM control.import")
    assert (row["state"], row["accepted"]) == ("aborted", body["error"]["details"]["accepted"])


async def test_the_log_and_the_metrics_tell_no_secret(hub: Any, process: Any) -> None:
    running, url, log = process
    await ready(url)
    secret = hub.key[17:]
    wrong = hub.key[:-6] + "canary"
    signature = hmac.new(b"the webhook's own secret", BODY, hashlib.sha256).hexdigest()
    signed = {"Content-Type": "application/json", "X-Webhook-Signature": f"sha256={signature}"}
    subscription = {
        "webhook_url": "https://crm.example.com/?token=canary-url",
        "events": ["lead.created"],
        "secret": "canary-subscription-secret",
    }
    async with aiohttp.ClientSession(url, headers={"Authorization": f"Bearer {hub.key}"}) as client:
        await client.get("/api/v1/external/leads", params={"email": "canary@example.com"})
        await client.get("/api/v1/external/leads", headers={"Authorization": f"Bearer {wrong}"})
        await client.post("/session", json={"api_key": hub.key})
        await client.post("/session", json={"api_key": wrong})
        await client.post("/api/v1/webhooks/subscriptions", json=subscription)
        await client.post("/api/v1/webhooks/subscriptions", json=subscription | {"events": ["x"]})
        await client.post("/api/v1/webhooks/crm/custom", data=BODY, headers=signed)
        await client.post("/api/v1/leads", json={"email": "canary@example.com", "notes": "canary-notes"})
        await client.get("/api/v1/external/leads", headers={"Authorization": "Bearer canary" + "x" * 9000})
        async with client.get("/metrics") as answer:
            metrics = await answer.text()
    assert 'hub_http_requests_total{method="POST",route="receive_webhook",status="200"} 1.0' in metrics
    running.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(running.wait, 10) == 0
    text = await asyncio.to_thread(log.read_text)
    assert '"route":"create_lead"' in text
    for canary in (secret, "canary", signature, hub.keyring.dumps()[20:60], "own secret"):
        assert canary not in text + metrics, canary
