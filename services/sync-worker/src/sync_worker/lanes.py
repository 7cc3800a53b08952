"""All lanes of this process: started when their connection has work, ended when it has had none for a while."""

import asyncio
import random
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime

import structlog

from hub.bus.faults import is_passing
from sync_worker import metrics
from sync_worker.adapters.lines import Lines, Unusable
from sync_worker.adapters.targets import Place, Standing, Targets
from sync_worker.facts import Causes
from sync_worker.lane import Lane
from sync_worker.pace import Pace

_IDLE_SECONDS = 120.0
_UNUSABLE_SECONDS = 30.0
_log = structlog.get_logger()


class Lanes:
    """Wakes and keeps lanes."""

    def __init__(self, lines: Lines, targets: Targets, causes: Causes, pace: Pace, poll_seconds: float) -> None:
        self._lines, self._targets, self._causes, self._pace = lines, targets, causes, pace
        self._poll_seconds = poll_seconds
        self._tasks: dict[Place, asyncio.Task[None]] = {}
        self._lanes: dict[Place, Lane] = {}
        self._shunned: dict[Place, tuple[float, datetime | None]] = {}
        self._closing = False

    def wake(self, place: Place) -> None:
        """The connection may have work."""
        lane = self._lanes.get(place)
        if lane:
            lane.wake()
        elif not self._closing and place not in self._tasks and place not in self._shunned:
            self._tasks[place] = asyncio.create_task(self._live(place))

    async def poll(self) -> None:
        """Look for work that nobody told of, for ever: rows whose time has come, leases that ran out, new keys."""
        while True:
            try:
                self._see(await self._targets.standings([place.connection_id for place in self._lanes]))
            except Exception as error:
                if not is_passing(error):
                    raise
                _log.warning("poll.waits", error=str(error))
            await asyncio.sleep(self._poll_seconds)

    async def close(self) -> None:
        """Finish what is in hand in all lanes."""
        self._closing = True
        for lane in self._lanes.values():
            lane.close()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _see(self, standings: Mapping[Place, Standing]) -> None:
        now = time.monotonic()
        for place, (until, changed_at) in list(self._shunned.items()):
            standing = standings.get(place)
            if now > until or (standing and standing.changed_at != changed_at):
                del self._shunned[place]
        for place, lane in self._lanes.items():
            standing = standings.get(place)
            usable = standing and standing.status == "connected" and standing.changed_at == lane.line.changed_at
            idle = standing and not standing.has_work and lane.idle_seconds > _IDLE_SECONDS
            if idle or not usable:
                lane.close()
        for place, standing in standings.items():
            if standing.has_work:
                self.wake(place)

    async def _live(self, place: Place) -> None:
        try:
            line = await self._lines.open(place)
        except Unusable as reason:
            _log.warning("connection.unusable", connection_id=place.connection_id, reason=str(reason))
            self._shunned[place] = (time.monotonic() + _UNUSABLE_SECONDS, reason.changed_at)
            self._tasks.pop(place)
            return
        except Exception as error:  # noqa: BLE001 - the next poll tries again
            _log.warning("connection.waits", connection_id=place.connection_id, error=repr(error))
            self._tasks.pop(place)
            return
        lane = self._lanes[place] = Lane(line, self._lines, self._targets, self._causes, self._pace, random.random)
        metrics.LANES.inc()
        try:
            if not self._closing:
                await lane.run()
        except Exception:  # noqa: BLE001 - the next poll starts the lane again
            _log.exception("lane.ended", connection_id=place.connection_id)
        finally:
            metrics.LANES.dec()
            del self._lanes[place]
            self._tasks.pop(place)
            with suppress(OSError):
                await line.client.close()
