"""The steps: each asks the CRM one thing, and says in words what does not fit."""

import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from hub.contracts.connector import DONE, Capability, Connector, CrmClient, PullRequest
from hub.contracts.failures import CrmFailure, FailureKind
from hub.contracts.ids import lead_external_id
from hub.contracts.pulling import Page, PullMode, RemoteRecord
from hub.contracts.pushing import PushItem

Verdict = Literal["fits", "doubtful", "wrong", "skipped"]
_TRIAL_LEAD = 999_999_999_999  # no hub has given that number to a lead
_FUTURE = "2999-01-01T00:00:00Z"
_MOST_PAGES = 3


@dataclass(frozen=True, slots=True)
class Step:
    """What was tried, and what came of it."""

    name: str
    verdict: Verdict
    words: str


class Fitting:
    """One configuration against one CRM. ``write``: create, change and (if it can) delete a record of its own."""

    def __init__(self, connector: Connector, config: Mapping[str, Any], client: CrmClient, *, write: bool) -> None:
        self._connector, self._client, self._write = connector, client, write
        self._map = connector.mapping(config)
        self._config = config
        self._pages: list[Page] = []

    async def steps(self) -> AsyncIterator[Step]:
        """All of them, until one makes the next ones pointless."""
        reached = await self._reached()
        yield reached
        if reached.verdict == "wrong":
            return
        yield await self._list()
        if self._pages:
            yield self._records()
            yield self._fields()
            yield await self._changes()
            yield await self._missing()
        if not self._write:
            yield Step("writing", "skipped", "run it with --write to create, change and find a record of its own")
            return
        async for step in self._writing():
            yield step

    async def _reached(self) -> Step:
        try:
            await self._client.test()
        except CrmFailure as failure:
            why = {
                FailureKind.AUTH: "the CRM refuses the key: is auth.place (and auth.name) what it wants?",
                FailureKind.NETWORK: "the CRM cannot be reached: is base_url right?",
            }.get(failure.kind, "the CRM answers, but not as configured")
            return Step("connection", "wrong", f"{why} ({failure.error.code}: {failure.error.message})")
        return Step("connection", "fits", "the CRM answers and takes the key")

    async def _list(self) -> Step:
        cursor, done = None, False
        try:
            while not done and len(self._pages) < _MOST_PAGES:
                page = await self._client.pull(PullRequest(PullMode.FULL, cursor))
                self._pages.append(page)
                cursor, done = page.cursor, page.done
        except CrmFailure as failure:
            return Step("list", "wrong", _said(failure))
        records = sum(len(page.records) for page in self._pages)
        if not records:
            return Step("list", "doubtful", "the list is empty: is records_path right, or has the CRM no leads?")
        if done and len(self._pages) == 1:
            told = self._pages[0].total
            if told is not None and told > records:
                return Step("list", "wrong", f"{records} of {told} records came, and no next page: see paging")
            return Step("list", "doubtful", f"{records} records on one page; if there are more, see paging")
        more = "" if done else " and there is more"
        return Step("list", "fits", f"{records} records on {len(self._pages)} pages{more}")

    def _records(self) -> Step:
        records = self._all()
        ids = {record.record_id for record in records}
        if len(ids) < len(records):
            return Step("records", "wrong", "records come twice: does paging name the right parameter?")
        timed = sum(record.modified_at is not None for record in records)
        if timed < len(records):
            told = "no record tells when it changed: every reading reads all of them; see modified_path"
            return Step("records", "doubtful", told)
        return Step("records", "fits", f"ids are unique, times are readable, the latest {max(map(_time, records))}")

    def _fields(self) -> Step:
        known: dict[str, int] = {}
        problems: dict[str, str] = {}
        for record in self._all():
            inbound = self._map.inbound(record.fields)
            for register, value in inbound.registers.items():
                known[register] = known.get(register, 0) + (value is not None)
            problems |= {problem.field: problem.message for problem in inbound.problems}
        standard = sorted(name for name in known if not name.startswith("custom."))
        if not {"email", "phone"} & known.keys():
            told = f"neither e-mail nor phone is among the fields ({', '.join(standard) or 'none is known'})"
            return Step("fields", "wrong", f"{told}: see fields_path and field_mappings")
        if problems:
            name, message = next(iter(problems.items()))
            return Step("fields", "doubtful", f"{name}: {message} (and {len(problems) - 1} more)")
        custom = sum(name.startswith("custom.") for name in known)
        return Step("fields", "fits", f"{', '.join(standard)}; {custom} custom ones")

    async def _changes(self) -> Step:
        if not self._config.get("incremental"):
            return Step("changes", "skipped", "no incremental filter is configured: every reading reads the whole list")
        try:
            page = await self._client.pull(PullRequest(PullMode.CHANGES, {"since": _FUTURE}))
        except CrmFailure as failure:
            return Step("changes", "wrong", f"the filter is refused: {_said(failure)}")
        if page.records or not page.done:
            told = "asked for changes after the year 2998, the CRM shows records: it ignores incremental.query"
            return Step("changes", "wrong", told)
        return Step("changes", "fits", "the CRM filters by time")

    async def _missing(self) -> Step:
        nobody = f"none-{secrets.token_hex(6)}"
        try:
            (record,) = await self._client.fetch([nobody])
        except CrmFailure as failure:
            return Step(
                "missing", "doubtful", f"asked for a record that is not there: {_said(failure)}; see gone_statuses"
            )
        if not record.deleted:
            return Step("missing", "wrong", "asked for a record that is not there, the CRM shows one")
        return Step("missing", "fits", "a record that is not there is told apart")

    async def _writing(self) -> AsyncIterator[Step]:
        marker = secrets.token_hex(4)
        registers = {"first_name": "Fitting", "last_name": f"Trial {marker}", "email": f"fitting-{marker}@example.com"}
        fields = self._map.outbound(registers)
        reference = lead_external_id(_TRIAL_LEAD)
        item = PushItem(_TRIAL_LEAD, None, reference, fields, fields, email=registers["email"])
        (created,) = await self._client.push([item])
        if not created.ok or created.external_id is None:
            error = created.error
            yield Step("create", "wrong", f"{error.code}: {error.message}" if error else "the CRM named no id")
            return
        record_id = created.external_id
        kept = await self._kept(record_id, registers)
        yield Step(
            "create", "wrong" if kept else "fits", kept or f"record {record_id} was created and holds what was sent"
        )
        if kept and kept.startswith("the CRM said"):
            return
        yield await self._found(reference, registers["email"], record_id)
        yield await self._updated(record_id, registers)
        yield await self._deleted(record_id, item)

    async def _kept(self, record_id: str, registers: Mapping[str, Any]) -> str | None:
        """What is wrong with a stored record, in words."""
        try:
            (record,) = await self._client.fetch([record_id])
        except CrmFailure as failure:
            return f"it cannot be read back: {_said(failure)}; see endpoints.get_lead"
        if record.deleted:
            return f"the CRM said that it stored record {record_id}, and there is no such record"
        held = self._map.inbound(record.fields).registers
        lost = sorted(name for name, value in registers.items() if held.get(name) != value)
        return f"the CRM holds other values in {', '.join(lost)}: see field_mappings" if lost else None

    async def _found(self, reference: str, email: str, record_id: str) -> Step:
        try:
            found = await self._client.find(reference, email)
        except CrmFailure as failure:
            return Step("look-up", "wrong", _said(failure))
        if found != record_id:
            told = "it is not found by reference or e-mail, so that a lost answer may make a second one: see find_lead"
            return Step("look-up", "wrong", told)
        return Step("look-up", "fits", "it is found again, so that a lost answer makes no second one")

    async def _updated(self, record_id: str, registers: Mapping[str, Any]) -> Step:
        changed = {**registers, "first_name": "Fitted"}
        whole = self._map.outbound(changed)
        fields = self._map.outbound({"first_name": "Fitted"})
        reference = lead_external_id(_TRIAL_LEAD)
        (result,) = await self._client.push([PushItem(_TRIAL_LEAD, record_id, reference, fields, whole)])
        if not result.ok:
            error = result.error
            return Step("update", "wrong", f"{error.code}: {error.message}" if error else "refused")
        kept = await self._kept(record_id, changed)
        return Step("update", "wrong" if kept else "fits", kept or "a change is kept, and the rest with it")

    async def _deleted(self, record_id: str, item: PushItem) -> Step:
        if self._connector.manifest.scorecard[Capability.DELETE] != DONE:
            return Step("delete", "skipped", f"please delete record {record_id} by hand")
        gone = PushItem(item.lead_id, record_id, item.reference, item.fields, item.record)
        (result,) = await self._client.delete([gone])
        if not result.ok:
            error = result.error
            told = f"{error.code}: {error.message}" if error else "refused"
            return Step("delete", "doubtful", f"{told}; please delete record {record_id} by hand")
        (record,) = await self._client.fetch([record_id])
        if not record.deleted:
            return Step("delete", "doubtful", f"the CRM still shows record {record_id} after deleting it")
        return Step("delete", "fits", "the record is gone again")

    def _all(self) -> list[RemoteRecord]:
        return [record for page in self._pages for record in page.records]


def _time(record: RemoteRecord) -> str:
    return record.modified_at or ""


def _said(failure: CrmFailure) -> str:
    return f"{failure.error.code}: {failure.error.message}"
