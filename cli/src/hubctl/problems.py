"""Expected failures in an operator's words: what is wrong, and what to do about it. No tracebacks for these."""

import aiohttp
import asyncpg

from hub.contracts.errors import HubError
from hub.local.programs import NotReady
from hub.vault.keyring import UnusableKeyring
from hub.vault.vault import Unreadable


class Problem(Exception):
    """Something an operator can act on. ``hint`` says how."""

    def __init__(self, message: str, hint: str = "") -> None:
        self.message, self.hint = message, hint
        super().__init__(message)


# The first class that fits wins, so subclasses stand before their bases. An empty text means the error's own.
_EXPLAINED: tuple[tuple[type[BaseException], str, str], ...] = (
    (asyncpg.InvalidPasswordError, "PostgreSQL refuses the password.", "Check HUB_DATABASE_URL."),
    (asyncpg.InvalidCatalogNameError, "There is no such database.", "Create it, then run: hubctl db migrate"),
    (asyncpg.UndefinedTableError, "The database has not the hub's schema, or an old one.", "Run: hubctl db migrate"),
    (asyncpg.UndefinedColumnError, "The database has an old schema.", "Run: hubctl db migrate"),
    (asyncpg.UndefinedObjectError, "The database has not the hub's roles.", "Run: hubctl db migrate"),
    (
        asyncpg.InsufficientPrivilegeError,
        "This database user may not do that.",
        "Connect as the owner, or as a user that was granted hub_admin.",
    ),
    (asyncpg.CannotConnectNowError, "PostgreSQL is starting or stopping.", "Try again in a moment."),
    (
        asyncpg.TooManyConnectionsError,
        "PostgreSQL has no connection left.",
        "Lower HUB_DB_POOL_SIZE, or raise max_connections.",
    ),
    (asyncpg.PostgresConnectionError, "The connection to PostgreSQL broke.", "Is it running? Try again."),
    (UnusableKeyring, "", "hubctl keys new FILE makes a key ring; HUB_KEYRING_FILE names it."),
    (
        Unreadable,
        "A stored secret cannot be read: ",
        "Is HUB_KEYRING_FILE the ring that this database was sealed with?",
    ),
    (ModuleNotFoundError, "", ""),
    (NotReady, "", "The last lines of the log usually say why."),
    (
        ConnectionRefusedError,
        "Nothing answers at the address: ",
        "Is the server running? Check HUB_DATABASE_URL and HUB_BUS_URL.",
    ),
    (TimeoutError, "No answer in time.", "Is the server running, and reachable from here?"),
    (aiohttp.ClientConnectionError, "", "Is the gateway running there?"),
    (OSError, "", "Check the address and the network."),
    (HubError, "", ""),
)


def explain(error: BaseException) -> Problem | None:
    """The operator's version of an error; None when it is none of the expected ones."""
    if isinstance(error, Problem):
        return error
    for kind, text, hint in _EXPLAINED:
        if isinstance(error, kind):
            message = text if text and not text.endswith(": ") else f"{text}{error}"
            return Problem(message, hint)
    return None
