"""What a keeper keeps running: a program that can be started, stopped, killed and started again on the same data."""

import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from hub.local.children import spawn, stop


class NotReady(RuntimeError):
    """A program did not come up; the message says where its log is."""


class Program(Protocol):
    """One program. ``LocalPostgres`` and ``LocalRabbitMQ`` are such."""

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""

    def start(self) -> None:
        """Start it on the data that is there."""

    def stop(self) -> None:
        """End it in order; returns when it has ended."""

    def kill(self) -> None:
        """``kill -9``; returns when it has ended."""


class PythonProgram:
    """``python -m <module>`` in the interpreter that runs us, its output appended to a log file."""

    def __init__(
        self, module: str, *, environment: Mapping[str, str], log_file: Path, arguments: Sequence[str] = ()
    ) -> None:
        self._command = [sys.executable, "-m", module, *arguments]
        self._environment = dict(environment)
        self.log_file = log_file
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    @property
    def exit_code(self) -> int | None:
        """How the last run ended; None while it runs or before it started."""
        return self._process.poll() if self._process else None

    def start(self) -> None:
        """Start it; does not wait until it answers (``wait_answering`` does)."""
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("ab") as log:
            self._process = spawn(self._command, environment=self._environment, log=log)

    def stop(self) -> None:
        """SIGTERM, and up to 20 seconds to finish what is in hand."""
        if self._process:
            stop(self._process)

    def kill(self) -> None:
        """``kill -9``."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()


def answers(url: str) -> bool:
    """Whether a GET of ``url`` is answered with 200."""
    try:
        with urllib.request.urlopen(url, timeout=3) as answer:  # noqa: S310 - our own http:// address on loopback
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def wait_answering(urls: Mapping[str, str], *, within: float, logs: Path) -> None:
    """Wait until every address (by program name) answers 200. Raises NotReady, naming those that do not."""
    deadline = time.monotonic() + within
    waiting = dict(urls)
    while waiting := {name: url for name, url in waiting.items() if not answers(url)}:
        if time.monotonic() > deadline:
            raise NotReady(f"not ready after {within:.0f} s: {', '.join(sorted(waiting))}; their logs are in {logs}")
        time.sleep(0.05)
