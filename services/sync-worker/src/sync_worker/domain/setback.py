"""What follows when reading a CRM fails. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

from hub.contracts.failures import CrmFailure, FailureKind
from sync_worker.domain.policy import RetryPolicy

MOST_SETBACKS = 10  # in a row; reading is patient, for nobody waits for it at a screen
_REFUSED_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Setback:
    """Try again after ``delay`` seconds, or give up when that is None."""

    delay: float | None
    attempts: int


def setback(failure: CrmFailure, attempts: int, policy: RetryPolicy, random: Callable[[], float]) -> Setback:
    """A failed page: quota and outages are waited for, what the CRM will never answer is given up."""
    if failure.kind is FailureKind.RATE_LIMIT:
        wait = failure.retry_after if failure.retry_after is not None else policy.delay(attempts + 1, random)
        return Setback(wait, attempts)
    if failure.kind is FailureKind.AUTH:
        return Setback(_REFUSED_SECONDS, attempts)  # the connection is marked; its work waits for new credentials
    if failure.kind is FailureKind.VALIDATION or attempts + 1 >= MOST_SETBACKS:
        return Setback(None, attempts + 1)
    return Setback(max(policy.delay(attempts + 1, random), failure.retry_after or 0.0), attempts + 1)
