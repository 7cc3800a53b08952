"""Errors, named by their consequence. One table maps each to an HTTP status and to what happens on the bus.

The docstring is the default message; ``details`` carries the particulars. The envelope is the design document's.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar


class Fate(StrEnum):
    """What becomes of an event whose handling raised."""

    RETRY = "retry"
    DEAD = "dead"


class HubError(Exception):
    """Something went wrong inside the hub."""

    code: ClassVar[str] = "INTERNAL_ERROR"
    status: ClassVar[int] = 500
    fate: ClassVar[Fate] = Fate.RETRY

    def __init__(
        self, message: str | None = None, *, code: str | None = None, retry_after: float | None = None, **details: Any
    ) -> None:
        self.message = message or (type(self).__doc__ or "").strip().splitlines()[0]
        self.error_code = code or self.code
        self.details = details
        self.retry_after = retry_after
        super().__init__(self.message)


class Malformed(HubError):
    """The request could not be read."""

    code, status, fate = "MALFORMED_REQUEST", 400, Fate.DEAD


class Unauthenticated(HubError):
    """A valid API key or signature is needed."""

    code, status, fate = "UNAUTHENTICATED", 401, Fate.DEAD


class Forbidden(HubError):
    """This API key may not do that."""

    code, status, fate = "FORBIDDEN", 403, Fate.DEAD


class NotFound(HubError):
    """There is no such thing here."""

    code, status, fate = "NOT_FOUND", 404, Fate.DEAD


class Conflict(HubError):
    """The request contradicts what is stored."""

    code, status, fate = "CONFLICT", 409, Fate.DEAD


class TooLarge(HubError):
    """The request is larger than the limit."""

    code, status, fate = "TOO_LARGE", 413, Fate.DEAD


class Invalid(HubError):
    """The request was read, but its content is not valid."""

    code, status, fate = "VALIDATION_FAILED", 422, Fate.DEAD


class RateLimited(HubError):
    """Too many requests; slow down."""

    code, status, fate = "RATE_LIMITED", 429, Fate.RETRY


class Unavailable(HubError):
    """Something the hub depends on is away; nothing was accepted. Try again."""

    code, status, fate = "UNAVAILABLE", 503, Fate.RETRY


@dataclass(frozen=True, slots=True)
class Outcome:
    """What to do with one event of a batch that was not simply done."""

    fate: Fate
    reason: str


def retry(reason: str) -> Outcome:
    """The event goes back to its own queue, alone, until the delivery limit."""
    return Outcome(Fate.RETRY, _kept(reason))


def dead(reason: str) -> Outcome:
    """The event goes to the dead letters, where it is kept until somebody re-drives it."""
    return Outcome(Fate.DEAD, _kept(reason))


_LONGEST_REASON = 500  # characters: a reason travels in a message header, and must fit in one frame


def _kept(reason: str) -> str:
    return reason[:_LONGEST_REASON].replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def envelope(error: HubError, retry_after_at: str | None = None) -> dict[str, Any]:
    """The design document's error format."""
    body: dict[str, Any] = {"code": error.error_code, "message": error.message, "details": error.details}
    if retry_after_at:
        body["retry_after"] = retry_after_at
    return {"error": body}
