"""Calls to a custom CRM's REST API: JSON, API key as bearer, one record a call."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
import orjson
from yarl import URL

from hub.connectors.custom import answers
from hub.connectors.custom.wire import CustomConfig, read_config
from hub.contracts.connector import ClientSettings, PullRequest
from hub.contracts.failures import CrmFailure, FailureKind, RecordError
from hub.contracts.pulling import FieldSpec, Identity, Owner, Page, RemoteRecord
from hub.contracts.pushing import PushItem, PushResult
from hub.egress import EgressPolicy, open_session, refused

MAX_ANSWER_BYTES = 1_000_000
_JSON = {"Content-Type": "application/json", "Accept": "application/json"}


class CustomClient:
    """One connection's line to its CRM. Open it inside a running loop, and close it."""

    def __init__(self, settings: ClientSettings) -> None:
        self._config: CustomConfig = read_config(settings.config)
        self._base = self._config.base_url
        self._tokens = settings.tokens
        self._key = ""
        self._session = open_session(
            EgressPolicy.read(",".join(settings.egress_allow)),
            connections=settings.connections,
            timeout=settings.timeout,
            headers=_JSON,
        )

    async def push(self, items: Sequence[PushItem]) -> list[PushResult]:
        """Create or update each record; as many at once as the session has connections."""
        return list(await asyncio.gather(*(self._push_one(item) for item in items)))

    async def find(self, reference: str, email: str | None) -> str | None:
        """By the reference that the hub wrote; else the only record with that e-mail that bears no reference."""
        field, endpoints = self._config.reference_field, self._config.endpoints
        path = endpoints.find_lead or _filtered(endpoints.get_leads, {field: "{reference}"})
        for name in ("{reference}", "%7Breference%7D"):
            path = path.replace(name, quote(reference, safe=""))
        by_reference = await self._records(path)
        # A CRM that ignores an unknown filter answers with everything: only an exact match counts.
        same = [record for record in by_reference if record.get(field) == reference]
        if not same and email:
            by_email = await self._records(_filtered(endpoints.get_leads, {"email": email}))
            bare = (record for record in by_email if not record.get(field))
            same = [record for record in bare if str(record.get("email")).casefold() == email.casefold()]
            same = same if len(same) == 1 else []
        return self._identifier(same[0]) if same else None

    async def test(self) -> Identity:
        """Read one lead."""
        await self._records(_filtered(self._config.endpoints.get_leads, {"per_page": "1"}))
        return Identity(None)

    async def delete(self, items: Sequence[PushItem]) -> list[PushResult]:
        """Not in the design document's API."""
        raise _unable("delete")

    async def pull(self, request: PullRequest) -> Page:
        """Not yet."""
        raise _unable("pull")

    async def fetch(self, record_ids: Sequence[str]) -> list[RemoteRecord]:
        """Not yet."""
        raise _unable("fetch")

    async def describe(self) -> list[FieldSpec]:
        """Not yet."""
        raise _unable("describe")

    async def owners(self) -> list[Owner]:
        """Not yet."""
        raise _unable("owners")

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def _push_one(self, item: PushItem) -> PushResult:
        endpoints, reference = self._config.endpoints, {self._config.reference_field: item.reference}
        try:
            if item.external_id is None:
                document = await self._call("POST", endpoints.create_lead, {**item.record, **reference})
                return PushResult(True, answers.identifier(document), "create")
            path = endpoints.update_lead.replace("{id}", quote(item.external_id, safe=""))
            whole = self._config.update_method == "PUT"
            await self._call(self._config.update_method, path, {**item.record, **reference} if whole else item.fields)
            return PushResult(True, item.external_id, "update")
        except answers.Failed as failed:
            return answers.push_result(failed, item, self._key)

    async def _records(self, path: str) -> list[Mapping[str, Any]]:
        try:
            return answers.records(await self._call("GET", path, None))
        except answers.Failed as failed:
            raise CrmFailure(failed.kind, answers.scrubbed(failed.error, self._key), failed.retry_after) from None

    def _identifier(self, record: Mapping[str, Any]) -> str:
        try:
            return answers.identifier(record)
        except answers.Failed as failed:
            raise CrmFailure(failed.kind, failed.error) from None

    async def _call(self, method: str, path: str, fields: Mapping[str, Any] | None) -> Any:
        """The JSON of a 2xx answer. Raises Failed for everything else."""
        body = None if fields is None else orjson.dumps(fields)
        try:
            self._key = (await self._tokens.current()).value
            url, headers = URL(self._base + path, encoded=True), {"Authorization": f"Bearer {self._key}"}
            async with self._session.request(
                method, url, data=body, headers=headers, allow_redirects=False
            ) as response:
                content = await _read_capped(response)
                return answers.read(response.status, response.headers, content)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            never_sent = isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)
            raise answers.no_answer(error, refused(error) is not None, never_sent) from None


def _unable(what: str) -> CrmFailure:
    return CrmFailure(FailureKind.VALIDATION, RecordError("NOT_SUPPORTED", f"this connection cannot {what}"))


def _filtered(path: str, query: Mapping[str, str]) -> str:
    return f"{path}{'&' if '?' in path else '?'}{urlencode(query)}"


async def _read_capped(response: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    async for chunk in response.content.iter_chunked(65_536):
        content += chunk
        if len(content) > MAX_ANSWER_BYTES:
            response.close()
            raise answers.Failed(
                FailureKind.SERVER,
                RecordError("ANSWER_TOO_LARGE", f"the CRM's answer is larger than {MAX_ANSWER_BYTES} bytes"),
                stored=None,
            )
    return bytes(content)
