"""Is it this record, or the CRM? A harmless call tells, made at most once for all calls that fail together."""

import asyncio
import time

import structlog

from hub.contracts.failures import CrmFailure, FailureKind
from sync_worker import metrics
from sync_worker.adapters.lines import Line, Lines

_log = structlog.get_logger()


class Probe:
    """Knows when a CRM last worked, and asks it when that is not enough."""

    def __init__(self, line: Line, lines: Lines) -> None:
        self._line, self._lines = line, lines
        self._lock = asyncio.Lock()
        self._worked_at = self._failed_at = float("-inf")
        self.refused = False  # the CRM refuses the credentials; the connection is marked needs_reauth

    def answered(self) -> None:
        """A call just went well (a refused record counts: the CRM works)."""
        self._worked_at = time.monotonic()

    async def passes(self, since: float) -> bool:
        """Whether the CRM works with these credentials: it has answered since the given moment, or answers now."""
        async with self._lock:
            if self.refused or self._failed_at >= since:
                return False
            if self._worked_at >= since:
                return True
            try:
                await self._line.client.test()
            except CrmFailure as failure:
                return await self._conclude(failure)
            self._worked_at = time.monotonic()
            return True

    async def _conclude(self, failure: CrmFailure) -> bool:
        if failure.kind in (FailureKind.RATE_LIMIT, FailureKind.VALIDATION):
            self._worked_at = time.monotonic()  # it is there, and it knows the key
            return True
        self._failed_at = time.monotonic()
        if failure.kind is FailureKind.AUTH:
            await self.refuse()
        return False

    async def refuse(self) -> None:
        """Mark the connection: it needs other credentials."""
        self.refused = True
        metrics.REFUSED_KEYS.labels(self._line.crm_type).inc()
        _log.warning("connection.needs_reauth", connection_id=self._line.place.connection_id)
        await self._lines.refuse(self._line)
