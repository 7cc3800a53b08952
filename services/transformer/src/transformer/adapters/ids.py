"""Lead ids in blocks: one round trip for 500 of them. Ids of a block that is not used up stay unused."""

from hub.store.pool import Connection
from transformer.adapters import queries

_BLOCK = 500  # the sequence's INCREMENT BY


class LeadIds:
    """Hands out ids; ``reserve`` beforehand, so that handing out needs no waiting."""

    def __init__(self) -> None:
        self._free: list[int] = []

    async def reserve(self, connection: Connection, count: int) -> None:
        """Make sure that ``count`` ids can be taken."""
        while len(self._free) < count:
            first: int = await connection.fetchval(queries.NEXT_LEAD_IDS)
            self._free[:0] = range(first + _BLOCK - 1, first - 1, -1)

    def take(self) -> int:
        """The next id."""
        return self._free.pop()
