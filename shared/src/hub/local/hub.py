"""The whole hub on one machine: PostgreSQL, a bus, five services, each a process of its own."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

import asyncpg

from hub.local.keeper import Keeper
from hub.local.ports import free_port
from hub.local.postgres import LocalPostgres
from hub.local.programs import Program, PythonProgram, wait_answering
from hub.local.rabbitmq import LocalRabbitMQ
from hub.store.schema import migrate
from hub.vault import Keyring

BusKind = Literal["embedded", "rabbitmq"]
SERVICES = ("audit", "webhook-dispatcher", "sync-worker", "transformer", "gateway")
_DATABASE = "hub"


class LocalHub:
    """A running hub; everything it keeps lies in ``folder`` and is found again by the next start.

    ``settings`` are further environment variables of all services. ``ports`` wishes ports for ``gateway``,
    ``postgres`` or ``rabbitmq``; all others are free ones. With ``supervise`` what dies is started again.
    ``kill``, ``restart`` and ``log`` know the services and, as ``postgres`` and ``rabbitmq``, the servers.
    """

    def __init__(
        self,
        folder: Path,
        bus: BusKind = "embedded",
        *,
        services: Sequence[str] = SERVICES,
        settings: Mapping[str, str] | None = None,
        ports: Mapping[str, int] | None = None,
        supervise: bool = True,
    ) -> None:
        wishes = dict(ports or {})
        self.folder = folder.resolve()
        self.bus = bus
        self.services = tuple(services)
        self.ports = {name: wishes.get(name) or free_port() for name in self.services}
        self._settings = dict(settings or {})
        self.postgres = LocalPostgres(self.folder / "postgres", wishes.get("postgres"))
        self.rabbitmq = LocalRabbitMQ(self.folder / "rabbitmq", wishes.get("rabbitmq")) if bus == "rabbitmq" else None
        self._programs: dict[str, Program] = {"postgres": self.postgres}
        if self.rabbitmq:
            self._programs["rabbitmq"] = self.rabbitmq
        for name in self.services:
            self._programs[name] = PythonProgram(
                name.replace("-", "_"), environment=self.environment(name), log_file=self.log(name)
            )
        self._keeper = Keeper(self._programs, restart=supervise)

    @property
    def url(self) -> str:
        """The gateway's address, without a slash at the end."""
        return f"http://127.0.0.1:{self.ports['gateway']}"

    @property
    def database_url(self) -> str:
        """The hub's database, as its owner."""
        return self.postgres.database_url(_DATABASE)

    @property
    def bus_url(self) -> str:
        """The bus that the services use."""
        return self.rabbitmq.url if self.rabbitmq else self.database_url

    @property
    def keyring_file(self) -> Path:
        """The vault's key ring."""
        return self.folder / "keyring.json"

    def start(self, within: float = 90.0) -> None:
        """Start servers, migrate, start services, and wait until all are ready. Raises NotReady and stops otherwise."""
        try:
            self.start_servers()
            self.start_services(within)
        except BaseException:
            self.stop()
            raise

    def start_servers(self) -> None:
        """PostgreSQL with the newest schema, the broker, the key ring; no services yet."""
        self.folder.mkdir(parents=True, exist_ok=True)
        _ensure_keyring(self.keyring_file)
        for name in ("postgres", "rabbitmq"):
            if name in self._programs:
                self._keeper.start(name)
        asyncio.run(_ensure_database(self.postgres.url, self.database_url))

    def start_services(self, within: float = 90.0) -> None:
        """Start all services and wait until they are ready."""
        for name in self.services:
            self._keeper.start(name)
        self.wait_ready(within)

    def wait_ready(self, within: float = 90.0, services: Sequence[str] | None = None) -> None:
        """Wait until services (all unless named) say that they and what they depend on are ready."""
        urls = {name: self.health_url(name) for name in services or self.services}
        wait_answering(urls, within=within, logs=self.folder / "logs")

    def health_url(self, service: str, path: str = "/readyz") -> str:
        """An address of a service's health endpoint."""
        return f"http://127.0.0.1:{self.ports[service]}{path}"

    def pid(self, name: str) -> int | None:
        """The process id of a service or server while it runs."""
        return self._programs[name].pid

    def log(self, name: str) -> Path:
        """The log file of a service."""
        return self.folder / "logs" / f"{name}.log"

    def kill(self, name: str) -> None:
        """``kill -9`` of a service or server; with ``supervise`` it is started again after half a second or more."""
        self._keeper.kill(name)

    def restart(self, name: str) -> None:
        """Start again, stopping in order first if it runs."""
        self._keeper.restart(name)

    def stop(self) -> None:
        """Stop in order: services first, so that they can finish what they have in hand."""
        self._keeper.close([name for name in reversed(self._programs) if name in self.services] + self._servers())

    def environment(self, service: str) -> dict[str, str]:
        """The environment of a service's process."""
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return {
            **inherited,
            "PYTHONUNBUFFERED": "1",
            "HUB_DATABASE_URL": self.database_url,
            "HUB_BUS_URL": self.bus_url,
            "HUB_KEYRING_FILE": str(self.keyring_file),
            "HUB_EGRESS_ALLOW": "127.0.0.0/8",
            "HUB_HTTP_PORT": str(self.ports[service]),
            "HUB_PUBLIC_URL": self.url if "gateway" in self.ports else "",
            **self._settings,
        }

    def _servers(self) -> list[str]:
        return [name for name in ("rabbitmq", "postgres") if name in self._programs]


def _ensure_keyring(file: Path) -> None:
    if not file.exists():
        with suppress(FileExistsError), open(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as out:  # noqa: PTH123 - a mode at creation needs os.open
            out.write(Keyring.generate().dumps())


async def _ensure_database(server_url: str, database_url: str) -> None:
    connection = await asyncpg.connect(server_url)
    try:
        if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", _DATABASE):
            await connection.execute(f"CREATE DATABASE {_DATABASE}")
    finally:
        await connection.close()
    await migrate(database_url)
