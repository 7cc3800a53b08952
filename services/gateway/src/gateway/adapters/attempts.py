"""Authorisations on their way through a browser: ``control.oauth_attempt``."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gateway.adapters import queries_connections as q
from gateway.adapters.database import Database
from hub.grants import digest, new_secret
from hub.vault import Vault


@dataclass(frozen=True, slots=True)
class Attempt:
    """What an authorisation is for. ``verifier`` is PKCE's."""

    account_id: int
    crm_type: str
    connection_id: int | None
    name: str  # empty: none was wished for
    config: dict[str, Any]
    redirect_uri: str
    return_to: str | None
    created_by: str
    verifier: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Taken:
    """An attempt that a callback brought back, and whether it may go on."""

    attempt: Attempt
    in_time: bool
    same_session: bool


class Attempts:
    """The state itself is nowhere stored, only its digest; the verifier is sealed for that digest."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database, self._vault = database, vault

    async def begin(self, attempt: Attempt, session: str | None, seconds: float) -> tuple[str, datetime]:
        """A new state, and when it is over. ``session``: only the browser that has this secret may bring it back."""
        state = new_secret()
        key = digest(state)
        sealed = None
        if attempt.verifier is not None:
            sealed = await self._vault.seal(attempt.account_id, _place(key), attempt.verifier.encode())
        async with self._database.control() as connection:
            await connection.execute(q.FORGET_ATTEMPTS)
            expires_at: datetime = await connection.fetchval(
                q.BEGIN_ATTEMPT,
                key,
                attempt.account_id,
                attempt.crm_type,
                attempt.connection_id,
                attempt.name,
                attempt.config,
                attempt.redirect_uri,
                attempt.return_to,
                digest(session) if session else None,
                sealed,
                attempt.created_by,
                seconds,
            )
        return state, expires_at

    async def take(self, state: str, account_id: int | None, session: str | None) -> Taken | None:
        """The attempt of a state, which is used up by this; None: there is none, or it is another account's."""
        async with self._database.control() as connection:
            row = await connection.fetchrow(q.TAKE_ATTEMPT, digest(state), account_id)
        if row is None:
            return None
        verifier = None
        if row["verifier"] is not None:
            opened = await self._vault.open(row["account_id"], _place(row["state_hash"]), row["verifier"])
            verifier = opened.decode()
        names = ("account_id", "crm_type", "connection_id", "name", "config", "redirect_uri", "return_to", "created_by")
        attempt = Attempt(**{name: row[name] for name in names}, verifier=verifier)
        bound_to: bytes | None = row["session_hash"]
        same = bound_to is None or (session is not None and digest(session) == bound_to)
        return Taken(attempt, row["in_time"], same)


def _place(state_hash: bytes) -> str:
    return f"oauth_attempt:{state_hash.hex()}:verifier"
