"""Connections of the embedded bus."""

import asyncpg

# What asyncpg raises when the database is away or will not talk now. InternalClientError: a statement that is sent
# between the server's farewell and the end of the connection. Broken use raises InterfaceError too; then it repeats, is
# logged each time, and loses nothing.
DATABASE_AWAY = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)

_CONNECT_SECONDS = 10.0
_COMMAND_SECONDS = 30.0
# Queue tables are empty one moment and full the next, so that statistics mislead: every plan goes by the index.
# Keepalives: a consumer whose machine vanished has to lose its lock within half a minute.
_SETTINGS = {
    "timezone": "UTC",
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}


class PooledConnection(asyncpg.Connection):
    """Goes back into its pool without a question to the server: nothing of ours outlives its transaction.

    asyncpg would let go of session locks, cursors, LISTENs and settings, a round trip at the end of each use.
    """

    def get_reset_query(self) -> str:
        """Nothing to undo."""
        return ""


async def open_pool(url: str, name: str, max_size: int) -> asyncpg.Pool:
    """The publishing side: what it commits is on disk."""
    return await asyncpg.create_pool(
        url,
        min_size=1,
        max_size=max_size,
        connection_class=PooledConnection,
        timeout=_CONNECT_SECONDS,
        command_timeout=_COMMAND_SECONDS,
        server_settings={**_SETTINGS, "application_name": f"{name} bus"},
    )


async def open_session(url: str, name: str) -> asyncpg.Connection:
    """The consuming side. A claim or acknowledgement lost in a crash is another delivery: no wait for the disk."""
    settings = {**_SETTINGS, "application_name": f"{name} bus consumer", "synchronous_commit": "off"}
    return await asyncpg.connect(
        url, timeout=_CONNECT_SECONDS, command_timeout=_COMMAND_SECONDS, server_settings=settings
    )
