"""API keys, as the database has them, kept for a few seconds."""

from collections import OrderedDict
from collections.abc import Callable

from gateway.adapters import queries
from gateway.adapters.database import Database
from gateway.domain.access import StoredKey
from hub.contracts.errors import Unauthenticated
from hub.vault.api_keys import matches, parse_api_key

_MOST_KEYS = 20_000


class KeyCache:
    """Keys by id. A revocation is seen after ``seconds`` at the latest; unknown ids are remembered too."""

    def __init__(self, database: Database, seconds: float, clock: Callable[[], float]) -> None:
        self._database = database
        self._seconds = seconds
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, StoredKey | None]] = OrderedDict()

    async def authenticate(self, authorization: str) -> StoredKey:
        """The key of an ``Authorization: Bearer mpp_…`` header. Raises Unauthenticated."""
        scheme, _, text = authorization.partition(" ")
        parts = parse_api_key(text.strip()) if scheme.lower() == "bearer" else None
        if parts is None:
            raise Unauthenticated("Send an API key: Authorization: Bearer mpp_…")
        key = await self.find(parts.id)
        if key is None or not matches(parts.secret, key.secret_hash):
            raise Unauthenticated("There is no such API key")
        return key

    async def find(self, key_id: str) -> StoredKey | None:
        """The key with that id, fresh enough."""
        now = self._clock()
        fetched_at, key = self._known.get(key_id, (-self._seconds, None))
        if now - fetched_at < self._seconds:
            return key
        key = await self._fetch(key_id)
        self._known[key_id] = (now, key)
        self._known.move_to_end(key_id)
        if len(self._known) > _MOST_KEYS:
            self._known.popitem(last=False)
        return key

    async def _fetch(self, key_id: str) -> StoredKey | None:
        async with self._database.control() as connection:
            row = await connection.fetchrow(queries.API_KEY, key_id)
        if row is None:
            return None
        return StoredKey(
            row["id"],
            row["account_id"],
            row["name"],
            row["secret_hash"],
            frozenset(row["scopes"]),
            tuple(row["allowed_ips"]),
            row["rate_per_minute"],
            row["expires_at"],
            row["revoked_at"],
        )
