"""Where the demonstration happens: the local hub, a simulated CRM and a subscriber, with what is remembered of them."""

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO

from hub.local.hub import BusKind, LocalHub
from hub.local.keeper import Keeper
from hub.local.ports import free_port
from hubctl.problems import Problem
from hubctl.trial.crm import SimulatedCrm

_CRM = "crm"


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a second run must find again (``demo.json``, mode 0600: it holds the demonstration's keys)."""

    crm_api_key: str
    webhook_secret: str
    subscriber_secret: str
    account_id: int = 0
    api_key: str = ""
    connection_id: int = 0
    subscription_id: int = 0
    subscriber_port: int = 0
    import_id: str = ""


class Stage:
    """The folder of a local hub and the programs that run in it."""

    def __init__(self, folder: Path, bus: BusKind, port: int) -> None:
        self.folder = folder.resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._file = self.folder / "demo.json"
        self.remembered = self._read()
        wishes = {"gateway": free_port(port), "postgres": free_port(15432), "rabbitmq": free_port(15672)}
        self.hub = LocalHub(self.folder, bus, ports=wishes)
        key, log = self.remembered.crm_api_key, self.hub.log("custom-crm")
        self.crm = SimulatedCrm(self.folder / "crm.sqlite", log, api_key=key, port=free_port(9100))
        self._keeper = Keeper({_CRM: self.crm})

    def start_crm(self) -> None:
        """Start the simulated CRM and wait until it answers."""
        self._keeper.start(_CRM)
        self.crm.wait_ready()

    def stop(self) -> None:
        """Stop the CRM, then the hub, in order."""
        self._keeper.close([_CRM])
        self.hub.stop()

    def remember(self, **facts: int | str) -> Remembered:
        """Keep facts for the next run."""
        self.remembered = replace(self.remembered, **facts)  # type: ignore[arg-type]  # names are checked by replace
        text = json.dumps(asdict(self.remembered), indent=2)
        with os.fdopen(os.open(self._file, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as out:
            out.write(text)
        return self.remembered

    def write_environment(self) -> None:
        """``hub.env``: with it other hubctl commands find this hub."""
        hub = self.hub
        values = {
            "HUB_DATABASE_URL": hub.database_url,
            "HUB_BUS_URL": hub.bus_url,
            "HUB_KEYRING_FILE": str(hub.keyring_file),
            "HUB_URL": hub.url,
        }
        (self.folder / "hub.env").write_text("".join(f"{k}={v}\n" for k, v in values.items()), encoding="utf-8")

    def _read(self) -> Remembered:
        try:
            return Remembered(**json.loads(self._file.read_text(encoding="utf-8")))
        except FileNotFoundError:
            crm, webhook, subscriber = (secrets.token_urlsafe(24) for _ in range(3))
            return Remembered(crm_api_key=crm, webhook_secret=webhook, subscriber_secret=subscriber)
        except (ValueError, TypeError):
            raise Problem(f"{self._file} cannot be read.", f"Start afresh: rm -r {self.folder}") from None


@contextmanager
def alone(folder: Path) -> Iterator[IO[bytes]]:
    """Hold a folder's lock; Problem when another hub runs in it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Problem(f"A hub is running in {folder} already.", "Stop it, or use another --folder.") from None
        yield lock
