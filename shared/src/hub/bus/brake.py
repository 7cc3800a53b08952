"""The dead-letter brake: when nearly everything dies, the fault is ours, not the events'."""

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BrakeSettings:
    """Trips when ``ratio`` of at least ``minimum`` of the last ``window`` events died."""

    window: int = 200
    minimum: int = 50
    ratio: float = 0.9
    probe_after: float = 30.0  # seconds until one batch is tried again


class Brake:
    """A sliding window over the outcomes of the last batches. Pure; the consumer asks ``on`` before each batch."""

    def __init__(self, settings: BrakeSettings) -> None:
        self._settings = settings
        self._batches: deque[tuple[int, int]] = deque()
        self._events = self._dead = 0
        self.on = False

    def observe(self, events: int, dead: int) -> bool:
        """Take note of a settled batch. Returns True when this changed the brake (see ``on``)."""
        if self.on:
            return self._observe_probe(events, dead)
        self._batches.append((events, dead))
        self._events += events
        self._dead += dead
        while self._events - self._batches[0][0] >= self._settings.window:
            oldest = self._batches.popleft()
            self._events -= oldest[0]
            self._dead -= oldest[1]
        self.on = self._events >= self._settings.minimum and self._dead >= self._settings.ratio * self._events
        return self.on

    def _observe_probe(self, events: int, dead: int) -> bool:
        if dead >= self._settings.ratio * events:
            return False
        self.on = False
        self._batches.clear()
        self._events = self._dead = 0
        return True
