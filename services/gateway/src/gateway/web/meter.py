"""Metrics of requests, with label look-ups done once, and the share of requests that did not fail."""

from prometheus_client import Counter, Histogram

from hub.telemetry.metrics import HTTP_REQUESTS, HTTP_SECONDS

_UNMATCHED = "unmatched"
_METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"})


class Meter:
    """Counts for the whole process."""

    def __init__(self) -> None:
        self._counters: dict[tuple[str | None, str, int], Counter] = {}
        self._timers: dict[str | None, Histogram] = {}
        self.answered = 0
        self.failed = 0

    def count(self, route: str | None, method: str, status: int, seconds: float) -> None:
        """One request answered."""
        self.answered += 1
        if status >= 500:
            self.failed += 1
        try:
            self._counters[route, method, status].inc()
            self._timers[route].observe(seconds)
        except KeyError:
            self._first(route, method, status, seconds)

    @property
    def uptime(self) -> float:
        """Per cent of requests since the start that were not answered with a server error."""
        return round(100 * (1 - self.failed / self.answered), 2) if self.answered else 100.0

    def _first(self, route: str | None, method: str, status: int, seconds: float) -> None:
        name = route or _UNMATCHED
        known = method if method in _METHODS else "OTHER"  # a client must not be able to make up label values
        counter = HTTP_REQUESTS.labels(name, known, str(status))
        timer = HTTP_SECONDS.labels(name)
        if known == method:
            self._counters[route, method, status] = counter
        self._timers[route] = timer
        counter.inc()
        timer.observe(seconds)
