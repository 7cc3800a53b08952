"""Signed webhooks through one gateway process, durable before the answer, against the floor and the usual stack."""

import asyncio
import hashlib
import hmac
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson
import uvloop

from bench import load
from bench.house import House, running
from hub.bus import open_bus
from hub.local.ports import free_port
from hub.store.pool import open_pool
from hub.vault import Keyring, Vault
from hubctl.provision import NewConnection, create_connection

_SECRET = "bench webhook secret"
_ROUNDS = 3
_PEERS = Path(__file__).parent / "peers"


@dataclass(frozen=True)
class IngestFigures:
    """The median round of each server."""

    hub: load.Load
    bare: load.Load
    usual: load.Load


def measure(count: int) -> IngestFigures:
    """Three rounds of hub, floor and usual stack in turn, over one RabbitMQ; the server has a core to itself."""
    with running("rabbitmq", services=("gateway",)) as house:
        connection = asyncio.run(_connect(house))
        gateway = house.hub.pid("gateway")
        assert gateway
        os.sched_setaffinity(gateway, {0})
        os.sched_setaffinity(0, {1})
        path = f"/api/v1/webhooks/crm/custom/{connection}"
        rounds: dict[str, list[load.Load]] = {"hub": [], "bare": [], "usual": []}
        with _peer("bare.py") as bare, _peer("usual.py", house.hub.bus_url, _SECRET) as usual:
            ports = {
                "hub": (house.hub.ports["gateway"], path),
                "bare": (bare, "/webhook"),
                "usual": (usual, "/webhook"),
            }
            for number in range(_ROUNDS):
                for name, (port, where) in ports.items():
                    requests = list(_requests(port, where, count if name != "usual" else count // 4, f"{name}{number}"))
                    rounds[name].append(uvloop.run(load.run(port, requests)))
        return IngestFigures(*(_median(rounds[name]) for name in ("hub", "bare", "usual")))


def _median(loads: list[load.Load]) -> load.Load:
    return sorted(loads, key=lambda each: each.rate)[len(loads) // 2]


def _requests(port: int, path: str, count: int, label: str) -> Iterator[bytes]:
    for number in range(count):
        fields = {
            "first_name": "Jane",
            "last_name": f"Doe {number}",
            "email": f"{label}{number}@example.com",
            "phone": f"210-555-{number % 10_000:04d}",
            "status": "qualified",
            "city": "San Antonio",
            "notes": "asked for a quote for the family plan, call back on Monday",
        }
        body = orjson.dumps({"event": "lead.updated", "data": {"id": f"EXT-{label}-{number}", "fields": fields}})
        signature = hmac.new(_SECRET.encode(), body, hashlib.sha256).hexdigest()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
            f"X-Webhook-Signature: sha256={signature}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        yield head.encode() + body


@contextmanager
def _peer(script: str, *arguments: str) -> Iterator[int]:
    port = free_port()
    process = subprocess.Popen([sys.executable, _PEERS / script, str(port), *arguments])
    try:
        os.sched_setaffinity(process.pid, {0})
        _wait_for(lambda: _listens(port))
        yield port
    finally:
        process.terminate()
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _wait_for(reached: Callable[[], bool], within: float = 20.0) -> None:
    deadline = time.monotonic() + within
    while not reached():
        if time.monotonic() > deadline:
            raise TimeoutError("the peer did not start")
        time.sleep(0.1)


async def _connect(house: House) -> int:
    wish = NewConnection(
        "custom",
        "bench",
        {
            "crm_type": "custom",
            "auth_type": "api_key",
            "base_url": "http://127.0.0.1:9",
            "endpoints": {"get_leads": "/leads", "create_lead": "/leads", "update_lead": "/leads/{id}"},
        },
        "unused",
        _SECRET,
    )
    async with await open_pool(house.hub.database_url, None) as pool:
        ring = Keyring.load(str(house.hub.keyring_file), "")
        connection = await create_connection(pool, Vault(pool, ring), house.account, wish)
    bus = open_bus(house.hub.bus_url, name="bench")
    await bus.connect()
    await bus.close()
    await asyncio.sleep(3)  # the gateway looks for new connections every two seconds
    return connection
