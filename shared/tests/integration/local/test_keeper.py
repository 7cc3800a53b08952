"""A keeper against real processes: what dies comes back, what is stopped stays stopped, nothing outlives its parent."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from hub.local.keeper import Keeper
from hub.local.ports import free_port
from hub.local.programs import NotReady, PythonProgram, answers, wait_answering


def eventually(holds: Callable[[], object], within: float = 15.0) -> bool:
    deadline = time.monotonic() + within
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def program(tmp_path: Path, port: int) -> PythonProgram:
    arguments = [str(port), "--bind", "127.0.0.1", "--directory", str(tmp_path)]
    environment = {"PATH": os.environ["PATH"]}
    return PythonProgram("http.server", environment=environment, log_file=tmp_path / "web.log", arguments=arguments)


@pytest.fixture
def keeper(program: PythonProgram) -> Iterator[Keeper]:
    keeper = Keeper({"web": program})
    yield keeper
    keeper.close(["web"])


def test_a_killed_program_comes_back(keeper: Keeper, program: PythonProgram, port: int, tmp_path: Path) -> None:
    keeper.start("web")
    wait_answering({"web": f"http://127.0.0.1:{port}/"}, within=15, logs=tmp_path)
    first = program.pid
    keeper.kill("web")
    assert eventually(lambda: program.pid not in (None, first) and answers(f"http://127.0.0.1:{port}/"))
    assert keeper.restarts("web") == 1


def test_a_stopped_program_stays_stopped(keeper: Keeper, program: PythonProgram) -> None:
    keeper.start("web")
    keeper.stop("web")
    time.sleep(1)
    assert program.pid is None


def test_without_restart_a_killed_program_stays_dead(program: PythonProgram) -> None:
    keeper = Keeper({"web": program}, restart=False)
    keeper.start("web")
    keeper.kill("web")
    time.sleep(1)
    dead = program.pid is None
    keeper.restart("web")
    assert dead
    assert program.pid is not None
    keeper.close(["web"])


def test_what_does_not_answer_is_named(tmp_path: Path, port: int) -> None:
    with pytest.raises(NotReady, match="gateway"):
        wait_answering({"gateway": f"http://127.0.0.1:{port}/readyz"}, within=0.2, logs=tmp_path)


_PARENT = """
import os, sys, time
from pathlib import Path
from hub.local.keeper import Keeper
from hub.local.programs import PythonProgram
arguments = [sys.argv[1], "--bind", "127.0.0.1", "--directory", sys.argv[2]]
log_file = Path(sys.argv[2], "log")
program = PythonProgram("http.server", environment=dict(os.environ), log_file=log_file, arguments=arguments)
keeper = Keeper({"web": program})
keeper.start("web")
print(program.pid, flush=True)
time.sleep(60)
"""


def test_nothing_outlives_a_killed_parent(tmp_path: Path, port: int) -> None:
    command = [sys.executable, "-c", _PARENT, str(port), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    assert eventually(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE)


def test_a_preferred_port_is_kept_when_free() -> None:
    port = free_port()
    assert free_port(port) == port
