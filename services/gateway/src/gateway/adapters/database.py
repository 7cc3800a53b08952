"""Transactions on behalf of one account: row-level security shows nothing of any other."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from gateway.adapters import queries
from hub.contracts.errors import Unavailable

# What asyncpg and the operating system raise when the server is away, starting, stopping or out of connections.
AWAY = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection whose server was killed in the middle of an answer
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.QueryCanceledError,
)
_ACQUIRE_SECONDS = 3.0
Connection = asyncpg.pool.PoolConnectionProxy


class Database:
    """The pool, used in short transactions. Everything raises Unavailable when the server is away."""

    def __init__(self, pool: asyncpg.Pool, *, statement_seconds: float) -> None:
        self.pool = pool
        self._statement_ms = str(int(statement_seconds * 1000))

    @asynccontextmanager
    async def account(self, account_id: int) -> AsyncIterator[Connection]:
        """A transaction that sees and writes only this account's rows."""
        try:
            async with self.pool.acquire(timeout=_ACQUIRE_SECONDS) as connection, connection.transaction():
                await connection.execute(queries.ACT_FOR, str(account_id), self._statement_ms)
                yield connection
        except AWAY as error:
            raise away(error) from error

    @asynccontextmanager
    async def control(self) -> AsyncIterator[Connection]:
        """A connection for the tables that are not kept apart by account: keys and connections."""
        try:
            async with asyncio.timeout(_ACQUIRE_SECONDS), self.pool.acquire() as connection:
                yield connection
        except AWAY as error:
            raise away(error) from error

    async def healthy(self) -> bool:
        """Whether the server answers."""
        async with self.control() as connection:
            return bool(await connection.fetchval("SELECT true"))


def away(error: Exception) -> Unavailable:
    """The answer to a caller when the database cannot be used."""
    if isinstance(error, asyncpg.QueryCanceledError):
        return Unavailable("The request took too long; narrow it down or try again", code="TIMEOUT", retry_after=5)
    return Unavailable("The database is away; try again", retry_after=2)
