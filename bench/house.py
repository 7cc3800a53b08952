"""A hub to measure: running, with an account, a key and what else a benchmark asks for."""

import asyncio
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from hub.local.hub import SERVICES, BusKind, LocalHub
from hub.store.admin import Admin
from hub.store.pool import open_pool
from hubctl.provision import create_key


@dataclass(frozen=True)
class House:
    """A running hub."""

    hub: LocalHub
    account: int
    key: str

    def resident(self) -> dict[str, float]:
        """Resident memory of each service now, MB."""
        sizes = {}
        for name in self.hub.services:
            pid = self.hub.pid(name)
            if pid:
                sizes[name] = psutil.Process(pid).memory_info().rss / 1e6
        return sizes


@contextmanager
def running(
    bus: BusKind, services: Sequence[str] = SERVICES, settings: Mapping[str, str] | None = None
) -> Iterator[House]:
    """Start a hub in a folder of its own; stop and remove it afterwards."""
    with tempfile.TemporaryDirectory(prefix="crmhub-bench-") as folder:
        Path(folder).chmod(0o755)
        told = {"HUB_LOG_LEVEL": "warning", **(settings or {})}
        hub = LocalHub(Path(folder) / "hub", bus, services=services, settings=told)
        hub.start()
        try:
            account, key = asyncio.run(_account(hub))
            yield House(hub, account, key)
        finally:
            hub.stop()


async def _account(hub: LocalHub) -> tuple[int, str]:
    async with await open_pool(hub.database_url, None) as pool:
        account = await Admin(pool).create_account("bench", "US")
        return account, await create_key(pool, account, "bench")
