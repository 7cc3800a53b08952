"""The words of this service: what is delivered, what came back, and what is to be done about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where a delivery stands."""

    DUE = "due"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Subscriber:
    """An active subscription, as far as deciding who hears of an event needs it."""

    account_id: int
    subscription_id: int
    events: frozenset[str]


@dataclass(frozen=True, slots=True)
class Payload:
    """One event as subscribers get it: the exact bytes, which every attempt repeats and the signature covers."""

    account_id: int
    event_id: str
    event: str
    body: bytes
    traceparent: str | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One payload claimed for one subscription. ``secret`` is sealed; ``claim`` fences the result.

    ``good_until`` is when the claim runs out, in seconds of this process's monotonic clock.
    """

    account_id: int
    subscription_id: int
    event_id: str
    claim: str
    good_until: float
    step: int
    url: str
    secret: bytes
    event: str
    body: bytes
    traceparent: str | None


@dataclass(frozen=True, slots=True)
class Request:
    """What goes out: the bytes and the headers that vouch for them."""

    url: str
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: an HTTP status, or an error when there was none. ``retry_after`` is in seconds."""

    duration_ms: float
    status: int | None = None
    error: str | None = None
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer means: the delivery's new state, seconds to the next attempt, and whether the endpoint is gone."""

    state: State
    wait: float = 0.0
    error: str | None = None
    gone: bool = False
    step: int = 0


@dataclass(frozen=True, slots=True)
class Result:
    """A finished attempt, to be written down."""

    delivery: Delivery
    answer: Answer
    verdict: Verdict
