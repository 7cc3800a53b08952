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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from hub.local.ports import free_port

CRMS = ("Salesforce", "HubSpot", "Pipedrive", "Demo CRM")


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


@dataclass(frozen=True)
class Row:
    """What the summary says of one CRM."""

    holds: int
    read: int
    written: int
    refused: int
    waiting: int


def crms(text: str) -> dict[str, Row]:
    """The table of CRMs by name."""
    rows = {name: re.findall(rf"{name} +(\d+) +(\d+) +(\d+) +(\d+) +(\d+) ", text) for name in CRMS}
    assert all(len(found) == 1 for found in rows.values()), text
    return {name: Row(*map(int, found[0])) for name, found in rows.items()}


def nobody_is_missing_or_doubled(text: str, deleted_in_hubspot: int) -> None:
    """Each lead is in each CRM once, but for those that it refused and those that its people deleted."""
    (golden,) = map(int, re.findall(r"Golden leads +(\d+) in", text))
    for name, crm in crms(text).items():
        deleted = deleted_in_hubspot if name == "HubSpot" else 0
        assert (crm.holds + crm.refused + deleted, crm.waiting) == (golden, 0), f"{name}: {text}"
        assert crm.refused < 60, f"{name} refuses more than e-mail addresses that are none: {text}"


def test_first_run_then_ctrl_c(first: Run, folder: Path) -> None:
    began = time.monotonic()
    curl = first.until("curl -s")
    assert time.monotonic() - began < 120
    assert re.search(r"1990 accepted, 10 rejected", first.text)
    (recognised,) = re.findall(r"730 leads of their own; (\d+) of them were recognised", first.text)
    assert int(recognised) >= 150, "those who are in two CRMs"
    assert re.search(r"everybody was everywhere after \d+ s; nothing waits", first.text)
    for name, crm in crms(first.text).items():
        assert crm.holds > 2200, name
        assert crm.written > 2000, name
        assert crm.read == {"Salesforce": 315, "HubSpot": 250, "Pipedrive": 165}.get(name, crm.read)
    nobody_is_missing_or_doubled(first.text, deleted_in_hubspot=1)
    assert re.search(r"entered in Salesforce; in the hub after [\d.]+ s", first.text)
    way = first.text[first.text.index("then in") : first.text.index("enrolled in the hub")]
    assert all(name in way for name in ("HubSpot", "Pipedrive", "Demo CRM")), way
    assert re.search(r"an opportunity in Salesforce, a deal in HubSpot, a deal in Pipedrive", first.text)
    assert re.search(r"http://127.0.0.1:\d+/#key=mpp_", first.text)
    assert len(ask(curl)["leads"]) == 2
    assert first.end(signal.SIGINT) == 0
    assert "stopped" in first.text
    assert processes_in(folder) == []


@pytest.fixture
def before(folder: Path) -> dict[str, Any]:
    """What a run before remembered."""
    if not (folder / "demo.json").exists():
        assert Run(folder, "--once").end() == 0
    return remembered(folder)


@pytest.fixture
def second(folder: Path, before: dict[str, Any]) -> Iterator[Run]:
    run = Run(folder, "--bus", "rabbitmq")
    yield run
    if run.process.poll() is None:
        run.end(signal.SIGTERM)


def test_second_run_on_the_other_bus_keeps_everything(second: Run, folder: Path, before: dict[str, Any]) -> None:
    second.until("curl -s")
    assert "not imported twice" in second.text
    assert int(re.findall(r"Golden leads +(\d+) in", second.text)[0]) > 2300
    assert re.search(r"everybody was everywhere after \d+ s; nothing waits", second.text)
    for name, crm in crms(second.text).items():
        assert crm.holds > 2200, name
        assert crm.written < 300, f"{name} is written again: {second.text}"
    nobody_is_missing_or_doubled(second.text, deleted_in_hubspot=2)
    assert second.end(signal.SIGINT) == 0
    after = remembered(folder)
    places = {"subscriber_port", "vendor_ports"}  # they may be taken by others
    assert {name: after[name] for name in before.keys() - places} == {
        name: before[name] for name in before.keys() - places
    }
    assert processes_in(folder) == []


def test_a_vendor_that_lost_its_memory_is_not_taken_for_the_old_one(folder: Path, before: dict[str, Any]) -> None:
    memory, aside = folder / "hubspot.memory", folder / "hubspot.aside"
    memory.rename(aside)
    try:
        run = Run(folder, "--once")
        assert run.end() == 1
    finally:
        aside.replace(memory)
    assert "The simulated HubSpot has lost its memory." in run.text
    assert "Traceback" not in run.text
    assert remembered(folder)["connections"] == before["connections"]
    assert processes_in(folder) == []


def test_a_folder_holds_one_hub_at_a_time(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused = Run(folder, "--once")
        assert refused.end() == 1
    assert "running in" in refused.text
    assert "Traceback" not in refused.text
