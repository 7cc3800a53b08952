"""What an exception of a handler means: hold the batch, or find the event that is to blame."""

import asyncpg

from hub.contracts.errors import Fate, HubError, Outcome, dead, retry
from hub.telemetry.failures import words

# SQLSTATE classes and codes that say "not now" rather than "not this": connection trouble, operator intervention
# (shutdown, crash recovery, starting up), too few resources, serialization failure and deadlock.
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_PASSING_CLASSES = ("08", "53", "57", "40")


def is_passing(error: BaseException) -> bool:
    """True when the same batch may well succeed later, unchanged: a dependency is away, not the event wrong."""
    if isinstance(error, HubError):
        return error.fate is Fate.RETRY
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "").startswith(_PASSING_CLASSES)
    if isinstance(error, asyncpg.DataError):
        return False
    if isinstance(error, asyncpg.InterfaceError):  # raised for broken use too, so its words have to tell
        return "clos" in str(error)
    # InternalClientError: a statement sent between the server's farewell and the end of the connection.
    return isinstance(error, OSError | TimeoutError | asyncpg.InternalClientError)


def outcome_of(error: BaseException) -> Outcome:
    """The outcome of one event that was handled alone and raised."""
    if isinstance(error, HubError):
        reason = f"{error.error_code}: {error.message}"
        return (dead if error.fate is Fate.DEAD else retry)(reason)
    return retry(words(error))
