"""What a command works with: the settings of the hub it is pointed at, its database, vault and bus."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import asyncpg

from hub.bus import open_bus
from hub.bus.protocol import Bus
from hub.store.admin import Admin
from hub.store.pool import open_pool
from hub.vault import Keyring, Vault
from hubctl.problems import Problem

_BUS_SECONDS = 5.0
_LOCAL = Path(".local/hub.env")  # written by `hubctl run`
_LOCAL_DEMO = Path(".local/demo.json")

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Target:
    """The hub that commands work on: the environment's, else the local one started by ``hubctl run`` in this folder."""

    database_url: str
    bus_url: str
    keyring_file: str
    keyring: str
    gateway_url: str

    @property
    def effective_bus_url(self) -> str:
        """The bus named, else the embedded one in the database."""
        return self.bus_url or self.database_url

    def load_keyring(self) -> Keyring:
        """The vault's key ring. Raises UnusableKeyring."""
        return Keyring.load(self.keyring_file, self.keyring)


def target() -> Target:
    """Read the environment, or ``.local/hub.env`` where it names no database."""
    values = dict(os.environ)
    if not values.get("HUB_DATABASE_URL") and _LOCAL.exists():
        lines = (line.partition("=") for line in _LOCAL.read_text(encoding="utf-8").splitlines())
        values |= {name: value for name, equals, value in lines if equals}
    if not values.get("HUB_DATABASE_URL"):
        raise Problem("No hub is named.", "Set HUB_DATABASE_URL, or start a local hub here with: hubctl run")
    names = ("HUB_DATABASE_URL", "HUB_BUS_URL", "HUB_KEYRING_FILE", "HUB_KEYRING", "HUB_URL")
    return Target(*(values.get(name, "") for name in names))


def gateway(url: str, api_key: str) -> tuple[str, str]:
    """The gateway's address and a key: those given, else the local hub's. Problem when there is no key."""
    if not url and _LOCAL.exists():
        url = dict(line.split("=", 1) for line in _LOCAL.read_text(encoding="utf-8").splitlines()).get("HUB_URL", "")
    if not api_key and _LOCAL_DEMO.exists():
        api_key = str(json.loads(_LOCAL_DEMO.read_text(encoding="utf-8")).get("api_key", ""))
    if not api_key:
        raise Problem("An API key is needed.", "Give --api-key, or set HUB_API_KEY; hubctl key create makes one.")
    return (url or "http://127.0.0.1:8080").rstrip("/"), api_key


@asynccontextmanager
async def database(hub: Target | None = None) -> AsyncIterator[asyncpg.Pool]:
    """A small pool in the role ``hub_admin``."""
    pool = await open_pool(
        (hub or target()).database_url, "hub_admin", min_size=1, max_size=3, application_name="hubctl"
    )
    try:
        yield pool
    finally:
        await pool.close()


@asynccontextmanager
async def administration() -> AsyncIterator[Admin]:
    """The operator's statements, ready to use."""
    async with database() as pool:
        yield Admin(pool)


@asynccontextmanager
async def bus(hub: Target | None = None) -> AsyncIterator[Bus]:
    """The hub's bus, connected; Problem when it does not answer within five seconds."""
    line = open_bus((hub or target()).effective_bus_url, name="hubctl")
    try:
        try:
            async with asyncio.timeout(_BUS_SECONDS):
                await line.connect()
        except TimeoutError:
            raise Problem("The bus does not answer.", "Check HUB_BUS_URL, and that the broker runs.") from None
        yield line
    finally:
        await line.close()


def vault(pool: asyncpg.Pool, hub: Target | None = None) -> Vault:
    """The vault of the hub that is worked on."""
    return Vault(pool, (hub or target()).load_keyring())


def run_async(command: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, R]:
    """Let a coroutine function be a command."""

    @wraps(command)
    def call(*arguments: P.args, **options: P.kwargs) -> R:
        return asyncio.run(command(*arguments, **options))

    return call


async def account_id(admin: Admin, name: str) -> int:
    """The account of that name or id; Problem when there is none."""
    found = await admin.find_account(name)
    if found is None:
        raise Problem(f"There is no account {name!r}.", "hubctl account list shows them.")
    return found
