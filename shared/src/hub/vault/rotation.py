"""Rotating the key ring: data keys are wrapped anew; what they sealed stays as it is.

Each part is one transaction, and a data key is opened again before the old wrapping goes. Whatever dies in between,
every data key is wrapped with a key of the ring, and the next call does the rest.
"""

import asyncpg

from hub.vault.keyring import Keyring
from hub.vault.vault import unwrap, wrap

_PART = 200

_OTHERWISE = """
    SELECT account_id, id, ring_key_id, wrapped FROM control.data_key
    WHERE ring_key_id <> $1 ORDER BY account_id, id LIMIT $2 FOR UPDATE"""
_REWRAP = """
    UPDATE control.data_key k SET ring_key_id = $1, wrapped = u.wrapped
    FROM unnest($2::bigint[], $3::int[], $4::bytea[]) AS u (account_id, id, wrapped)
    WHERE (k.account_id, k.id) = (u.account_id, u.id)"""
_IN_USE = "SELECT DISTINCT ring_key_id FROM control.data_key"


async def ring_keys_in_use(pool: asyncpg.Pool) -> frozenset[str]:
    """Ids of ring keys that data keys are wrapped with."""
    return frozenset(row["ring_key_id"] for row in await pool.fetch(_IN_USE))


async def rewrap(pool: asyncpg.Pool, ring: Keyring) -> int:
    """Wrap every data key with the ring's current key; how many were not. Raises Unreadable, and changes no more then.

    The pool's role must be ``hub_admin``.
    """
    count = 0
    while True:
        async with pool.acquire() as connection, connection.transaction():
            rows = await connection.fetch(_OTHERWISE, ring.current, _PART)
            fresh = [_rewrapped(ring, row) for row in rows]
            if fresh:
                accounts, ids = [row["account_id"] for row in rows], [row["id"] for row in rows]
                await connection.execute(_REWRAP, ring.current, accounts, ids, fresh)
        count += len(rows)
        if len(rows) < _PART:
            return count


def _rewrapped(ring: Keyring, row: asyncpg.Record) -> bytes:
    place = (row["account_id"], row["id"])
    data_key = unwrap(ring, *place, row["ring_key_id"], row["wrapped"])
    fresh = wrap(ring, *place, data_key)
    if unwrap(ring, *place, ring.current, fresh) != data_key:
        raise RuntimeError("a data key did not come out as it went in")
    return fresh
