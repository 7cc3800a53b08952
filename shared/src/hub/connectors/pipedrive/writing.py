"""Writing persons: one call each, for Pipedrive takes no more; what has to be read before is read for all at once."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from hub.connectors.pipedrive.answers import is_gone, unexpected
from hub.connectors.pipedrive.api import Api
from hub.connectors.pipedrive.catalogue import Catalogue, CustomField
from hub.connectors.pipedrive.deals import Deals
from hub.connectors.pipedrive.drafting import (
    Draft,
    blamed,
    body,
    draft,
    has_amounts,
    left_out,
    missing_options,
    needs_current,
)
from hub.connectors.pipedrive.finding import Finding
from hub.connectors.pipedrive.reading import Reading
from hub.connectors.pipedrive.schema import Schema
from hub.connectors.pipedrive.users import Users
from hub.connectors.pipedrive.wire import DELETE, IDS, OWNER, PERSONS, WRITE, PipedriveConfig, is_number
from hub.contracts.failures import CrmFailure, FailureKind, RecordError
from hub.contracts.pushing import Action, PushItem, PushResult


class Writing:
    """Persons of one company, and the deals that follow them."""

    def __init__(
        self, api: Api, config: PipedriveConfig, schema: Schema, users: Users, finding: Finding, reading: Reading,
        deals: Deals,
    ) -> None:  # fmt: skip
        self._api, self._config, self._schema, self._users = api, config, schema, users
        self._finding, self._reading, self._deals = finding, reading, deals
        self._doubtful: set[str] = set()  # references whose create was sent and never answered

    async def push(self, items: Sequence[PushItem]) -> list[PushResult]:
        """An outcome each, in order. Never raises CrmFailure."""
        outcomes = await self._all(items)
        again = [place for place, (_, stale) in enumerate(outcomes) if stale]
        if again:
            self._schema.forget()
            for place, outcome in zip(again, await self._all([items[place] for place in again]), strict=True):
                outcomes[place] = outcome
        return [result for result, _ in outcomes]

    async def _all(self, items: Sequence[PushItem]) -> list[tuple[PushResult, bool]]:
        """An outcome each; and whether it is to be tried anew: Pipedrive has a field, option or person no more."""
        places = await asyncio.gather(*(self._place(item) for item in items))
        pairs = list(zip(items, places, strict=True))
        placed = [(item, place) for item, place in pairs if not isinstance(place, CrmFailure)]
        try:
            drafts, known = await self._drafts(placed)
            current = await self._current(drafts, known)
            currency = await self._currency([each for each, _ in drafts], known)
        except CrmFailure as failure:
            told = [place if isinstance(place, CrmFailure) else failure for place in places]
            return [(_failed(each, item), False) for each, item in zip(told, items, strict=True)]
        writes = (self._write(each, place, known, current, currency) for each, place in drafts)
        written = iter(await asyncio.gather(*writes))
        return [
            (_failed(place, item), False) if isinstance(place, CrmFailure) else next(written) for item, place in pairs
        ]

    async def delete(self, items: Sequence[PushItem]) -> list[PushResult]:
        """An outcome each, in order; what is gone already is done."""
        return list(await asyncio.gather(*(self._delete(item) for item in items)))

    async def _place(self, item: PushItem) -> str | CrmFailure | None:
        """The number of the person, if it is (or may be) there already."""
        if item.external_id is not None:
            return item.external_id
        try:
            if item.reference in self._doubtful:
                return await self._finding.find(item.reference, item.email)
            if self._config.look_up_by_email and item.email:
                return await self._finding.by_email(item.email)
        except CrmFailure as failure:
            return failure
        return None

    async def _drafts(
        self, placed: Sequence[tuple[PushItem, str | None]]
    ) -> tuple[list[tuple[Draft, str | None]], Catalogue]:
        """Drafts, and fields that hold them. Raises CrmFailure."""
        known = await self._schema.known()
        unmarked = self._finding.unmarked
        drafts = [(draft(item, place, self._config, known, mark=place in unmarked), place) for item, place in placed]
        samples: dict[str, Any] = {}
        for each, _ in drafts:
            samples |= {name: value for name, value in each.custom.items() if value is not None and value != ""}
        known = await self._schema.ensured(samples)
        if self._config.create_options:
            lacking: dict[str, tuple[CustomField, list[str]]] = {}
            for each, _ in drafts:
                for field, labels in missing_options(each, known):
                    lacking.setdefault(field.key, (field, []))[1].extend(labels)
            for field, labels in lacking.values():
                known = await self._options(field, labels, known)
        return drafts, known

    async def _options(self, field: CustomField, labels: list[str], known: Catalogue) -> Catalogue:
        try:
            return await self._schema.with_options(field, labels)
        except CrmFailure as failure:
            if failure.kind is not FailureKind.VALIDATION:
                raise
            return known  # the records that want it are refused, each by itself

    async def _current(
        self, drafts: Sequence[tuple[Draft, str | None]], known: Catalogue
    ) -> Mapping[str, Mapping[str, Any]]:
        """Persons as they are, of those that cannot be written without. Raises CrmFailure."""
        numbers = [place for each, place in drafts if place is not None and needs_current(each, known)]
        numbers = [number for number in dict.fromkeys(numbers) if number.isascii() and number.isdigit()]
        slices = [numbers[start : start + IDS] for start in range(0, len(numbers), IDS)]
        pages = await asyncio.gather(*(self._reading.rows(each) for each in slices))
        return {str(row["id"]): row for page in pages for row in page}

    async def _write(
        self,
        drafted: Draft,
        place: str | None,
        known: Catalogue,
        current: Mapping[str, Mapping[str, Any]],
        currency: str,
    ) -> tuple[PushResult, bool]:
        item = drafted.item
        try:
            owner = await self._owner(drafted)
            wanted = body(drafted, known, current.get(place or "", {}), owner, currency)
            number, action, sent = await self._owned(drafted, place, wanted)
        except CrmFailure as failure:
            stale = failure.kind is FailureKind.VALIDATION and (failure.error.field or "").startswith("custom_fields")
            gone = place is not None and is_gone(failure)
            if gone:
                self._finding.drop(item.reference)
                self._doubtful.discard(item.reference)
                stale = item.external_id is None  # where it was found it is no more: made anew
            return _failed(blamed(failure, drafted, known), item, gone=gone), stale
        self._finding.keep(item.reference, number)
        self._finding.unmarked.discard(number)
        try:
            for companion in item.companions:
                await self._deals.follow(companion, item, int(number), fresh=action == "create")
        except CrmFailure as failure:
            self._doubtful.add(item.reference)  # the person is there: another create is an update
            return _failed(failure, item, unknown=True), False
        self._doubtful.discard(item.reference)
        return PushResult(True, number, action, left_out=left_out(drafted, known, sent)), False

    async def _owned(
        self, drafted: Draft, place: str | None, wanted: Mapping[str, Any]
    ) -> tuple[str, Action, Mapping[str, Any]]:
        """``_send``, and what was sent; an owner that Pipedrive does not know (any more) must not hold up the rest."""
        try:
            return *await self._send(drafted, place, wanted), wanted
        except CrmFailure as failure:
            if failure.kind is not FailureKind.VALIDATION or failure.error.field != "owner_id":
                raise
        wanted = {name: each for name, each in wanted.items() if name != "owner_id"}
        return *await self._send(drafted, place, wanted), wanted

    async def _send(self, drafted: Draft, place: str | None, wanted: Mapping[str, Any]) -> tuple[str, Action]:
        item = drafted.item
        if place is not None:
            if not (place.isascii() and place.isdigit()):
                told = RecordError("HTTP_404", "that is no person's number", status=404)
                raise CrmFailure(FailureKind.VALIDATION, told)
            if wanted:
                await self._api.record("PATCH", f"{PERSONS}/{place}", wanted, tokens=WRITE)
            return place, "update" if item.external_id is not None else "link"
        if self._config.visible_to is not None:
            wanted = {**wanted, "visible_to": self._config.visible_to}
        try:
            made = await self._api.record("POST", PERSONS, wanted, tokens=WRITE)
        except CrmFailure as failure:
            if failure.stored is None:
                self._doubtful.add(item.reference)
            raise
        number = made.get("id")
        if not is_number(number):
            self._doubtful.add(item.reference)
            raise unexpected("the created person bears no number")
        return str(number), "create"

    async def _owner(self, drafted: Draft) -> int | None:
        """None: not told, or nobody that Pipedrive knows; the person is written all the same. Raises CrmFailure."""
        agent: int | str | None = drafted.fields.get(OWNER)
        return None if agent is None else await self._users.number(agent)

    async def _currency(self, drafts: Sequence[Draft], known: Catalogue) -> str:
        if not any(has_amounts(each, known) for each in drafts):
            return ""
        return self._config.deal.currency or await self._users.currency()

    async def _delete(self, item: PushItem) -> PushResult:
        number = item.external_id
        if number is not None and number.isascii() and number.isdigit():
            try:
                await self._api.call("DELETE", f"{PERSONS}/{number}", tokens=DELETE)
            except CrmFailure as failure:
                if not is_gone(failure):
                    return _failed(failure, item)
        self._finding.drop(item.reference)
        return PushResult(True, number, "delete")


def _failed(failure: CrmFailure, item: PushItem, *, gone: bool = False, unknown: bool = False) -> PushResult:
    return PushResult(
        False, item.external_id, kind=failure.kind, error=failure.error, retry_after=failure.retry_after,
        unknown_outcome=unknown or failure.stored is None, gone=gone,
    )  # fmt: skip
