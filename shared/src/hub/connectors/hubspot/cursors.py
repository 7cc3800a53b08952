"""Where a pull stands: four kinds of cursor, as JSON. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from hub.contracts.failures import CrmFailure, FailureKind, RecordError
from hub.contracts.pulling import Cursor


@dataclass(frozen=True, slots=True)
class Stand:
    """Between runs: changes from ``since`` on are read next.

    Moments are HubSpot's, in milliseconds, for its clock and ours may differ; ``heard`` is ours, in seconds, and is
    only compared with itself.
    """

    since: int
    last: int  # the newest moment that was seen
    heard: float  # when it was first seen

    def document(self) -> Cursor:
        """As kept."""
        return {"at": "rest", **asdict(self)}


@dataclass(frozen=True, slots=True)
class Listing:
    """Going through the list of all."""

    stand: Stand  # for later
    after: str | None
    total: int | None

    def document(self) -> Cursor:
        """As kept."""
        return {"at": "list", "stand": asdict(self.stand), "after": self.after, "total": self.total}


@dataclass(frozen=True, slots=True)
class Changes:
    """Going through what changed, in order of time; through a ``crowd`` of one moment in order of id."""

    start: Stand
    at: int
    crowd: int | None = None  # the last id seen among those of the moment ``at``
    newest: int = 0

    def document(self) -> Cursor:
        """As kept."""
        return {"at": "changes", "start": asdict(self.start), "moment": self.at, "crowd": self.crowd,
                "newest": self.newest}  # fmt: skip

    def after(self, found: Sequence[tuple[int, int]], *, complete: bool) -> "Changes | None":
        """What to read after a page of (moment, id), ordered as asked for; None at the end. Raises CrmFailure."""
        newest = self.seen(moment for moment, _ in found)
        if self.crowd is not None:
            if complete or not found:
                return replace(self, at=self.at + 1, crowd=None, newest=newest)
            crowd = max(number for _, number in found)
            if crowd <= self.crowd:
                raise stuck()
            return replace(self, crowd=crowd, newest=newest)
        if complete or not found:
            return None
        last = max(moment for moment, _ in found)
        if last < self.at:
            raise stuck()
        # The last moment is read again, for the page may have ended among several of it.
        return replace(self, at=last, crowd=None if last > self.at else 0, newest=newest)

    def seen(self, moments: Iterable[int]) -> int:
        """The newest moment so far."""
        return max([self.newest, *moments])


@dataclass(frozen=True, slots=True)
class Archived:
    """Going through the recycling bin for what came in since a moment."""

    stand: Stand
    since: int
    after: str | None
    total: int | None

    def document(self) -> Cursor:
        """As kept."""
        return {"at": "archive", "stand": asdict(self.stand), "since": self.since, "after": self.after,
                "total": self.total}  # fmt: skip


def settled(start: Stand, newest: int, overlap: int, now: float) -> Stand:
    """Where the next run begins, after one that went through everything up to ``newest``.

    The search's index lags: what changed shortly before the newest record may only show up later, so the next run looks
    back (``overlap``, milliseconds). When nothing newer came for as long, the index has caught up.
    """
    if newest <= start.last:
        caught_up = (now - start.heard) * 1000 >= overlap
        return replace(start, since=max(start.since, start.last)) if caught_up else start
    return Stand(max(start.since, newest - overlap), newest, now)


def stuck() -> CrmFailure:
    """A page that does not lead on would be read for ever."""
    return CrmFailure(FailureKind.SERVER, RecordError("STUCK_PAGER", "HubSpot gives the same page again and again"))


def read_cursor(cursor: Cursor | None) -> Stand | Listing | Changes | Archived | None:
    """A kept cursor; None for one that is none of ours, so that reading begins anew."""
    if not cursor:
        return None
    try:
        kind = cursor["at"]
        if kind == "rest":
            return _stand(cursor)
        if kind == "changes":
            return Changes(_stand(cursor["start"]), cursor["moment"], cursor["crowd"], cursor["newest"])
        stand, after, total = _stand(cursor["stand"]), cursor["after"], cursor["total"]
        return Archived(stand, cursor["since"], after, total) if kind == "archive" else Listing(stand, after, total)
    except (KeyError, TypeError):
        return None


def _stand(document: Mapping[str, Any]) -> Stand:
    return Stand(document["since"], document["last"], document["heard"])
