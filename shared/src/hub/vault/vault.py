"""Seal and open secrets. The associated data binds a ciphertext to its row, so that it is worthless elsewhere."""

import os
import struct

import asyncpg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub.vault.keyring import KEY_BYTES, Keyring

_FORMAT = 1
_HEADER = struct.Struct(">BI")  # format, data key id
_NONCE_BYTES = 12

# The oldest data key of an account serves all; two processes that make the first one at once agree on the winner.
_NEW_DATA_KEY = """
    INSERT INTO control.data_key (account_id, id, ring_key_id, wrapped) VALUES ($1, $2, $3, $4)
    ON CONFLICT DO NOTHING"""
_DATA_KEYS = "SELECT id, ring_key_id, wrapped FROM control.data_key WHERE account_id = $1 ORDER BY id"


class Unreadable(Exception):
    """The ciphertext was damaged, moved to another row, or its key is not in the ring."""


class Vault:
    """Sealing and opening for one process; data keys are fetched once and kept in memory."""

    def __init__(self, pool: asyncpg.Pool, keyring: Keyring) -> None:
        self._pool = pool
        self._ring = keyring
        self._data_keys: dict[tuple[int, int], AESGCM] = {}

    async def seal(self, account_id: int, place: str, secret: bytes) -> bytes:
        """Encrypt ``secret`` for one place (such as ``connection:7:credentials``) of one account."""
        key_id, key = await self._newest_key(account_id)
        nonce = os.urandom(_NONCE_BYTES)
        return _HEADER.pack(_FORMAT, key_id) + nonce + key.encrypt(nonce, secret, _bind(account_id, place))

    async def open(self, account_id: int, place: str, sealed: bytes) -> bytes:
        """The secret again. Raises Unreadable when it is not this place's, or damaged."""
        try:
            version, key_id = _HEADER.unpack_from(sealed)
        except struct.error as error:
            raise Unreadable("too short") from error
        if version != _FORMAT:
            raise Unreadable("unknown format")
        key = await self._key(account_id, key_id)
        body = sealed[_HEADER.size :]
        try:
            return key.decrypt(body[:_NONCE_BYTES], body[_NONCE_BYTES:], _bind(account_id, place))
        except (InvalidTag, ValueError) as error:
            raise Unreadable("damaged, or sealed for another place") from error

    async def _newest_key(self, account_id: int) -> tuple[int, AESGCM]:
        known = [key_id for account, key_id in self._data_keys if account == account_id]
        if not known:
            await self._load(account_id)
            known = [key_id for account, key_id in self._data_keys if account == account_id]
        if not known:
            await self._create(account_id)
            await self._load(account_id)
            known = [key_id for account, key_id in self._data_keys if account == account_id]
        return max(known), self._data_keys[account_id, max(known)]

    async def _key(self, account_id: int, key_id: int) -> AESGCM:
        if (account_id, key_id) not in self._data_keys:
            await self._load(account_id)
        try:
            return self._data_keys[account_id, key_id]
        except KeyError:
            raise Unreadable("its data key is gone") from None

    async def _create(self, account_id: int) -> None:
        self._ring = self._ring.reread()  # the current key may be on its way out
        data_key = os.urandom(KEY_BYTES)
        wrapped = wrap(self._ring, account_id, 1, data_key)
        await self._pool.execute(_NEW_DATA_KEY, account_id, 1, self._ring.current, wrapped)

    async def _load(self, account_id: int) -> None:
        for row in await self._pool.fetch(_DATA_KEYS, account_id):
            if row["ring_key_id"] not in self._ring.keys:
                self._ring = self._ring.reread()
            data_key = unwrap(self._ring, account_id, row["id"], row["ring_key_id"], row["wrapped"])
            self._data_keys[account_id, row["id"]] = AESGCM(data_key)


def wrap(ring: Keyring, account_id: int, key_id: int, data_key: bytes) -> bytes:
    """A data key under the ring's current key."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(ring.keys[ring.current]).encrypt(nonce, data_key, _bind(account_id, f"data_key:{key_id}"))


def unwrap(ring: Keyring, account_id: int, key_id: int, ring_key_id: str, wrapped: bytes) -> bytes:
    """A data key in the clear. Raises Unreadable."""
    ring_key = ring.keys.get(ring_key_id)
    if ring_key is None:
        raise Unreadable(f"the key ring lacks the key {ring_key_id}")
    try:
        bound_to = _bind(account_id, f"data_key:{key_id}")
        return AESGCM(ring_key).decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], bound_to)
    except InvalidTag as error:
        raise Unreadable("the key ring is not the one that this database was sealed with") from error


def _bind(account_id: int, place: str) -> bytes:
    return f"{account_id}/{place}".encode()
