"""Times as custom CRMs write them. Pure."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hub.contracts.ids import rfc3339

ISO, DATE, UNIX, UNIX_MS = "iso", "date", "unix", "unix_ms"
_ZULU = {ISO: "%Y-%m-%dT%H:%M:%SZ", DATE: "%Y-%m-%d"}
_EPOCH = datetime.fromtimestamp(0, UTC)
_FIRST_MS = 100_000_000_000  # as seconds, the year 5138: larger numbers are milliseconds


def written(moment: datetime, form: str) -> str:
    """A moment in a CRM's form: ``iso``, ``date``, ``unix``, ``unix_ms`` or a strftime pattern (UTC)."""
    moment = moment.astimezone(UTC)
    if form == UNIX:
        return str(int(moment.timestamp()))
    if form == UNIX_MS:
        return str(int(moment.timestamp() * 1000))
    return moment.strftime(_ZULU.get(form, form))


def read(value: Any, form: str | None = None) -> str | None:
    """What a CRM wrote as RFC 3339; None when it cannot be read. Without a zone it counts as UTC."""
    try:
        if isinstance(value, bool):
            return None
        if isinstance(value, int | float) or (isinstance(value, str) and value.strip().lstrip("-").isdigit()):
            number = float(value)
            return rfc3339(datetime.fromtimestamp(number / 1000 if abs(number) >= _FIRST_MS else number, UTC))
        if not isinstance(value, str):
            return None
        custom = form is not None and "%" in form
        moment = datetime.strptime(value, form) if custom and form else datetime.fromisoformat(value.strip())  # noqa: DTZ007 - given a zone below
        return rfc3339(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError, OSError):
        return None


def earlier(moment: str, seconds: float) -> datetime:
    """So many seconds before a moment in RFC 3339, but not before 1970: what has no date may bear the year 1."""
    try:
        return max(_EPOCH, datetime.fromisoformat(moment) - timedelta(seconds=seconds))
    except OverflowError:
        return _EPOCH
