"""Whether a CRM may be called just now. Pure: the time is handed in (seconds, monotonic)."""

from dataclasses import dataclass


@dataclass(slots=True)
class Gate:
    """Closed for a while after a rate limit, or while the CRM is down; then it must answer before work resumes."""

    closed_until: float = 0.0
    down: bool = False
    setbacks: int = 0  # in a row, for growing pauses

    def remaining(self, now: float) -> float:
        """Seconds until calls may be made again; 0 when open."""
        return max(0.0, self.closed_until - now)

    def throttle(self, now: float, seconds: float) -> None:
        """The CRM asks for patience. Many calls in flight hear the same: the longest pause counts, as one setback."""
        if not self.remaining(now):
            self.setbacks += 1
        self.closed_until = max(self.closed_until, now + seconds)

    def shut(self, now: float, seconds: float) -> None:
        """The CRM is down."""
        if not self.remaining(now):
            self.setbacks += 1
        self.down = True
        self.closed_until = max(self.closed_until, now + seconds)

    def answered(self) -> None:
        """The CRM works."""
        self.down = False
        self.setbacks = 0
