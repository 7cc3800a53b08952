"""Lead ids in blocks: one round trip for 500 of them. Ids of a block that is not used up stay unused."""

from hub.store.pool import Connection
from transformer.adapters import queries

_BLOCK = 500  # the sequence's INCREMENT BY


class LeadIds:
    """Hands out ids before it is known how many will be needed; what is left over can be given back."""

    def __init__(self) -> None:
        self._free: list[int] = []

    async def reserve(self, connection: Connection, count: int) -> list[int]:
        """``count`` ids for one batch, to be popped from the end: lower ones first."""
        while len(self._free) < count:
            first: int = await connection.fetchval(queries.NEXT_LEAD_IDS)
            self._free[:0] = range(first + _BLOCK - 1, first - 1, -1)
        reserved = self._free[len(self._free) - count :]
        del self._free[len(self._free) - count :]
        return reserved

    def give_back(self, unused: list[int]) -> None:
        """Ids that a batch did not need."""
        self._free += unused
