"""Whether a CRM may be called just now, and whose fault a failed call is."""

import time
from collections.abc import Callable, Sequence

import structlog

from hub.contracts.failures import FailureKind
from hub.contracts.pushing import PushResult
from sync_worker import metrics
from sync_worker.adapters.lines import Line, Lines
from sync_worker.domain.gate import Gate
from sync_worker.domain.outcome import Blame, read
from sync_worker.probe import Probe

_LEAST_PAUSE = 0.1  # seconds; for a CRM that says 429 and "retry after 0"
# So many failures in a row, with no success in between, are not the records' fault, even if the CRM still answers
# when it is asked something harmless (it may be read-only for maintenance).
_TELLING = 10
_log = structlog.get_logger()


class Health:
    """What the calls of one lane have shown about their CRM."""

    def __init__(self, line: Line, lines: Lines, longest_pause: float, random: Callable[[], float]) -> None:
        self._line, self._longest_pause, self._random = line, longest_pause, random
        self._gate = Gate()
        self._probe = Probe(line, lines)
        self._failures = 0  # in a row

    @property
    def refused(self) -> bool:
        """The CRM refuses the credentials; the connection is marked."""
        return self._probe.refused

    @property
    def frail(self) -> bool:
        """One lead at a time, until one of them gets through."""
        return self._failures >= _TELLING

    def pause(self) -> float:
        """Seconds until calls may be made again."""
        return self._gate.remaining(time.monotonic())

    async def restored(self) -> bool:
        """Whether work may go on; after an outage the CRM must answer a harmless call first."""
        if self._gate.down and not await self._probe.passes(time.monotonic()):
            self._shut()
            return False
        self._gate.down = False
        return True

    def answered(self) -> None:
        """A call went well, or a record was refused: the CRM works."""
        self._failures = 0
        self._probe.answered()
        self._gate.answered()

    async def blame(self, results: Sequence[PushResult], started: float) -> Blame:
        """Whom one call's failures count against. Stops further calls when it must."""
        told = read(results)
        if told.limited:
            wait = self._backoff() if told.wait is None else told.wait
            self._gate.throttle(time.monotonic(), max(wait, _LEAST_PAUSE))
        if not told.stumbled:
            if any(result.kind is not FailureKind.RATE_LIMIT for result in results):
                self.answered()
            return Blame.CRM if told.limited else Blame.RECORDS
        if not told.whole and not told.road:
            self.answered()  # some records it took, or knew what is wrong with them
            return Blame.RECORDS
        self._failures += told.whole
        if not self.frail and await self._probe.passes(started):
            return Blame.RECORDS
        if self.frail and told.refused:
            await self._probe.refuse()  # it lets us read, but not write
        if not self.refused:
            self._shut()
        return Blame.CRM

    def _shut(self) -> None:
        if not self._gate.down:
            metrics.OUTAGES.labels(self._line.crm_type).inc()
            _log.warning("crm.down", connection_id=self._line.place.connection_id)
        self._gate.shut(time.monotonic(), min(self._backoff(), self._longest_pause))

    def _backoff(self) -> float:
        return self._line.policy.delay(self._gate.setbacks + 1, self._random)
