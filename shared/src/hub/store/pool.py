"""Connections to PostgreSQL, in the role of one service."""

from collections.abc import Mapping
from typing import Any

import asyncpg
import orjson

from hub.bus.embedded.database import PooledConnection

# What a statement raises while the database is away. InternalClientError: the server was killed in mid-answer.
DATABASE_AWAY = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)

Connection = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy  # what a statement can be run on


_MAY_COPY = "SELECT rolbypassrls OR rolsuper FROM pg_roles WHERE rolname = current_user"


async def may_copy(connection: Connection) -> bool:
    """Whether this role may COPY into tables of tenants: PostgreSQL refuses it to roles under row-level security."""
    return bool(await connection.fetchval(_MAY_COPY))


def _encode(value: Any) -> bytes:
    return value if isinstance(value, bytes) else orjson.dumps(value)


def _encode_jsonb(value: Any) -> bytes:
    return b"\x01" + _encode(value)  # binary jsonb is a version byte and JSON text


def _decode_jsonb(raw: bytes) -> Any:
    return orjson.loads(memoryview(raw)[1:])


async def _prepare(connection: asyncpg.Connection) -> None:
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", format="binary", encoder=_encode_jsonb, decoder=_decode_jsonb
    )
    await connection.set_type_codec("json", schema="pg_catalog", format="binary", encoder=_encode, decoder=orjson.loads)


# For workers, whose statements all look rows up by key. A plan made while a table is still small, or not yet analysed,
# reads all of it, and stays in use while the table grows; with these, every plan goes by the index.
PLANS_BY_INDEX = {"enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off"}


async def open_pool(
    database_url: str,
    role: str | None,
    *,
    min_size: int = 1,
    max_size: int = 8,
    application_name: str = "hub",
    plans: Mapping[str, str] | None = None,
) -> asyncpg.Pool:
    """A pool whose connections act as ``role`` and speak json and jsonb as Python values.

    A ``bytes`` value given for either is taken as JSON that is encoded already. What is set on a connection must be set
    for its transaction only: the next user of the connection gets it as it is. ``plans`` are settings of the planner.
    """
    settings = {"application_name": application_name, "timezone": "UTC", **(plans or {})}
    if role:
        settings["role"] = role
    return await asyncpg.create_pool(
        database_url,
        min_size=min_size,
        max_size=max_size,
        connection_class=PooledConnection,
        init=_prepare,
        server_settings=settings,
        command_timeout=60,
    )
