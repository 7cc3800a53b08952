"""When a connection is read next."""

from hub.contracts.schedule import DAILY, HOURLY, MANUAL, next_run

__all__ = ["DAILY", "HOURLY", "MANUAL", "next_run"]
