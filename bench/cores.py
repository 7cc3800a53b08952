"""Who runs on which core, and how busy each was: without that, a ratio of two servers says little."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class Cores:
    """One core for the server that is measured, and all others for what it is measured with."""

    server: frozenset[int]
    others: frozenset[int]


@contextmanager
def split() -> Iterator[Cores]:
    """The machine in two; this process stays on the others until the end. One core is shared where there is but one."""
    mine = os.sched_getaffinity(0)
    first, *rest = sorted(mine)
    cores = Cores(frozenset({first}), frozenset(rest or {first}))
    os.sched_setaffinity(0, cores.others)
    try:
        yield cores
    finally:
        os.sched_setaffinity(0, mine)


def pin(pid: int, cores: frozenset[int]) -> None:
    """Keep a process, its threads, and its children with theirs on some cores; what they start later stays there."""
    process = psutil.Process(pid)
    for each in (process, *process.children(recursive=True)):
        for thread in each.threads():
            os.sched_setaffinity(thread.id, cores)


class Meter:
    """CPU time that processes take between start and stop, and what else ran on the server's core, as shares of one."""

    def __init__(self, cores: Cores, processes: Mapping[str, int]) -> None:
        self._cores, self._processes = cores, processes
        self._before = self._now()
        self._started = time.perf_counter()

    def stop(self) -> dict[str, float]:
        """Share of a core by name, 1.0 being all of one; ``stolen`` is what the server's core did for anybody else."""
        seconds = time.perf_counter() - self._started
        shares = {name: (after - self._before[name]) / seconds for name, after in self._now().items()}
        return shares | {"stolen": max(0.0, shares.pop("core") - shares["server"])}

    def _now(self) -> dict[str, float]:
        taken = {name: _cpu_seconds(pid) for name, pid in self._processes.items()}
        core = psutil.cpu_times(percpu=True)[min(self._cores.server)]
        return taken | {"core": sum(core) - core.idle - core.iowait}


def _cpu_seconds(pid: int) -> float:
    process = psutil.Process(pid)
    # All servers are children of ours; what they take is counted as theirs.
    family = [process] if pid == os.getpid() else [process, *process.children(recursive=True)]
    return sum(sum(each.cpu_times()[:2]) for each in family)
