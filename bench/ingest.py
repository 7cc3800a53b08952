"""Signed webhooks through one gateway process, durable before the answer, against the floor and the usual stack."""

import asyncio
import hashlib
import hmac
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson
import uvloop

from bench import load
from bench.cores import Cores, Meter, pin, split
from bench.house import House, running
from hub.bus import open_bus
from hub.local.ports import free_port
from hub.store.pool import open_pool
from hub.vault import Keyring, Vault
from hubctl.provision import NewConnection, create_connection

_SECRET = "bench webhook secret"
_ROUNDS = 5
_MOST_ROUNDS = 10
_DISTURBED = 0.05  # share of the server's core that others may take before a round says little
_PEERS = Path(__file__).parent / "peers"


@dataclass(frozen=True)
class Round:
    """One server under load: what the client saw, and the share of a core that each party took meanwhile."""

    load: load.Load
    busy: Mapping[str, float]

    @property
    def cpu_microseconds(self) -> float:
        """CPU time of the server for one request."""
        return self.busy["server"] / self.load.rate * 1e6

    def undisturbed(self) -> bool:
        """Whether the server had its core to itself."""
        return self.busy["stolen"] <= _DISTURBED

    @property
    def utilisation(self) -> str:
        """Who was busy: the server should be, and nobody else should be near it."""
        server, stolen, client, broker = (f"{self.busy[n]:.0%}" for n in ("server", "stolen", "client", "broker"))
        return f"its core {server}, stolen {stolen}; the other: client {client}, broker {broker}"


@dataclass(frozen=True)
class IngestFigures:
    """The median round of each server."""

    hub: Round
    bare: Round
    usual: Round


def measure(count: int) -> IngestFigures:
    """Five rounds of hub, floor and usual stack in turn, over one RabbitMQ; the server has a core to itself.

    Where others worked on that core in some of them, there are up to ten, and the five least disturbed of each count.
    """
    with running("rabbitmq", services=("gateway",)) as house, split() as cores:
        asyncio.run(_connect(house))
        rounds: dict[str, list[Round]] = {"hub": [], "bare": [], "usual": []}
        with _peer("bare.py") as bare, _peer("usual.py", house.hub.bus_url, _SECRET) as usual:
            servers = {
                "hub": (_pid(house, "gateway"), house.hub.ports["gateway"], "/api/v1/webhooks/crm/custom"),
                "bare": (*bare, "/webhook"),
                "usual": (*usual, "/webhook"),
            }
            for pid, _, _ in servers.values():
                pin(pid, cores.server)
            for name in ("rabbitmq", "postgres"):
                pin(_pid(house, name), cores.others)
            for number in range(_MOST_ROUNDS):
                if all(len(list(filter(Round.undisturbed, done))) >= _ROUNDS for done in rounds.values()):
                    break
                for name, (pid, port, path) in servers.items():
                    requests = list(_requests(port, path, count if name != "usual" else count // 4, f"{name}{number}"))
                    rounds[name].append(_round(house, cores, pid, port, requests))
        return IngestFigures(*(_median(rounds[name]) for name in ("hub", "bare", "usual")))


def _round(house: House, cores: Cores, server: int, port: int, requests: list[bytes]) -> Round:
    processes = {
        "server": server,
        "client": os.getpid(),
        "broker": _pid(house, "rabbitmq"),
        "database": _pid(house, "postgres"),
    }
    meter = Meter(cores, processes)
    found = uvloop.run(load.run(port, requests))
    return Round(found, meter.stop())


def _pid(house: House, name: str) -> int:
    pid = house.hub.pid(name)
    assert pid
    return pid


def _median(rounds: list[Round]) -> Round:
    calmest = sorted(rounds, key=lambda each: each.busy["stolen"])[:_ROUNDS]
    return sorted(calmest, key=lambda each: each.load.rate)[len(calmest) // 2]


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
def _peer(script: str, *arguments: str) -> Iterator[tuple[int, int]]:
    """(process id, port) of another server, while it runs."""
    port = free_port()
    process = subprocess.Popen([sys.executable, _PEERS / script, str(port), *arguments])
    try:
        _wait_for(lambda: _listens(port))
        yield process.pid, port
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
