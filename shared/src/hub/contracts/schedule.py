"""When a connection is read next. Pure: the time is handed in."""

from datetime import UTC, datetime, timedelta

from cronsim import CronSim, CronSimError

HOURLY, DAILY, MANUAL = "hourly", "daily", "manual"
_EVERY = {HOURLY: timedelta(hours=1), DAILY: timedelta(days=1)}
_ANY_DAY = datetime(2000, 1, 1, tzinfo=UTC)


def next_run(schedule: str, now: datetime = _ANY_DAY) -> datetime | None:
    """The next time after ``now``; None for ``manual``. Raises ValueError: neither a word of ours nor cron (UTC)."""
    if schedule == MANUAL:
        return None
    if every := _EVERY.get(schedule):
        return now + every
    try:
        return next(CronSim(schedule, now.astimezone(UTC)))
    except (CronSimError, StopIteration) as error:
        raise ValueError(f"{schedule!r} is not hourly, daily, manual or a cron expression") from error
