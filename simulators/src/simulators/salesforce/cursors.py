"""Results that wait for their next page."""

from dataclasses import dataclass

from simulators.kit.clock import Clock
from simulators.salesforce.errors import Refused
from simulators.salesforce.ids import made_id
from simulators.salesforce.soql.engine import Result

IDLE_SECONDS = 15 * 60
_MOST = 200


@dataclass(slots=True)
class Cursor:
    """A result, its page size and when it was last read."""

    result: Result
    size: int
    used: float


class Cursors:
    """Open results by locator (``01g…-2000``)."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._open: dict[str, Cursor] = {}
        self._last = 0

    def open(self, result: Result, size: int) -> str:
        """Keep a result; its id, to which ``-<first row>`` is added."""
        self._last += 1
        cursor_id = made_id("01g", self._last)
        self._open[cursor_id] = Cursor(result, size, self._clock.time())
        if len(self._open) > _MOST:
            self._open.pop(next(iter(self._open)))
        return cursor_id

    def find(self, locator: str) -> tuple[str, Cursor, int]:
        """Id, cursor and first row. Raises Refused (``INVALID_QUERY_LOCATOR``)."""
        cursor_id, _, start = locator.rpartition("-")
        cursor = self._open.get(cursor_id)
        now = self._clock.time()
        if cursor is None or not start.isdigit() or now - cursor.used > IDLE_SECONDS:
            self._open.pop(cursor_id, None)
            raise invalid_locator()
        cursor.used = now
        return cursor_id, cursor, int(start)

    def close(self, cursor_id: str) -> None:
        """Forget one."""
        self._open.pop(cursor_id, None)

    def reset(self) -> None:
        """Forget all."""
        self._open.clear()


def invalid_locator() -> Refused:
    """No such result, or no longer."""
    return Refused("INVALID_QUERY_LOCATOR", "invalid query locator")
