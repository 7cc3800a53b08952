"""The custom CRM as its clients see it."""

import asyncio
import hashlib
import hmac
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web

from simulators.custom.app import Running, running

KEY = {"Authorization": "Bearer k1"}


@pytest.fixture
async def crm(tmp_path: Path) -> AsyncIterator[Running]:
    """A CRM that listens."""
    async with running(tmp_path / "crm.sqlite", "k1") as crm:
        yield crm


Call = Callable[..., Any]


@pytest.fixture
async def call(crm: Running) -> AsyncIterator[Call]:
    """``await call(method, path, json)`` → (status, body)."""
    async with aiohttp.ClientSession(headers=KEY) as session:

        async def send(method: str, path: str, json: Any = None, **options: Any) -> tuple[int, Any]:
            async with session.request(method, crm.url + path, json=json, **options) as answer:
                content = await answer.read()
                return answer.status, orjson.loads(content) if content else None

        yield send


async def test_a_record_s_life(call: Call) -> None:
    status, created = await call("POST", "/v2/leads", {"first_name": "Ana", "external_id": "MPP-1", "colour": "red"})
    assert (status, created["id"], created["colour"]) == (201, "EXT-1", "red")
    assert created["created_at"] == created["updated_at"]
    assert await call("GET", "/v2/leads/EXT-1") == (200, created)

    status, patched = await call("PATCH", "/v2/leads/EXT-1", {"first_name": "Anna", "id": "EXT-9"})
    assert (status, patched["id"], patched["first_name"], patched["colour"]) == (200, "EXT-1", "Anna", "red")
    assert patched["updated_at"] > created["updated_at"]

    status, replaced = await call("PUT", "/v2/leads/EXT-1", {"last_name": "B"})
    assert set(replaced) == {"id", "created_at", "updated_at", "last_name"}

    assert await call("DELETE", "/v2/leads/EXT-1") == (204, None)
    status, error = await call("GET", "/v2/leads/EXT-1")
    assert (status, error["error"]["code"]) == (404, "NOT_FOUND")


async def test_lists_are_paged_and_filtered(call: Call) -> None:
    await call("POST", "/_control/seed", {"count": 120})
    status, page = await call("GET", "/v2/leads?page=3&per_page=50")
    assert (status, len(page["data"]), page["total"]) == (200, 20, 120)
    someone = page["data"][0]
    assert (await call("GET", f"/v2/leads?email={someone['email'].upper()}"))[1]["data"] == [someone]
    await call("PATCH", f"/v2/leads/{someone['id']}", {"external_id": "MPP-7"})
    assert (await call("GET", "/v2/leads?external_id=MPP-7"))[1]["total"] == 1
    assert (await call("GET", "/v2/leads?external_id=MPP-8"))[1]["data"] == []
    assert (await call("GET", f"/v2/leads?updated_since={someone['updated_at']}"))[1]["total"] == 20
    assert (await call("GET", "/v2/leads?updated_since=2999-01-01"))[1]["total"] == 0


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "field"),
    [
        ("POST", "/v2/leads", {"email": "nonsense"}, 422, "email"),
        ("POST", "/v2/leads", {"first_name": 5}, 422, "first_name"),
        ("POST", "/v2/leads", {"notes": "x" * 4001}, 422, "notes"),
        ("POST", "/v2/leads", [], 422, None),
        ("PATCH", "/v2/leads/EXT-99", {}, 404, None),
        ("GET", "/v2/leads?page=0", None, 422, "page"),
        ("GET", "/v2/leads/EXT-x", None, 404, None),
        ("PUT", "/_control/faults", {"latency": 1}, 422, None),
    ],
)
async def test_refusals_are_json(call: Call, method: str, path: str, body: Any, status: int, field: str | None) -> None:
    got, error = await call(method, path, body)
    assert (got, error["error"]["field"]) == (status, field)
    assert set(error["error"]) == {"code", "message", "field"}


async def test_a_key_is_needed(call: Call) -> None:
    for headers in ({"Authorization": "Bearer k2"}, {"Authorization": "k1"}, {"Authorization": "Bearer k1é"}):
        assert (await call("GET", "/v2/leads", headers=headers))[0] == 401


async def test_faults_come_as_ordered(call: Call) -> None:
    await call("PUT", "/_control/faults", {"rate_limit_next": 1, "error_next": 1, "reset_after_next": 1})
    assert (await call("GET", "/v2/leads"))[0] == 429
    assert (await call("GET", "/v2/leads"))[0] == 500
    with pytest.raises(aiohttp.ClientError):
        await call("POST", "/v2/leads", {"external_id": "MPP-1"})
    _, counters = await call("GET", "/_control/counters")
    assert (counters["leads"], counters["creations"], counters["duplicates"]) == (1, 1, {})
    await call("POST", "/v2/leads", {"external_id": "MPP-1"})
    assert (await call("GET", "/_control/counters"))[1]["duplicates"] == {"MPP-1": 2}
    await call("PUT", "/_control/faults", {"rate": 5})
    statuses = [(await call("GET", "/v2/leads"))[0] for _ in range(10)]
    assert 4 <= statuses.count(429) <= 6


async def _hub() -> tuple[web.AppRunner, str, list[tuple[Any, bytes]]]:
    heard: list[tuple[Any, bytes]] = []

    async def hear(request: web.Request) -> web.Response:
        heard.append((request.headers.copy(), await request.read()))
        return web.Response(status=500 if len(heard) == 1 else 200)  # the first is sent again

    app = web.Application()
    app.router.add_post("/hook", hear)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}/hook", heard


async def _until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("mode", ["simple", "timestamped"])
async def test_people_s_edits_are_told_signed(call: Call, mode: str) -> None:
    runner, url, heard = await _hub()
    target = {"url": url, "secret": "s1", "mode": mode, "echo": False}
    await call("PUT", "/_control/webhook", target)
    await call("POST", "/v2/leads", {"first_name": "by the API"})
    await call("POST", "/_control/leads", {"first_name": "Ana"})
    await _until(lambda: len(heard) == 2)
    assert heard[0][1] == heard[1][1]
    headers, body = heard[1]
    stamp = headers.get("X-Webhook-Timestamp", "")
    message = body if mode == "simple" else f"{stamp}.".encode() + body
    expected = "sha256=" + hmac.new(b"s1", message, hashlib.sha256).hexdigest()
    assert headers["X-Webhook-Signature"] == expected
    document = orjson.loads(body)
    assert document["event"] == "lead.created"
    assert document["data"]["id"] == "EXT-2"
    assert document["data"]["fields"]["first_name"] == "Ana"
    await runner.cleanup()


async def test_an_echo_and_the_bare_body(call: Call) -> None:
    runner, url, heard = await _hub()
    await call("PUT", "/_control/webhook", {"url": url, "secret": "s1", "plain": True})
    await call("POST", "/v2/leads", {"first_name": "by the API"})
    await _until(lambda: len(heard) == 2)
    assert set(orjson.loads(heard[1][1])) == {"event", "data"}
    await runner.cleanup()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _started(command: list[str]) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout
    process.stdout.readline()
    return process


async def test_as_a_process_it_keeps_what_it_answered_for(tmp_path: Path) -> None:
    port = _free_port()
    command = [sys.executable, "-m", "simulators.custom", "--port", str(port), "--db", str(tmp_path / "crm.sqlite")]

    process = _started([*command, "--api-key", "k1"])
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", headers=KEY) as session:
        for number in range(20):
            async with session.post("/v2/leads", json={"external_id": f"MPP-{number}"}) as answer:
                assert answer.status == 201
    process.kill()
    process.communicate()
    process = _started([*command, "--api-key", "k1"])
    async with (
        aiohttp.ClientSession(f"http://127.0.0.1:{port}", headers=KEY) as session,
        session.post("/v2/leads", json={"external_id": "MPP-20"}) as answer,
    ):
        assert (await answer.json())["id"] == "EXT-21"
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode == 0
