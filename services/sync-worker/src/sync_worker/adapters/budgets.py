"""``sync.budget`` behind methods: one connection's windows, as they were when they were last read or written."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import asyncpg

from hub.contracts.metering import Window
from sync_worker.adapters import queries_quota as q
from sync_worker.adapters.targets import Place
from sync_worker.domain.budget import Level

_DAY = 86_400.0


class Budgets:
    """The rows, and the database's clock: the one that all copies go by."""

    def __init__(self, pool: asyncpg.Pool, place: Place, clock: Callable[[], float] = time.monotonic) -> None:
        self._pool, self._key, self._clock = pool, (place.account_id, place.connection_id), clock
        self._levels: dict[str, Level] = {}
        self._seen: dict[str, str] = {}  # versions of the rows
        self._reserved: frozenset[str] = frozenset()
        self._offset = 0.0

    def now(self) -> float:
        """The database's time, in seconds since 1970."""
        return self._clock() + self._offset

    def known(self) -> list[Level]:
        """The windows as last read; none before ``ready``."""
        return list(self._levels.values())

    async def ready(self, windows: Sequence[Window]) -> None:
        """Make the rows, and read them, the first time."""
        if self._levels:
            return
        self._reserved = frozenset(window.name for window in windows if window.reserved)
        names = [window.name for window in windows]
        await self._pool.execute(
            q.OPEN_BUDGET,
            *self._key,
            names,
            [window.limit for window in windows],
            [window.seconds for window in windows],
            [window.kind == "fixed" for window in windows],
            [_begin(window) for window in windows],
        )
        await self._read(names)

    async def reread(self) -> bool:
        """Read them anew. Always true."""
        await self._read(list(self._levels))
        return True

    async def write(self, levels: Sequence[Level]) -> bool:
        """Store what was worked out from the levels as last read; False when another copy has changed one since."""
        changed = [level for level in levels if level != self._levels[level.name]]
        if not changed:
            return True
        rows = await self._pool.fetch(
            q.WRITE_BUDGET,
            *self._key,
            [level.name for level in changed],
            [self._seen[level.name] for level in changed],
            [round(level.most) for level in changed],
            [level.used for level in changed],
            [level.since for level in changed],
            [level.closed_until for level in changed],
            [level.learnt_at for level in changed],
        )
        if len(rows) != len(changed):
            return False
        self._levels |= {level.name: level for level in changed}
        self._seen |= {row["name"]: row["seen"] for row in rows}
        self._tell_time(rows[0]["clock"])
        return True

    async def _read(self, names: Sequence[str]) -> None:
        rows = await self._pool.fetch(q.READ_BUDGET, *self._key, names)
        for row in rows:
            self._levels[row["name"]] = Level(
                row["name"],
                row["most"],
                row["seconds"],
                row["fixed"],
                row["used"],
                row["since"],
                row["closed_until"],
                row["learnt_at"],
                row["name"] in self._reserved,
            )
            self._seen[row["name"]] = row["seen"]
        if rows:
            self._tell_time(rows[0]["clock"])

    def _tell_time(self, clock: float) -> None:
        self._offset = clock - self._clock()


def _begin(window: Window) -> datetime:
    """Vendors' days begin at midnight; where that is another zone's, their answers tell."""
    now = datetime.now(UTC)
    if window.kind == "fixed" and window.seconds == _DAY:
        return now.replace(hour=0, minute=0, second=0, microsecond=0)
    return now
