"""Child processes that do not outlive their parent, whatever ends it."""

import ctypes
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

_PR_SET_PDEATHSIG = 1
# The kernel's "parent" is the thread that started the child, so that is one that lives as long as we do.
_starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="starter")
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def _die_with_parent() -> None:
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def spawn(
    command: Sequence[str | Path],
    *,
    environment: Mapping[str, str],
    log: IO[bytes] | int,
    user: str | None = None,
    directory: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own (a terminal's Ctrl-C reaches only us) that ends when we do."""
    start = _starter.submit(
        subprocess.Popen[bytes],
        [str(part) for part in command],
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        user=user,
        group=user,
        cwd=directory,
        start_new_session=True,
        preexec_fn=_die_with_parent,
    )
    return start.result()


def stop(process: subprocess.Popen[bytes], *, how: signal.Signals = signal.SIGTERM, within: float = 20.0) -> int:
    """End a process: ask, wait, then kill. Returns its exit code."""
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(within)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    return process.returncode
