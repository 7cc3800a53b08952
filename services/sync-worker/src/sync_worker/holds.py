"""Rows that a lane has in hand: their leases are renewed while it lives, so that leases can be short."""

import asyncio
import time
from collections.abc import Collection, Iterable
from uuid import UUID

import structlog

from hub.bus.faults import is_passing
from sync_worker.adapters.targets import Place, Targets
from sync_worker.domain.plan import Claimed, Plan

_log = structlog.get_logger()
_SLICE = 2000


class Holds:
    """Until when each row in hand is surely nobody else's."""

    def __init__(self, targets: Targets, place: Place, lease: float) -> None:
        self._targets, self._place, self.lease = targets, place, lease
        self._ends: dict[tuple[int, UUID], float] = {}

    async def claim(self, most: int, *, latest: bool = False) -> list[Claimed]:
        """Take rows in hand."""
        ends = time.monotonic() + self.lease
        claimed = await self._targets.claim(self._place, most, self.lease, latest=latest)
        self._ends |= {(row.lead_id, row.claim): ends for row in claimed}
        return claimed

    def drop(self, plans: Iterable[Plan]) -> None:
        """They are settled."""
        for plan in plans:
            self._ends.pop((plan.claimed.lead_id, plan.claimed.claim), None)

    def left(self, plans: Collection[Plan]) -> float:
        """Seconds for which all of these are surely ours."""
        now = time.monotonic()
        return min(self._ends.get((plan.claimed.lead_id, plan.claimed.claim), now) for plan in plans) - now

    async def renew(self) -> None:
        """Give signs of life, for ever."""
        while True:
            await asyncio.sleep(self.lease / 3)
            rows = list(self._ends)
            try:
                for begin in range(0, len(rows), _SLICE):
                    await self._renew(rows[begin : begin + _SLICE])
            except Exception as error:
                if not is_passing(error):
                    raise
                _log.warning("leases.not_renewed", error=str(error), rows=len(rows))

    async def _renew(self, rows: list[tuple[int, UUID]]) -> None:
        ends = time.monotonic() + self.lease
        for row in await self._targets.keep(self._place, rows, self.lease):
            if row in self._ends:
                self._ends[row] = ends
