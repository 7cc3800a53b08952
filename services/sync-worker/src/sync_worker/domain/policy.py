"""The design document's retry policy, per connection. Pure: randomness is handed in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hub.contracts.failures import FailureKind


class Action(StrEnum):
    """The values of the design document's ``error_handling``."""

    EXPONENTIAL_BACKOFF = "exponential_backoff"  # as the CRM told, else growing pauses; never gives up
    RETRY_WITH_BACKOFF = "retry_with_backoff"  # growing pauses, up to max_attempts
    REFRESH_TOKEN = "refresh_token"  # noqa: S105 - the connection needs new credentials; the work waits
    LOG_AND_SKIP = "log_and_skip"  # this record fails at once, and is listed


class RetryConfig(BaseModel):
    """``retry_config``; delays in milliseconds."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    max_attempts: int = Field(default=3, ge=1, le=100)
    initial_delay: float = Field(default=1000, gt=0, le=3_600_000)
    max_delay: float = Field(default=30_000, gt=0, le=86_400_000)
    backoff_multiplier: float = Field(default=2, ge=1, le=10)


class ErrorHandling(BaseModel):
    """``error_handling``: what to do about which error."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    rate_limit: Action = Action.EXPONENTIAL_BACKOFF
    network_error: Action = Action.RETRY_WITH_BACKOFF
    auth_error: Action = Action.REFRESH_TOKEN
    validation_error: Action = Action.LOG_AND_SKIP


class RetryPolicy(BaseModel):
    """Both tables of one connection."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    retry_config: RetryConfig = RetryConfig()
    error_handling: ErrorHandling = ErrorHandling()

    def action(self, kind: FailureKind) -> Action:
        """The row of the table; a server's fault counts as a network error."""
        table = self.error_handling
        return {
            FailureKind.RATE_LIMIT: table.rate_limit,
            FailureKind.NETWORK: table.network_error,
            FailureKind.SERVER: table.network_error,
            FailureKind.AUTH: table.auth_error,
            FailureKind.VALIDATION: table.validation_error,
        }[kind]

    def delay(self, failures: int, random: Callable[[], float]) -> float:
        """Seconds to wait after the n-th failure in a row (n ≥ 1), with up to half taken off at random."""
        config = self.retry_config
        exponent = min(failures - 1, 64)
        full = min(config.max_delay, config.initial_delay * config.backoff_multiplier**exponent)
        return full * (0.5 + random() / 2) / 1000


def read_policy(config: Mapping[str, Any]) -> RetryPolicy:
    """The policy in a connection's configuration; a table that cannot be read gives way to the defaults."""
    try:
        return RetryPolicy.model_validate(config)
    except ValidationError:
        return RetryPolicy()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a row whose call failed: due again after ``delay`` seconds, or failed when that is None."""

    delay: float | None
    attempts: int


def judge(
    policy: RetryPolicy,
    kind: FailureKind,
    attempts: int,
    *,
    retry_after: float | None,
    to_blame: bool,
    random: Callable[[], float],
) -> Verdict:
    """Decide about a failed call. ``to_blame`` is False when the CRM as a whole is away or refuses the key."""
    action = policy.action(kind)
    if action is Action.LOG_AND_SKIP:
        return Verdict(None, attempts + 1)
    if not to_blame or action is Action.EXPONENTIAL_BACKOFF:
        wait = retry_after if retry_after is not None else policy.delay(attempts + 1, random)
        return Verdict(wait, attempts)
    if attempts + 1 >= policy.retry_config.max_attempts:
        return Verdict(None, attempts + 1)
    return Verdict(max(policy.delay(attempts + 1, random), retry_after or 0.0), attempts + 1)
