"""Which leads travel together. After a call that failed as a whole, its leads go in halves, until it is known which.

Kept in memory only: a process that starts anew finds out anew.
"""

import time
from collections.abc import Sequence

from sync_worker.domain.plan import Plan

_MOST_KEPT = 50_000
_JOB_PAUSE = 60.0  # seconds without bulk jobs after one that failed as a whole


class Company:
    """The largest call that each lead may travel in."""

    def __init__(self, batch: int) -> None:
        self._batch = batch
        self._limits: dict[int, int] = {}
        self._no_job_until = 0.0

    @property
    def whole(self) -> bool:
        """Whether bulk jobs may be tried."""
        return time.monotonic() >= self._no_job_until

    def of(self, plan: Plan) -> int:
        """For one lead."""
        return self._limits.get(plan.claimed.lead_id, self._batch)

    def got_through(self, lead_ids: Sequence[int]) -> None:
        """The CRM took them, or said what is wrong with each."""
        if self._limits:
            for lead_id in lead_ids:
                self._limits.pop(lead_id, None)

    def failed(self, lead_ids: Sequence[int]) -> None:
        """They failed together, though the CRM works: next time in halves."""
        if len(lead_ids) > self._batch:
            self._no_job_until = time.monotonic() + _JOB_PAUSE
            return
        if len(self._limits) > _MOST_KEPT:
            self._limits.clear()
        self._limits |= dict.fromkeys(lead_ids, max(1, len(lead_ids) // 2))
