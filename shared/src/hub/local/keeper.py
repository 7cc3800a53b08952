"""Keeps programs running, as an init system would: starts them, and starts again those that die."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

import structlog

from hub.local.programs import Program

_log = structlog.get_logger()
_LOOK_SECONDS = 0.1
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0
_SETTLED_SECONDS = 30.0  # a program that ran this long starts again with the first pause


@dataclass(slots=True)
class _State:
    wanted: bool = False
    started_at: float = 0.0
    pause: float = _FIRST_PAUSE
    start_at: float | None = None  # when a dead program is due; None while it runs
    restarts: int = 0


class Keeper:
    """One thread that starts, watches and stops programs; orders from other threads queue up for it."""

    def __init__(self, programs: Mapping[str, Program], *, restart: bool = True) -> None:
        self._programs = dict(programs)
        self._states = {name: _State() for name in programs}
        self._restart = restart
        self._orders: SimpleQueue[tuple[Callable[[], None], Future[None]]] = SimpleQueue()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, name="keeper", daemon=True)
        self._thread.start()

    def start(self, name: str) -> None:
        """Start a program and keep it. Raises what its start raises."""
        self._order(lambda: self._start(name))

    def stop(self, name: str) -> None:
        """Stop a program in order; it stays stopped."""
        self._order(lambda: self._stop(name))

    def kill(self, name: str) -> None:
        """``kill -9``; the keeper starts it again (unless that is off), as it does whatever else ends a program."""
        self._order(self._programs[name].kill)

    def restart(self, name: str) -> None:
        """Stop in order if it runs, then start."""
        self._order(lambda: self._stop(name))
        self._order(lambda: self._start(name))

    def restarts(self, name: str) -> int:
        """How often the program died and was started again."""
        return self._states[name].restarts

    def close(self, order: Iterable[str]) -> None:
        """Stop all programs, in the order given, and end the thread."""
        if self._ended.is_set():
            return
        for name in order:
            self.stop(name)
        self._ended.set()
        self._thread.join()

    def _order(self, action: Callable[[], Any]) -> None:
        done: Future[None] = Future()
        self._orders.put((action, done))
        done.result()

    def _work(self) -> None:
        while not self._ended.is_set():
            with suppress(Empty):
                action, done = self._orders.get(timeout=_LOOK_SECONDS)
                try:
                    done.set_result(action())
                except BaseException as error:  # noqa: BLE001 - it belongs to the thread that gave the order
                    done.set_exception(error)
            if self._restart:
                for name in self._programs:
                    self._look_after(name)

    def _start(self, name: str) -> None:
        state = self._states[name]
        if self._programs[name].pid is None:
            self._programs[name].start()
        state.wanted, state.started_at, state.start_at = True, time.monotonic(), None

    def _stop(self, name: str) -> None:
        self._states[name].wanted = False
        self._programs[name].stop()

    def _look_after(self, name: str) -> None:
        program, state, now = self._programs[name], self._states[name], time.monotonic()
        if not state.wanted or program.pid is not None:
            return
        if state.start_at is None:
            state.pause = _FIRST_PAUSE if now - state.started_at > _SETTLED_SECONDS else state.pause
            state.start_at = now + state.pause
            _log.warning("keeper.program_died", program=name, starts_again_in=state.pause)
        elif now >= state.start_at:
            state.pause = min(state.pause * 2, _LONGEST_PAUSE)
            state.restarts += 1
            try:
                self._start(name)
            except Exception as error:  # noqa: BLE001 - whatever is wrong, try again later
                _log.warning("keeper.start_failed", program=name, error=str(error))
                state.start_at = now + state.pause
