"""Moments as Salesforce writes them, ``2021-11-06T17:38:40.000+0000``, and as queries want them."""

from datetime import UTC, datetime, timedelta

from hub.contracts.ids import rfc3339


def parsed(text: object) -> datetime | None:
    """A moment, UTC; None if it is none."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        return None


def told_moment(text: object) -> str | None:
    """The same as RFC 3339."""
    moment = parsed(text)
    return rfc3339(moment) if moment else None


def literal(moment: datetime) -> str:
    """A moment in a query: unquoted, in milliseconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def earlier(text: str, seconds: int) -> str:
    """So many seconds before a moment that Salesforce told, as a literal. Raises ValueError."""
    moment = parsed(text)
    if moment is None:
        raise ValueError(f"not a moment: {text!r}")
    return literal(moment - timedelta(seconds=seconds))
