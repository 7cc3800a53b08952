"""Calls to a custom CRM's REST API, as its configuration describes them: JSON, one record a call."""

import asyncio
import base64
from collections.abc import Mapping, Sequence
from typing import Any, Literal
from urllib.parse import quote, urlencode

from hub.connectors.calls import HTML_ANSWER, Answer, Calls
from hub.connectors.custom import answers
from hub.connectors.custom.paging import filtered
from hub.connectors.custom.paths import MISSING, at, nested
from hub.connectors.custom.reading import Reading, is_deleted, remote
from hub.connectors.custom.sample import described
from hub.connectors.custom.wire import CustomConfig, read_config
from hub.connectors.sendable import only_sendable
from hub.contracts.connector import ClientSettings, PullRequest
from hub.contracts.failures import CrmFailure, FailureKind, RecordError
from hub.contracts.grants import Token
from hub.contracts.pulling import FieldSpec, Identity, Owner, Page, PullMode, RemoteRecord
from hub.contracts.pushing import PushItem, PushResult

_LOOKED_THROUGH = 200  # pages, where a CRM cannot be asked for one record


class CustomClient:
    """One connection's line to its CRM. Open it inside a running loop, and close it."""

    def __init__(self, settings: ClientSettings) -> None:
        self._config: CustomConfig = read_config(settings.config)
        self._tokens = settings.tokens
        self._calls = Calls(
            settings,
            lambda answer: answers.judge(answer, self._config.errors),
            base_url=self._config.base_url,
            authorise=self._authorise,
            headers=self._config.headers,
        )
        self._reading = Reading(self._config, self._read)

    async def push(self, items: Sequence[PushItem]) -> list[PushResult]:
        """Create or update each record; as many at once as the session has connections."""
        return await only_sendable(items, self._push_all)

    async def _push_all(self, items: Sequence[PushItem]) -> list[PushResult]:
        return list(await asyncio.gather(*(self._push_one(item) for item in items)))

    async def delete(self, items: Sequence[PushItem]) -> list[PushResult]:
        """Needs ``endpoints.delete_lead``."""
        return list(await asyncio.gather(*(self._delete_one(item) for item in items)))

    async def find(self, reference: str, email: str | None) -> str | None:
        """By the reference that the hub wrote; else the only record with that e-mail that bears no reference."""
        field, endpoints = self._config.reference_field, self._config.endpoints
        if field is not None:
            path = endpoints.find_lead or filtered(endpoints.get_leads, urlencode({field: reference}))
            # A CRM that ignores an unknown filter answers with everything: only an exact match counts.
            async for row in self._looking(_filled(path, reference=reference, email=email or "")):
                if self._value(row, field) == reference:
                    return self._id(row)
        if not email:
            return None
        by_email = endpoints.find_by_email
        if by_email is None and endpoints.find_lead is not None and "{email}" in endpoints.find_lead:
            by_email = endpoints.find_lead
        path = by_email or filtered(endpoints.get_leads, urlencode({self._config.email_field: email}))
        same = [
            row
            async for row in self._looking(_filled(path, reference=reference, email=email))
            if str(self._value(row, self._config.email_field)).casefold() == email.casefold()
            and not (field is not None and self._value(row, field))
        ]
        return self._id(same[0]) if len(same) == 1 else None

    async def test(self) -> Identity:
        """Read one page."""
        await self._reading.pull(PullRequest(PullMode.FULL), probe=True)
        return Identity(None)

    async def pull(self, request: PullRequest) -> Page:
        """The next page."""
        return await self._reading.pull(request)

    async def fetch(self, record_ids: Sequence[str]) -> list[RemoteRecord]:
        """One call a record."""
        return list(await asyncio.gather(*(self._fetch_one(record_id) for record_id in record_ids)))

    async def describe(self) -> list[FieldSpec]:
        """What a page of records holds: custom CRMs do not describe themselves."""
        rows = await self._reading.sample()
        return described(rows, self._config)

    async def owners(self) -> list[Owner]:
        """Not known of a custom CRM."""
        raise _unable("list its owners")

    async def close(self) -> None:
        """Close all connections."""
        await self._calls.close()

    def _authorise(self, token: Token) -> Mapping[str, str]:
        auth = self._config.auth
        if auth.place == "basic":
            return {"Authorization": f"Basic {base64.b64encode(token.value.encode()).decode()}"}
        if auth.place == "header":
            return {auth.name: f"{auth.prefix}{token.value}"}
        return {} if auth.place == "query" else {"Authorization": f"Bearer {token.value}"}

    async def _call(self, method: str, path: str, body: Any = None) -> Answer:
        if self._config.auth.place == "query":
            path = filtered(path, urlencode({self._config.auth.name: (await self._tokens.current()).value}))
        return await self._calls.send(method, path, body)

    async def _read(self, path: str) -> Answer | None:
        """The answer; None when its status means that there is nothing."""
        try:
            answer = await self._call("GET", path)
        except CrmFailure as failure:
            if failure.kind is FailureKind.VALIDATION and self._means(failure, "none_statuses"):
                return None
            raise
        return None if answer.status in self._config.none_statuses else answer

    def _means(self, failure: CrmFailure, statuses: Literal["none_statuses", "gone_statuses"]) -> bool:
        """Whether a status says that something is not there.

        A web page says nothing of the kind, unless the configuration names the statuses: proxies answer with 404 while
        what is behind them is away, and what is thought to be gone is deleted.
        """
        if failure.error.status not in getattr(self._config, statuses):
            return False
        return failure.error.code != HTML_ANSWER or statuses in self._config.model_fields_set

    async def _looking(self, path: str) -> Any:
        async for row in self._reading.rows(path, _LOOKED_THROUGH):
            if not is_deleted(row, self._config):
                yield row

    def _value(self, row: Mapping[str, Any], field: str) -> Any:
        value = at(row, f"{self._config.fields_path}.{field}" if self._config.fields_path else field)
        return None if value is MISSING else value

    def _id(self, row: Mapping[str, Any]) -> str:
        record_id = answers.identifier(row, self._config.id_path)
        if record_id is None:
            raise CrmFailure(FailureKind.SERVER, RecordError("NO_ID", "a record of the CRM bears no id"))
        return record_id

    async def _push_one(self, item: PushItem) -> PushResult:
        try:
            return await (self._create(item) if item.external_id is None else self._update(item, item.external_id))
        except CrmFailure as failure:
            gone = item.external_id is not None and self._means(failure, "gone_statuses")
            return answers.push_result(failure, item, gone=gone)

    async def _create(self, item: PushItem) -> PushResult:
        config = self._config
        try:
            answer = await self._call("POST", config.endpoints.create_lead, self._body(item, item.record))
        except CrmFailure as failure:
            known = await self._there_already(failure, item) if answers.is_duplicate(failure, config.errors) else None
            if known is None:
                raise
            await self._update(item, known)
            return PushResult(True, known, "link")
        document = answers.written(answer, config.errors, config.writing.create_success)
        record_id = answers.identifier(document, config.writing.id_path)
        if record_id is None or config.writing.read_back:
            record_id = await self._stored(item)
        return PushResult(True, record_id, "create")

    async def _stored(self, item: PushItem) -> str:
        """The id of a record that a create did not name. Raises CrmFailure: it is not there."""
        try:
            record_id = await self.find(item.reference, item.email or self._email(item))
        except CrmFailure as failure:
            raise CrmFailure(failure.kind, failure.error, failure.retry_after, stored=None) from None
        if record_id is None:
            told = "the CRM did not name the record that it created, and it cannot be found"
            raise CrmFailure(FailureKind.SERVER, RecordError("NO_ID", told), stored=None)
        return record_id

    async def _there_already(self, failure: CrmFailure, item: PushItem) -> str | None:
        path = self._config.errors.duplicate_id_path
        named = at(failure.document, path) if path else None
        return answers.identifier(named) or await self.find(item.reference, item.email or self._email(item))

    async def _update(self, item: PushItem, record_id: str) -> PushResult:
        config = self._config
        whole = config.update_method == "PUT" or item.external_id is None
        path = _filled(config.endpoints.update_lead, id=record_id)
        body = self._body(item, item.record if whole else item.fields, reference=whole)
        answer = await self._call(config.update_method, path, body)
        answers.written(answer, config.errors, config.writing.update_success)
        return PushResult(True, record_id, "update")

    def _body(self, item: PushItem, fields: Mapping[str, Any], *, reference: bool = True) -> Any:
        field = self._config.reference_field
        told = {**fields, **({field: item.reference} if field is not None and reference else {})}
        return nested(self._config.writing.wrap, nested(self._config.fields_path, told))

    def _email(self, item: PushItem) -> str | None:
        value = item.record.get(self._config.email_field)
        return value if isinstance(value, str) and value else None

    async def _delete_one(self, item: PushItem) -> PushResult:
        path = self._config.endpoints.delete_lead
        if path is None or item.external_id is None:
            return answers.push_result(_unable("delete"), item)
        try:
            answer = await self._call("DELETE", _filled(path, id=item.external_id))
            answers.deleted(answer, self._config.errors)
        except CrmFailure as failure:
            if not self._means(failure, "gone_statuses"):
                return answers.push_result(failure, item)
        return PushResult(True, item.external_id, "delete")

    async def _fetch_one(self, record_id: str) -> RemoteRecord:
        try:
            answer = await self._read(_filled(self._config.endpoints.one_lead, id=record_id))
        except CrmFailure as failure:
            if self._means(failure, "gone_statuses"):
                return RemoteRecord(record_id, deleted=True)
            raise
        row = answers.record(answer, self._config) if answer else None
        return remote(row, self._config) if row is not None else RemoteRecord(record_id, deleted=True)


def _unable(what: str) -> CrmFailure:
    return CrmFailure(FailureKind.VALIDATION, RecordError("NOT_SUPPORTED", f"this connection cannot {what}"))


def _filled(path: str, **values: str) -> str:
    for name, value in values.items():
        for mark in (f"{{{name}}}", f"%7B{name}%7D"):
            path = path.replace(mark, quote(value, safe=""))
    return path
