"""How far a run is, how fast, and how long it will take. Pure."""

from datetime import datetime
from typing import Any


def progress(
    records: int, total: int | None, started: datetime | None, last: datetime | None, *, ended: bool
) -> dict[str, Any]:
    """``percent`` and ``eta_seconds`` are None unless the CRM told how many there are; ``rate`` is records a second."""
    seconds = (last - started).total_seconds() if started and last else 0.0
    rate = records / seconds if seconds > 0 and records else None
    percent = eta = None
    if ended:
        percent, eta = 100.0, 0.0
    elif total is not None:
        percent = round(min(100.0 * records / total, 99.9), 1) if total > 0 else None
        eta = round(max(total - records, 0) / rate, 1) if rate else None
    return {"percent": percent, "rate": round(rate, 1) if rate else None, "eta_seconds": eta}
