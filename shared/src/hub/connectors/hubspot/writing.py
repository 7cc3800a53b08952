"""Pushing contacts: updates by id, creates by upsert, conflicts resolved to the contact that is there already."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from hub.connectors.calls import Calls
from hub.connectors.hubspot import answers, wire
from hub.connectors.hubspot.batches import Batches, Input, Outcomes, Written
from hub.connectors.hubspot.deals import Deals
from hub.connectors.hubspot.portal import Portal
from hub.connectors.hubspot.preparing import Preparing, Row
from hub.contracts.failures import CrmFailure, FailureKind, RecordError
from hub.contracts.ids import parse_lead_external_id
from hub.contracts.pushing import Action, PushItem, PushResult

_MOST_REPAIRS = 10  # properties that may turn out to be missing, one by one
_NO_KEY = RecordError(
    "NO_KEY", "without an e-mail address HubSpot needs the property mpp_id, which the app may not create", wire.EMAIL
)
_NOT_THERE = RecordError("OBJECT_NOT_FOUND", "not the id of a HubSpot record")


class Writer:
    """Writes of one connection. Its methods never raise for what HubSpot or the network does."""

    def __init__(
        self, calls: Calls, config: wire.HubSpotConfig, portal: Portal, preparing: Preparing, batches: Batches
    ) -> None:
        self._calls, self._config, self._portal = calls, config, portal
        self._preparing, self._batches = preparing, batches
        self._status = preparing.field_map.remote["status"]
        self._deals = Deals(calls, config, portal, batches, self._status)

    async def push(self, items: Sequence[PushItem]) -> list[PushResult]:
        """One result per item, in order."""
        try:
            by_reference = await self._portal.has_reference(wire.CONTACTS)
            rows = await self._preparing.rows(items)
        except CrmFailure as failure:
            return [_failed(failure, item) for item in items]
        creates = [row for row in rows if row.item.external_id is None]
        outcomes = await self._creates(creates, by_reference)
        outcomes |= await self._updates([row for row in rows if row.item.external_id is not None], by_reference)
        linked = await self._link(creates, outcomes, by_reference)
        outcomes |= linked
        outcomes |= await self._stepped_back(rows, outcomes)
        outcomes |= await self._deals.write(rows, outcomes)
        return [_result(row, outcomes[row.trace], row.trace in linked) for row in rows]

    async def delete(self, items: Sequence[PushItem]) -> list[PushResult]:
        """Archive; a record that is gone already, or never was, is done."""
        results: dict[int, PushResult] = {}
        there = [at for at, item in enumerate(items) if wire.is_record_id(item.external_id)]
        for start in range(0, len(there), wire.BATCH):
            chunk = there[start : start + wire.BATCH]
            ids = dict.fromkeys(items[at].external_id for at in chunk)
            try:
                path = self._config.objects(wire.CONTACTS, "/batch/archive")
                await self._calls.json("POST", path, {"inputs": [{"id": each} for each in ids]})
            except CrmFailure as failure:
                if not answers.is_gone(failure.error):
                    results |= {at: _failed(failure, items[at]) for at in chunk}
        done = (PushResult(True, item.external_id, "delete") for item in items)
        return [results.get(at, result) for at, result in enumerate(done)]

    async def _creates(self, rows: Sequence[Row], by_reference: bool) -> Outcomes:
        unnamed: Outcomes = {}
        if not by_reference:
            refusal = CrmFailure(FailureKind.VALIDATION, _NO_KEY)
            unnamed = {row.trace: refusal for row in rows if not row.properties.get(wire.EMAIL)}
        return unnamed | await self._send("upsert", [row for row in rows if row.trace not in unnamed], by_reference)

    async def _updates(self, rows: Sequence[Row], by_reference: bool) -> Outcomes:
        strange = {row.trace for row in rows if not wire.is_record_id(row.item.external_id)}
        outcomes: Outcomes = {trace: CrmFailure(FailureKind.VALIDATION, _NOT_THERE) for trace in strange}
        return outcomes | await self._send("update", [row for row in rows if row.trace not in strange], by_reference)

    async def _link(self, rows: Sequence[Row], outcomes: Outcomes, by_reference: bool) -> Outcomes:
        """Contacts that could not be created since their e-mail is there: written into the one that has it.

        Unless that one is another lead's already.
        """
        conflicts = {row.trace: row for row in rows if _conflict(outcomes[row.trace])}
        if not conflicts:
            return {}
        try:
            holders = await self._holders(conflicts, outcomes)
        except CrmFailure as failure:
            return dict.fromkeys(conflicts, failure)
        linked: list[Row] = []
        taken: set[str] = set()
        for trace, (record_id, reference) in holders.items():
            row = conflicts[trace]
            free = parse_lead_external_id(reference) is None or reference == row.item.reference
            if free and record_id not in taken:
                taken.add(record_id)
                linked.append(Row(trace, replace(row.item, external_id=record_id), row.properties, row.left_out))
        return await self._send("update", linked, by_reference)

    async def _holders(self, conflicts: Mapping[str, Row], outcomes: Outcomes) -> dict[str, tuple[str, str | None]]:
        """Trace → id and hub reference of the contact that is in the way."""
        reference = self._config.reference_property
        ids, emails = {}, {}
        for trace, row in conflicts.items():
            failure = outcomes[trace]
            known = answers.existing_id(failure.error.message) if isinstance(failure, CrmFailure) else None
            if known:
                ids[trace] = known
            elif email := row.properties.get(wire.EMAIL):
                emails[trace] = email.casefold()
        wanted = [reference, wire.EMAIL]
        found = await self._batches.read(wire.CONTACTS, list(dict.fromkeys(ids.values())), wanted)
        found += await self._batches.read(wire.CONTACTS, list(dict.fromkeys(emails.values())), wanted, wire.EMAIL)
        by_id = {str(each["id"]): each.get("properties") or {} for each in found if "id" in each}
        by_email = {str(held.get(wire.EMAIL) or "").casefold(): each for each, held in by_id.items()}
        holders = ids | {trace: by_email[email] for trace, email in emails.items() if email in by_email}
        return {trace: (each, by_id[each].get(reference)) for trace, each in holders.items() if each in by_id}

    async def _stepped_back(self, rows: Sequence[Row], outcomes: Outcomes) -> Outcomes:
        """HubSpot ignores an earlier lifecycle stage, unless the stage is cleared before."""
        ignored: dict[str, tuple[str, str]] = {}
        for row in rows:
            done, wanted = outcomes[row.trace], row.properties.get(self._status)
            if isinstance(done, Written) and wanted and done.properties.get(self._status, wanted) != wanted:
                ignored[row.trace] = (done.id, wanted)
        outcomes = {}
        for blank in (True, False) if ignored else ():
            inputs = [
                Input(trace, record_id, {self._status: "" if blank else wanted})
                for trace, (record_id, wanted) in ignored.items()
                if isinstance(outcomes.get(trace), Written | None)
            ]
            outcomes |= await self._batches.write(wire.CONTACTS, "update", inputs)
        return {trace: done for trace, done in outcomes.items() if isinstance(done, CrmFailure)}

    async def _send(self, operation: str, rows: Sequence[Row], by_reference: bool) -> Outcomes:
        """Write; what turns out to have no property is left out, and the rest of the record written again."""
        outcomes: Outcomes = {}
        bare: set[str] = set()  # rows whose reference another contact has: that is not for an update to change
        pending = list(rows)
        for _ in range(_MOST_REPAIRS):
            if not pending:
                break
            inputs = [self._input(operation, row, by_reference and row.trace not in bare) for row in pending]
            outcomes |= await self._batches.write(wire.CONTACTS, operation, inputs)
            pending = [row for row in pending if self._repaired(operation, row, outcomes, bare)]
        return outcomes

    def _input(self, operation: str, row: Row, with_reference: bool) -> Input:
        reference, properties = self._config.reference_property, row.properties
        if operation == "update":
            own = {reference: row.item.reference} if with_reference else {}
            return Input(row.trace, row.item.external_id or "", properties | own)
        if with_reference:
            return Input(row.trace, row.item.reference, properties, reference)
        return Input(row.trace, properties[wire.EMAIL], properties, wire.EMAIL)

    def _repaired(self, operation: str, row: Row, outcomes: Outcomes, bare: set[str]) -> bool:
        """Whether to write the row once more."""
        failure, reference = outcomes[row.trace], self._config.reference_property
        if not isinstance(failure, CrmFailure) or failure.kind is not FailureKind.VALIDATION:
            return False
        name = failure.error.field
        if answers.is_wrong_key(failure.error) or (name == reference and answers.is_missing_property(failure.error)):
            self._portal.forget()  # somebody deleted it; next time it is made anew
            outcomes[row.trace] = CrmFailure(FailureKind.SERVER, failure.error)
            return False
        if operation == "update" and row.trace not in bare and name == reference:
            bare.add(row.trace)
            return True
        if not name or not answers.is_missing_property(failure.error):
            return False
        self._portal.forget()
        known = name in row.properties
        row.leave_out(name)
        return known


def _conflict(outcome: Written | CrmFailure) -> bool:
    return (
        isinstance(outcome, CrmFailure)
        and outcome.kind is FailureKind.VALIDATION
        and answers.is_conflict(outcome.error)
    )


def _result(row: Row, outcome: Written | CrmFailure, linked: bool) -> PushResult:
    if isinstance(outcome, CrmFailure):
        return _failed(outcome, row.item)
    action: Action = "update" if row.item.external_id else "create" if outcome.new and not linked else "link"
    return PushResult(True, outcome.id, action, left_out=tuple(row.left_out))


def _failed(failure: CrmFailure, item: PushItem) -> PushResult:
    error = failure.error
    if answers.is_conflict(error) and not error.field:
        error = replace(error, field=wire.EMAIL)
    attempted = (item.record.get(error.field) or item.fields.get(error.field)) if error.field else None
    if attempted is not None:
        error = replace(error, attempted_value=str(attempted)[: answers.MAX_MESSAGE])
    return PushResult(
        False,
        kind=failure.kind,
        error=error,
        retry_after=failure.retry_after,
        unknown_outcome=failure.stored is None,
        gone=item.external_id is not None and answers.is_gone(error),
    )
