"""Tokens of OAuth connections: refreshed ahead of time or when the CRM refuses one, by one process at a time.

Vendors may make a refresh token worthless once it is used. So a refresh that was begun is carried to its end whoever
stops waiting for it, its result is stored before anybody uses it, and no other process begins one meanwhile.
"""

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

import asyncpg
import structlog

from hub.bus.faults import is_passing
from hub.contracts.failures import CrmFailure, FailureKind, RecordError
from hub.contracts.grants import Grant, GrantDead, OAuthApp, OAuthFlow, Token
from hub.grants import queries as q
from hub.grants.exchange import OAuthServers
from hub.vault import Vault
from hub.vault.vault import Unreadable

_log = structlog.get_logger()
_AHEAD, _JITTER = 60.0, 20.0  # seconds before its end that a token is refreshed; the copies not all at once
_TURN_SECONDS = 60.0  # longer than a token call lasts and its result takes to be stored
_LOOK_SECONDS = 0.15  # between two looks at whether another process has finished


def _uncounted(crm_type: str, outcome: str) -> None:
    """Nobody counts."""


@dataclass(frozen=True, slots=True)
class OAuthParts:
    """What refreshing needs, beside the grant itself. ``count`` hears of each refresh: CRM, and what came of it.

    ``statuses``: those of connections that may be called.
    """

    pool: asyncpg.Pool
    vault: Vault
    servers: OAuthServers
    count: Callable[[str, str], None] = _uncounted
    statuses: frozenset[str] = frozenset({"connected"})
    clock: Callable[[], float] = time.time
    random: Callable[[], float] = random.random


@dataclass(frozen=True, slots=True)
class _Held:
    """A grant as read from (or written to) the database."""

    version: int
    sealed: bytes = field(repr=False)
    grant: Grant = field(repr=False)


def credentials_name(connection_id: int) -> str:
    """Where the vault keeps a connection's credentials."""
    return f"connection:{connection_id}:credentials"


class GrantTokens:
    """``hub.contracts.grants.Tokens`` of one connection, for all its clients in this process."""

    def __init__(self, account_id: int, connection_id: int, flow: OAuthFlow, app: OAuthApp, parts: OAuthParts) -> None:
        self._account_id, self._connection_id = account_id, connection_id
        self._flow, self._app, self._parts = flow, app, parts
        self._key = (account_id, connection_id)
        self._held: _Held | None = None
        self._refreshing: asyncio.Task[_Held] | None = None
        self._early = _AHEAD + _JITTER * parts.random()

    async def current(self) -> Token:
        """A token believed good. Raises CrmFailure: AUTH, when the connection needs the customer."""
        held = self._held or await self._read()
        ends = held.grant.expires_at
        now = self._parts.clock()
        if ends is None or now < ends - self._early or held.grant.refresh_token is None:
            return _token(held.grant)
        try:
            return _token((await self._renew(held)).grant)
        except CrmFailure as failure:
            if failure.kind is FailureKind.AUTH or now >= ends - 1:
                raise
            return _token(held.grant)  # the OAuth server is away, and this one is good for a while

    async def renewed(self, stale: Token) -> Token:
        """Another one than ``stale``. Raises CrmFailure."""
        held = self._held or await self._read()
        if held.grant.access_token == stale.value:
            held = await self._renew(held)
        return _token(held.grant)

    def seen(self, version: int) -> None:
        """The connection's row has this version now: what is held may be of before."""
        if self._held and self._held.version < version:
            self._held = None

    async def close(self) -> None:
        """See a refresh that is under way to its end."""
        if self._refreshing:
            await asyncio.gather(self._refreshing, return_exceptions=True)

    async def _renew(self, stale: _Held) -> _Held:
        """All who ask while a refresh is under way share it; none of them can stop it."""
        if self._refreshing is None or self._refreshing.done():
            if self._held and self._held.grant.access_token != stale.grant.access_token:
                return self._held
            self._refreshing = asyncio.create_task(self._refresh(stale))
            self._refreshing.add_done_callback(
                lambda task: task.cancelled() or task.exception()
            )  # who asked may be gone
        return await asyncio.shield(self._refreshing)

    async def _refresh(self, stale: _Held) -> _Held:
        try:
            return await self._refresh_or_wait(stale)
        except Exception as error:
            if not is_passing(error):
                raise
            raise _database_away() from error

    async def _refresh_or_wait(self, stale: _Held) -> _Held:
        patience = self._parts.clock() + _TURN_SECONDS + 5
        while True:
            held = await self._read()
            if held.grant.access_token != stale.grant.access_token:
                return held  # another process was quicker, or the customer connected anew
            turn = uuid4()
            taken = await self._ask(q.TAKE_TURN, held.version, turn, _TURN_SECONDS)
            if taken:
                return await self._refresh_in_turn(held, turn)
            if self._parts.clock() > patience:
                told = RecordError("REFRESH_WAITS", "another process has been refreshing the token for too long")
                raise CrmFailure(FailureKind.NETWORK, told)
            await asyncio.sleep(_LOOK_SECONDS * (0.5 + self._parts.random()))

    async def _refresh_in_turn(self, held: _Held, turn: Any) -> _Held:
        outcome = "failed"
        crm_type, config = await self._connection()
        try:
            if held.grant.refresh_token is None:
                raise GrantDead("NO_REFRESH_TOKEN", "the CRM gave no refresh token")
            call = self._flow.refresh(self._app, config, held.grant)
            grant = await self._parts.servers.granted(self._flow, self._app, config, call, held.grant)
            outcome = "refreshed"
            return await self._keep(held, turn, grant)
        except GrantDead as dead:
            outcome = "dead"
            _log.warning("grant.dead", connection_id=self._connection_id, code=dead.code)
            await self._ask(q.GRANT_DEAD, held.version, turn, str(dead))
            self._held = None
            raise _needs_reauth(str(dead)) from None
        except CrmFailure as failure:
            _log.warning("token.not_refreshed", connection_id=self._connection_id, code=failure.error.code)
            await self._ask(q.LEAVE_TURN, turn)
            raise
        finally:
            self._parts.count(crm_type, outcome)

    async def _keep(self, held: _Held, turn: Any, grant: Grant) -> _Held:
        """Store the new grant before it is used; while the database is away, for as long as nobody else may refresh."""
        until = self._parts.clock() + _TURN_SECONDS * 0.75
        while True:
            try:
                name = credentials_name(self._connection_id)
                sealed = await self._parts.vault.seal(self._account_id, name, grant.encoded())
                version = await self._ask(q.KEEP_GRANT, held.version, turn, sealed, grant.tenant)
                break
            except Exception as error:
                if not is_passing(error) or self._parts.clock() > until:
                    raise
                _log.warning("grant.waits", connection_id=self._connection_id, error=str(error))
                await asyncio.sleep(0.5)
        if version is None:
            self._held = None
            return await self._read()  # the customer connected anew meanwhile: that grant counts
        self._held = _Held(version, sealed, grant)
        return self._held

    async def _read(self) -> _Held:
        """The grant as stored. Raises CrmFailure(AUTH) unless the connection may be called."""
        row = await self._row()
        if row["status"] not in self._parts.statuses:
            self._held = None  # and no call is made, until it is
            raise _needs_reauth(row["status_reason"] or f"the connection is {row['status']}")
        if self._held and self._held.sealed == row["credentials"]:
            self._held = replace(self._held, version=row["grant_version"])
            return self._held
        try:
            opened = await self._parts.vault.open(
                self._account_id, credentials_name(self._connection_id), row["credentials"] or b""
            )
            self._held = _Held(row["grant_version"], row["credentials"], Grant.decoded(opened))
        except (Unreadable, ValueError):
            told = RecordError("NO_GRANT", "the connection's grant cannot be read")
            raise CrmFailure(FailureKind.AUTH, told) from None
        return self._held

    async def _connection(self) -> tuple[str, Mapping[str, Any]]:
        row = await self._row()
        return row["crm_type"], row["config"]

    async def _row(self) -> asyncpg.Record:
        try:
            row = await self._parts.pool.fetchrow(q.GRANT, *self._key)
        except Exception as error:
            if not is_passing(error):
                raise
            raise _database_away() from error
        if row is None:
            raise _needs_reauth("there is no such connection")
        return row

    async def _ask(self, statement: str, *arguments: Any) -> Any:
        return await self._parts.pool.fetchval(statement, *self._key, *arguments)


def _token(grant: Grant) -> Token:
    return Token(grant.access_token, grant.base_url)


def _needs_reauth(reason: str) -> CrmFailure:
    return CrmFailure(FailureKind.AUTH, RecordError("NEEDS_REAUTH", reason))


def _database_away() -> CrmFailure:
    return CrmFailure(FailureKind.NETWORK, RecordError("GRANT_UNKNOWN", "the database with the grant is away"))
