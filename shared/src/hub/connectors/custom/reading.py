"""Reading a custom CRM's list, page by page, from anywhere again."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

from hub.connectors.calls import Answer
from hub.connectors.custom import answers, moments
from hub.connectors.custom.paging import address, digest, filtered, following
from hub.connectors.custom.paths import MISSING, at, first
from hub.connectors.custom.wire import USUAL_MODIFIED, CustomConfig
from hub.contracts.connector import PullRequest
from hub.contracts.failures import CrmFailure, FailureKind, RecordError
from hub.contracts.ids import rfc3339
from hub.contracts.pulling import Cursor, Page, PullMode, RemoteRecord

Read = Callable[[str], Awaitable[Answer | None]]
_AHEAD = timedelta(days=1)  # no machine's clock is so wrong
_OVERLAP = 60.0  # seconds, where the configuration names none: machines' clocks differ


class Reading:
    """Pages of one CRM. A cursor holds ``place`` (of the next page), ``since``, ``newest`` and ``last`` (a digest)."""

    def __init__(self, config: CustomConfig, read: Read) -> None:
        self._config, self._read = config, read

    async def pull(self, request: PullRequest, *, probe: bool = False) -> Page:
        """The page at the cursor. Raises CrmFailure. ``probe``: only whether it can be read."""
        state = dict(request.cursor or {})
        since = state.get("since") if request.mode is PullMode.CHANGES else None
        answer, document, rows = await self._page(self._list_path(since), state.get("place"))
        place = (
            None
            if answer is None or probe
            else following(self._config, answer, document, len(rows), state.get("place"))
        )
        mark = digest(rows)
        if place is not None and rows and mark == state.get("last"):
            told = "the CRM answers with the same page again and again: its paging is not as configured"
            raise CrmFailure(FailureKind.VALIDATION, RecordError("ENDLESS_PAGE", told))
        records = [remote(row, self._config) for row in rows]
        newest = max([state.get("newest") or "", *_believable(records)])
        wanted = [record for record in records if not self._seen_before(record, since)]
        if place is None:
            until = newest or self._said(answer)
            return Page(wanted, {"since": max(until, since or "")}, done=True, total=self._total(document))
        cursor: Cursor = {"place": place, "since": state.get("since"), "newest": newest, "last": mark}
        return Page(wanted, cursor, done=False, total=self._total(document))

    async def rows(self, path: str, most: int) -> AsyncIterator[Mapping[str, Any]]:
        """The raw records of a list, through at most so many pages."""
        place: Any = None
        last = ""
        for _ in range(most):
            answer, document, rows = await self._page(path, place)
            mark = digest(rows)
            if answer is None or mark == last:
                return
            for row in rows:
                yield row
            place, last = following(self._config, answer, document, len(rows), place), mark
            if place is None:
                return

    async def sample(self) -> list[Mapping[str, Any]]:
        """The first page's raw records."""
        _, _, rows = await self._page(self._list_path(None), None)
        return rows

    async def _page(self, path: str, place: Any) -> tuple[Answer | None, Any, list[Mapping[str, Any]]]:
        answer = await self._read(address(path, self._config.paging, place))
        document = answers.told(answer) if answer else None
        return answer, document, answers.records(document, self._config) if answer else []

    def _list_path(self, since: str | None) -> str:
        path, incremental = self._config.endpoints.get_leads, self._config.incremental
        if incremental is None or since is None:
            return path
        start = moments.earlier(since, incremental.overlap_seconds + incremental.granularity_seconds)
        text = quote(moments.written(start, incremental.format), safe="")
        return filtered(path, incremental.query.replace("{since}", text))

    def _seen_before(self, record: RemoteRecord, since: str | None) -> bool:
        """In a list that cannot be filtered: whether the record is as it was at the last reading."""
        if since is None or record.modified_at is None or record.deleted:
            return False
        overlap = self._config.incremental.overlap_seconds if self._config.incremental else _OVERLAP
        granularity = self._config.incremental.granularity_seconds if self._config.incremental else 1.0
        return record.modified_at < rfc3339(moments.earlier(since, overlap + granularity))

    def _said(self, answer: Answer | None) -> str:
        """The CRM's own time, else ours: where the next reading begins if records bear no times."""
        try:
            return rfc3339(parsedate_to_datetime(answer.headers["Date"])) if answer else rfc3339(datetime.now(UTC))
        except (KeyError, ValueError, TypeError):
            return rfc3339(datetime.now(UTC))

    def _total(self, document: Any) -> int | None:
        path = self._config.paging.total_path
        total = at(document, path) if path else first(document, "total", "total_count", "meta.total")
        return total if isinstance(total, int) and not isinstance(total, bool) and total >= 0 else None


def _believable(records: Sequence[RemoteRecord]) -> Iterator[str]:
    """When records changed; a date far ahead (a typing error, 9999) would hide all that changes until then."""
    latest = rfc3339(datetime.now(UTC) + _AHEAD)
    return (each.modified_at for each in records if each.modified_at and each.modified_at <= latest)


def remote(row: Mapping[str, Any], config: CustomConfig) -> RemoteRecord:
    """A record of a list as the hub takes it. Raises CrmFailure: it bears no id."""
    record_id = answers.identifier(row, config.id_path)
    if record_id is None:
        raise CrmFailure(FailureKind.SERVER, RecordError("NO_ID", "a record of the CRM bears no id"))
    fields = at(row, config.fields_path)
    stamp = at(row, config.modified_path) if config.modified_path else first(row, *USUAL_MODIFIED)
    modified = None if stamp is MISSING else moments.read(stamp, config.modified_format)
    return RemoteRecord(
        record_id, fields if isinstance(fields, dict) else {}, modified, deleted=is_deleted(row, config)
    )


def is_deleted(row: Mapping[str, Any], config: CustomConfig) -> bool:
    """Whether the CRM shows the record as deleted."""
    value = at(row, config.deleted_path) if config.deleted_path else MISSING
    return value is not MISSING and value not in (None, False, 0, "", "0", "false")
