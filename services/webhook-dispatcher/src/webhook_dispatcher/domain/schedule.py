"""What an answer means, and when to try again."""

from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from webhook_dispatcher.domain.delivery import Answer, State, Verdict

GONE = 410
MAX_RETRY_AFTER = 86_400.0
_SPREAD = 0.2  # of the wait: endpoints that failed together are not tried again together


def judge(answer: Answer, step: int, schedule: Sequence[float], chance: float) -> Verdict:
    """Decide. ``step`` counts the waits used up, ``chance`` in [0, 1) places the wait within ±10 %."""
    status = answer.status
    if status is not None and 200 <= status < 300:
        return Verdict(State.DELIVERED)
    if status == GONE:
        return Verdict(State.FAILED, error="the endpoint is gone (410)", gone=True, step=step)
    error = answer.error or _words(status)
    if step >= len(schedule):
        return Verdict(State.FAILED, error=error, step=step)
    wait = schedule[step] * (1 - _SPREAD / 2 + _SPREAD * chance)
    return Verdict(State.DUE, max(wait, min(answer.retry_after or 0.0, MAX_RETRY_AFTER)), error, step=step + 1)


def _words(status: int | None) -> str:
    if status is not None and 300 <= status < 400:
        return f"HTTP {status}: redirects are not followed"
    return f"HTTP {status}"


def parse_retry_after(header: str | None, now: datetime) -> float | None:
    """Seconds to wait, from ``Retry-After`` (RFC 9110, 10.2.3: seconds or a date); None when absent or unreadable."""
    if not header:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:10]), MAX_RETRY_AFTER)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max((aware - now).total_seconds(), 0.0), MAX_RETRY_AFTER)
