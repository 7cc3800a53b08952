"""Batch calls of 100 inputs with an outcome for each, however HubSpot answers.

A batch is refused as a whole (400, 409) for one bad input, or answered with 207 and the bad ones told apart by
``objectWriteTraceId``; neither is promised for which mistakes, so both are read.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.connectors.calls import Calls
from hub.connectors.hubspot import answers, wire
from hub.contracts.failures import CrmFailure, FailureKind, RecordError

_TELLING = 8  # so many inputs refused one by one in the same words speak for all the others
_STATUSES = {"CONFLICT": 409, "OBJECT_NOT_FOUND": 404, "MISSING_SCOPES": 403}


@dataclass(frozen=True, slots=True)
class Input:
    """One record to write: by its id, or by a unique property."""

    trace: str  # unique within a write
    id: str
    properties: Mapping[str, str]
    id_property: str | None = None

    def document(self) -> dict[str, Any]:
        """As HubSpot takes it."""
        body = {"id": self.id, "properties": self.properties, "objectWriteTraceId": self.trace}
        return body | ({"idProperty": self.id_property} if self.id_property else {})

    def keys(self) -> set[str]:
        """What no two inputs of a batch may share."""
        email = self.properties.get(wire.EMAIL)
        return {f"{self.id_property}:{self.id.casefold()}", *([f"email:{email.casefold()}"] if email else [])}


@dataclass(frozen=True, slots=True)
class Written:
    """One record as it is now; ``new`` is told by upserts."""

    id: str
    new: bool = False
    properties: Mapping[str, Any] = field(default_factory=dict)  # as the answer tells them


Outcomes = dict[str, Written | CrmFailure]  # by trace


class Batches:
    """Batch writes of one connection."""

    def __init__(self, calls: Calls, config: wire.HubSpotConfig) -> None:
        self._calls, self._config = calls, config

    async def write(self, kind: str, operation: str, inputs: Sequence[Input]) -> Outcomes:
        """``operation``: update or upsert. Never raises for what HubSpot or the network does."""
        outcomes: Outcomes = {}
        for together in _rounds(inputs):
            chunks = [together[at : at + wire.BATCH] for at in range(0, len(together), wire.BATCH)]
            for found in await asyncio.gather(*(self._chunk(kind, operation, chunk) for chunk in chunks)):
                outcomes |= found
        return outcomes

    async def read(
        self, kind: str, ids: Sequence[str], properties: Iterable[str], by: str = ""
    ) -> list[dict[str, Any]]:
        """Records by id, or by a unique property; those that are not there are left out. Raises CrmFailure."""
        names = list(properties)

        async def some(chunk: Sequence[str]) -> list[dict[str, Any]]:
            body: dict[str, Any] = {"properties": names, "inputs": [{"id": each} for each in chunk]}
            path = self._config.objects(kind, "/batch/read")
            document = await self._calls.json("POST", path, body | ({"idProperty": by} if by else {}))
            found = [dict(each) for each in answers.results(document)]
            for row in answers.row_errors(document):
                if not answers.is_gone(error := _row_error(row)):
                    raise CrmFailure(FailureKind.SERVER, error)  # not read, which is not the same as not there
            return found

        chunks = [ids[at : at + wire.BATCH] for at in range(0, len(ids), wire.BATCH)]
        return [record for found in await asyncio.gather(*map(some, chunks)) for record in found]

    async def _chunk(self, kind: str, operation: str, inputs: Sequence[Input]) -> Outcomes:
        path = self._config.objects(kind, f"/batch/{operation}")
        try:
            document = await self._calls.json("POST", path, {"inputs": [each.document() for each in inputs]})
            return _outcomes(document, inputs)
        except CrmFailure as failure:
            if failure.kind is not FailureKind.VALIDATION or len(inputs) == 1 or answers.is_wrong_key(failure.error):
                return {each.trace: failure for each in inputs}
            return await self._apart(kind, operation, inputs, failure)

    async def _apart(self, kind: str, operation: str, inputs: Sequence[Input], failure: CrmFailure) -> Outcomes:
        """The batch was refused for some of its inputs: find them, and write the others."""
        if answers.is_missing_property(failure.error):
            outcomes: Outcomes = {each.trace: failure for each in inputs if failure.error.field in each.properties}
            others = [each for each in inputs if each.trace not in outcomes]
            if outcomes:
                return outcomes | (await self._chunk(kind, operation, others) if others else {})
        suspects = [each for each in inputs if _named(each, failure.error)]
        if 0 < len(suspects) < len(inputs):
            told = {each.trace for each in suspects}
            others = [each for each in inputs if each.trace not in told]
            return await self._chunk(kind, operation, others) | await self._chunk(kind, operation, suspects)
        middle = len(inputs) // 2
        first = await self._chunk(kind, operation, inputs[:middle])
        if middle >= _TELLING and all(_same(each, failure) for each in first.values()):
            return first | {each.trace: failure for each in inputs[middle:]}
        return first | await self._chunk(kind, operation, inputs[middle:])


def _rounds(inputs: Sequence[Input]) -> list[list[Input]]:
    """Inputs that share a key go one after the other: in one batch HubSpot refuses them."""
    rounds: list[tuple[list[Input], set[str]]] = []
    for each in inputs:
        keys = each.keys()
        for together, taken in rounds:
            if not keys & taken:
                together.append(each)
                taken |= keys
                break
        else:
            rounds.append(([each], set(keys)))
    return [together for together, _ in rounds]


def _named(given: Input, error: RecordError) -> bool:
    """Whether an error about a property's value may be about this input."""
    value = given.properties.get(error.field) if error.field else None
    return bool(value) and str(value) in error.message


def _same(outcome: Written | CrmFailure, failure: CrmFailure) -> bool:
    return isinstance(outcome, CrmFailure) and outcome.error.message == failure.error.message


def _outcomes(document: Any, inputs: Sequence[Input]) -> Outcomes:
    """Results and errors of an answer, each to its input. Raises CrmFailure when it is none of HubSpot's."""
    outcomes: Outcomes = {}
    names = _names(inputs)
    strays = []
    for result in answers.results(document):
        trace = _trace(result, names)
        if trace is None:
            strays.append(result)
        else:
            outcomes[trace] = _written(result)
    unnamed: list[CrmFailure] = []
    for row in answers.row_errors(document):
        failure = CrmFailure(answers.row_kind(row), _row_error(row))
        named = [trace for trace in _error_traces(row, names) if trace not in outcomes]
        outcomes |= dict.fromkeys(named, failure)
        unnamed.extend([] if named else [failure])
    left = [each for each in inputs if each.trace not in outcomes]
    if len(left) == len(strays) == 1 and not unnamed:
        return outcomes | {left[0].trace: _written(strays[0])}
    lost = RecordError("UNEXPECTED_ANSWER", "the answer does not tell what became of the record")
    silent = unnamed[0] if unnamed else CrmFailure(FailureKind.SERVER, lost, stored=None)
    return outcomes | {each.trace: silent for each in left}


def _written(result: Mapping[str, Any]) -> Written | CrmFailure:
    record_id, held = str(result.get("id")), result.get("properties")
    if not wire.is_record_id(record_id):
        told = RecordError("UNEXPECTED_ANSWER", "the answer does not name the record's id")
        return CrmFailure(FailureKind.SERVER, told, stored=None)
    return Written(record_id, result.get("new") is True, held if isinstance(held, dict) else {})


def _names(inputs: Sequence[Input]) -> dict[str, str]:
    """Everything that may name an input in an answer → its trace."""
    names = {each.trace: each.trace for each in inputs}
    return names | {f"{each.id_property or ''}={each.id.casefold()}": each.trace for each in inputs}


def _trace(result: Mapping[str, Any], names: Mapping[str, str]) -> str | None:
    if found := names.get(str(result.get("objectWriteTraceId"))):
        return found
    if found := names.get(f"={result.get('id')}"):
        return found
    properties = result.get("properties")
    pairs = properties.items() if isinstance(properties, dict) else ()
    return next(
        (names[key] for key in (f"{name}={str(value).casefold()}" for name, value in pairs) if key in names), None
    )


def _error_traces(row: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
    context = row.get("context")
    told = context if isinstance(context, dict) else {}
    found = []
    for member, prefix in (("objectWriteTraceId", ""), ("id", "="), ("ids", "=")):
        values = told.get(member)
        for value in values if isinstance(values, list) else [values]:
            trace = names.get(f"{prefix}{value}")
            if trace is not None and trace not in found:
                found.append(trace)
    return found


def _row_error(row: Mapping[str, Any]) -> RecordError:
    return answers.error_of(row, _STATUSES.get(str(row.get("category")), 400))
