"""Where the demonstration happens: the local hub, simulated CRMs and a subscriber, with what is remembered of them."""

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from hub.local.hub import BusKind, LocalHub
from hub.local.keeper import Keeper
from hub.local.ports import free_port
from hubctl.problems import Problem
from hubctl.trial.crm import SimulatedCrm
from hubctl.trial.vendors import VENDORS, SimulatedVendor

_CRM, _FIRST_CRM_PORT = "crm", 9100


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
    connections: dict[str, int] = field(default_factory=dict)  # with the vendors, by kind of CRM
    vendor_ports: dict[str, int] = field(default_factory=dict)


class Stage:
    """The folder of a local hub and the programs that run in it."""

    def __init__(self, folder: Path, bus: BusKind, port: int) -> None:
        self.folder = folder.resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._file = self.folder / "demo.json"
        self.remembered = self._read()
        wishes = {"gateway": free_port(port), "postgres": free_port(15432), "rabbitmq": free_port(15672)}
        self.vendors = self._vendors()
        settings = {name: value for vendor in self.vendors for name, value in vendor.settings().items()}
        self.hub = LocalHub(self.folder, bus, settings=settings, ports=wishes)
        key, log = self.remembered.crm_api_key, self.hub.log("custom-crm")
        self.crm = SimulatedCrm(self.folder / "crm.sqlite", log, api_key=key, port=free_port(_FIRST_CRM_PORT))
        self._keeper = Keeper({_CRM: self.crm, **{each.vendor.crm_type: each for each in self.vendors}})

    def start_crms(self) -> None:
        """Start the simulated CRMs and wait until they answer. Raises NotReady."""
        for name in (_CRM, *VENDORS):
            self._keeper.start(name)
        self.crm.wait_ready()
        for vendor in self.vendors:
            vendor.wait_ready()

    def stop(self) -> None:
        """Stop the hub, in order, then the CRMs: what the hub has written is in their memory."""
        try:
            self.hub.stop()
        finally:
            self._keeper.close([*VENDORS, _CRM])

    def remember(self, **facts: Any) -> Remembered:
        """Keep facts for the next run."""
        self.remembered = replace(self.remembered, **facts)
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

    def _vendors(self) -> list[SimulatedVendor]:
        """On the ports of the last run where they are free: a vendor names its own address in what it grants."""
        made, before = [], self.remembered.vendor_ports
        for number, (name, vendor) in enumerate(VENDORS.items(), start=1):
            port = free_port(before.get(name) or _FIRST_CRM_PORT + 100 * number)
            log = self.folder / "logs" / f"{name}.log"
            made.append(SimulatedVendor(vendor, log, port=port, memory=self.folder / f"{name}.memory"))
        self.remember(vendor_ports={each.vendor.crm_type: int(each.url.rpartition(":")[2]) for each in made})
        return made

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
