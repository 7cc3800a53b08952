"""Date literals: TODAY, LAST_N_DAYS:7 and their like, as stretches of time in UTC."""

from datetime import UTC, datetime, timedelta

_DAY = timedelta(days=1)


def stretch(word: str, now: datetime) -> tuple[datetime, datetime] | None:
    """From (inclusive) and until (exclusive); None for a word that is no date literal."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if word in ("TODAY", "YESTERDAY", "TOMORROW"):
        start = today + {"TODAY": 0, "YESTERDAY": -1, "TOMORROW": 1}[word] * _DAY
        return start, start + _DAY
    name, _, count = word.partition(":")
    if count:
        return _counted(name, int(count), today)
    which, _, unit = name.partition("_")
    step = {"LAST": -1, "THIS": 0, "NEXT": 1}.get(which)
    if step is None:
        return None
    if unit == "90_DAYS" and step:
        return _counted(f"{which}_N_DAYS", 90, today)
    if unit == "WEEK":
        monday = today - (today.weekday() + 1) % 7 * _DAY + step * 7 * _DAY
        return monday, monday + 7 * _DAY
    months = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}.get(unit)
    if months is None:
        return None
    start = _month(today, -((today.month - 1) % months) + step * months)
    return start, _month(start, months)


def _counted(name: str, count: int, today: datetime) -> tuple[datetime, datetime] | None:
    if name == "LAST_N_DAYS":
        return today - count * _DAY, today + _DAY
    if name == "NEXT_N_DAYS":
        return today + _DAY, today + (count + 1) * _DAY
    if name == "LAST_N_MONTHS":
        return _month(today, -count), _month(today, 0)
    if name == "NEXT_N_MONTHS":
        return _month(today, 1), _month(today, count + 1)
    return None


def _month(day: datetime, by: int) -> datetime:
    months = day.year * 12 + day.month - 1 + by
    return day.replace(year=months // 12, month=months % 12 + 1, day=1)
