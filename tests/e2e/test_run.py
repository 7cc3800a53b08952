"""`make run` as a newcomer sees it: a summary in two minutes, a curl that works, Ctrl-C, data kept for next time."""

import fcntl
import json
import os
import re
import shlex
import signal
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from hub.local.ports import free_port


@pytest.fixture(scope="module")
def folder(server_folder: Path) -> Path:
    return server_folder / "run"


class Run:
    """One `hubctl run`; ``text`` is what it printed."""

    def __init__(self, folder: Path, *words: str) -> None:
        environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        command = [sys.executable, "-u", "-m", "hubctl", "run", "--folder", str(folder), "--port", str(free_port())]
        self.text = ""
        self.process = subprocess.Popen(
            [*command, *words], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def until(self, sign: str) -> str:
        """Read until a line holds ``sign``; returns that line."""
        assert self.process.stdout
        for line in self.process.stdout:
            self.text += line
            if sign in line:
                return line
        raise AssertionError(f"{sign!r} was never printed:\n{self.text}")

    def end(self, how: signal.Signals | None = None) -> int:
        """Wait for its end, after a signal if wished; returns the exit code."""
        if how:
            self.process.send_signal(how)
        rest, _ = self.process.communicate(timeout=60)
        self.text += rest
        return self.process.returncode


@pytest.fixture
def first(folder: Path) -> Iterator[Run]:
    run = Run(folder)
    yield run
    if run.process.poll() is None:
        run.end(signal.SIGTERM)


def ask(curl: str) -> dict[str, Any]:
    """What the printed command would show."""
    words = shlex.split(curl)
    name, value = words[words.index("-H") + 1].split(": ", 1)
    request = urllib.request.Request(words[-1], headers={name: value})  # noqa: S310 - our own address
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        found: dict[str, Any] = json.loads(answer.read())
        return found


def processes_in(folder: Path) -> list[str]:
    """Processes that work in the folder; PostgreSQL's hold it as their working directory."""
    found = []
    for process in psutil.process_iter(["cmdline", "environ", "cwd"]):
        facts = [*(process.info["cmdline"] or []), process.info["cwd"] or "", *(process.info["environ"] or {}).values()]
        if any(str(folder) in fact for fact in facts) and process.pid != os.getpid():
            found.append(f"{process.pid} {process.info['cmdline']}")
    return found


def remembered(folder: Path) -> dict[str, Any]:
    file = folder / "demo.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    facts: dict[str, Any] = json.loads(file.read_text())
    return facts


def test_first_run_then_ctrl_c(first: Run, folder: Path) -> None:
    began = time.monotonic()
    curl = first.until("curl -s")
    assert time.monotonic() - began < 120
    assert re.search(r"1990 accepted, 10 rejected", first.text)
    for crm in ("Salesforce", "HubSpot", "Pipedrive", "Demo CRM"):
        holds, _, written = map(int, re.findall(rf"{crm} +(\d+) +(\d+) +(\d+)", first.text)[0])
        assert holds > 1000, first.text
        assert written > 1000, first.text
    assert re.search(r"\d+ of them were recognised", first.text)
    assert re.search(r"entered in \w+; in the hub after", first.text)
    assert re.search(r"http://127.0.0.1:\d+/#key=mpp_", first.text)
    assert len(ask(curl)["leads"]) == 2
    assert first.end(signal.SIGINT) == 0
    assert "stopped" in first.text
    assert processes_in(folder) == []


def test_second_run_on_the_other_bus_keeps_everything(folder: Path) -> None:
    if not (folder / "demo.json").exists():
        assert Run(folder, "--once").end() == 0
    before = remembered(folder)
    second = Run(folder, "--once", "--bus", "rabbitmq")
    second.until("Try it")
    assert second.end() == 0
    assert "not imported twice" in second.text
    assert int(re.findall(r"Golden leads +(\d+) in", second.text)[0]) > 1800
    after = remembered(folder)
    assert {name: after[name] for name in before if name != "subscriber_port"} == {
        name: before[name] for name in before if name != "subscriber_port"
    }
    assert processes_in(folder) == []


def test_a_folder_holds_one_hub_at_a_time(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused = Run(folder, "--once")
        assert refused.end() == 1
    assert "running in" in refused.text
    assert "Traceback" not in refused.text
