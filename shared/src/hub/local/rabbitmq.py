"""A RabbitMQ node of our own, from an installed ``rabbitmq-server``, on loopback ports."""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from hub.local.children import spawn, stop
from hub.local.ports import free_port

# Debian's /usr/sbin/rabbitmq-server insists on the system user and folders; the script behind it does not.
_DEBIAN_SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
_NO_AUTOSTART = Path("/usr/sbin/policy-rc.d")
_PROTOCOL_HEADER = b"AMQP\x00\x00\x09\x01"
_CONFIG = """\
listeners.tcp.1 = 127.0.0.1:{port}
vm_memory_high_watermark.absolute = 512MB
disk_free_limit.absolute = 64MB
raft.wal_max_size_bytes = 134217728
log.file.level = warning
"""
# One scheduler thread and no busy waiting: the node shares a small machine with the hub that is under test.
# "-noinput" beside RABBITMQ_ALLOW_INPUT makes the start script exec, so that our child is the node itself.
_ERLANG = "-noinput +S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}"


class NotInstalled(RuntimeError):
    """No ``rabbitmq-server`` on this machine, and it cannot be installed from here."""


def find_server() -> Path | None:
    """The server's start script, if one is installed."""
    if _DEBIAN_SERVER.exists():
        return _DEBIAN_SERVER
    found = shutil.which("rabbitmq-server")
    return Path(found) if found else None


def ensure_installed() -> Path:
    """The server's start script; installs Debian's package when it is missing and we are root.

    Raises NotInstalled, with what to do, where that is not possible.
    """
    server = find_server()
    if server:
        return server
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise NotInstalled("rabbitmq-server is not installed: run `apt-get install rabbitmq-server` as root")
    _apt_install()
    server = find_server()
    if not server:
        raise NotInstalled("the rabbitmq-server package was installed, but its server was not found")
    return server


def _apt_install() -> None:
    ours = not _NO_AUTOSTART.exists()
    if ours:  # invoke-rc.d asks this script; 101 forbids starting the system-wide node
        _NO_AUTOSTART.write_text("#!/bin/sh\nexit 101\n", encoding="utf-8")
        _NO_AUTOSTART.chmod(0o755)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "--no-install-recommends", "rabbitmq-server"]
    try:
        subprocess.run(["apt-get", "update"], env=environment, capture_output=True, check=False)
        subprocess.run(install, env=environment, capture_output=True, text=True, check=True)
    except subprocess.CalledProcessError as error:
        raise NotInstalled(f"installing rabbitmq-server failed: {error.stderr.strip()[-500:]}") from error
    finally:
        if ours:
            _NO_AUTOSTART.unlink()


class LocalRabbitMQ:
    """One node: data and logs in ``data_dir``, AMQP on 127.0.0.1, its own epmd; all end with this process."""

    def __init__(self, data_dir: Path, port: int | None = None) -> None:
        self.data_dir = data_dir.resolve()
        self.port = port or free_port()
        self._dist_port, self._epmd_port = free_port(), free_port()
        self._node: subprocess.Popen[bytes] | None = None
        self._epmd: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """``amqp://`` address of the node's default virtual host."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"

    @property
    def pid(self) -> int | None:
        """Process id of the Erlang virtual machine while it runs."""
        return self._node.pid if self._node and self._node.poll() is None else None

    def start(self, timeout: float = 60.0) -> None:
        """Start on the data that is there and wait until clients can connect."""
        server = ensure_installed()
        self.data_dir.mkdir(parents=True, exist_ok=True)
        (self.data_dir / "rabbitmq.conf").write_text(_CONFIG.format(port=self.port), encoding="utf-8")
        (self.data_dir / "enabled_plugins").write_text("[].\n", encoding="utf-8")
        environment = self._environment()
        with (self.data_dir / "console.log").open("ab") as log:
            if self._epmd is None or self._epmd.poll() is not None:
                self._epmd = spawn([shutil.which("epmd") or "epmd"], environment=environment, log=log)
                self._wait_listening(self._epmd_port, b"", self._epmd, timeout)
            self._node = spawn([server], environment=environment, log=log, directory=self.data_dir)
        self._wait_listening(self.port, _PROTOCOL_HEADER, self._node, timeout)

    def stop(self) -> None:
        """Orderly shutdown of the node and its epmd."""
        if self._node:
            stop(self._node)
        if self._epmd:
            stop(self._epmd)

    def kill(self) -> None:
        """``kill -9`` of the node; what it confirmed must be there after the next start."""
        if self._node:
            self._node.send_signal(signal.SIGKILL)
            self._node.wait()

    def restart(self, timeout: float = 60.0) -> None:
        """Kill the node if it runs, and start it again on the same data and port."""
        self.kill()
        self.start(timeout)

    def _environment(self) -> dict[str, str]:
        folder = str(self.data_dir)
        return {
            "PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
            "LANG": "C.UTF-8",
            "HOME": folder,  # holds the Erlang cookie
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_CRASH_DUMP_SECONDS": "0",
            "RABBITMQ_ALLOW_INPUT": "true",
            "RABBITMQ_CONF_ENV_FILE": f"{folder}/no-environment-file",
            "RABBITMQ_CONFIG_FILE": f"{folder}/rabbitmq.conf",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/enabled_plugins",
            "RABBITMQ_NODENAME": "hub@localhost",  # not by port: the data folder belongs to the name
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._dist_port),
            "RABBITMQ_MNESIA_BASE": f"{folder}/mnesia",
            "RABBITMQ_LOG_BASE": f"{folder}/log",
            "RABBITMQ_PID_FILE": f"{folder}/pid",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": _ERLANG,
        }

    def _wait_listening(self, port: int, hello: bytes, process: subprocess.Popen[bytes], timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while not _answers(port, hello):
            if process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"RabbitMQ did not start; see {self.data_dir / 'console.log'} and log/ beside it")
            time.sleep(0.05)


def _answers(port: int, hello: bytes) -> bool:
    """Whether a connection is accepted and, if ``hello`` is not empty, answered."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as probe:
            probe.sendall(hello)
            return not hello or probe.recv(1) == b"\x01"  # AMQP's method frame: connection.start
    except OSError:
        return False
