"""One connection's line to HubSpot."""

from collections.abc import Sequence
from urllib.parse import quote

from hub.connectors.calls import Answer, Calls
from hub.connectors.hubspot import answers, wire
from hub.connectors.hubspot.batches import Batches
from hub.connectors.hubspot.mapping import HubSpotFieldMap
from hub.connectors.hubspot.portal import Portal
from hub.connectors.hubspot.preparing import Preparing
from hub.connectors.hubspot.reading import Reader
from hub.connectors.hubspot.writing import Writer
from hub.connectors.sendable import only_sendable
from hub.contracts.connector import ClientSettings, PullRequest
from hub.contracts.failures import CrmFailure, FailureKind, RecordError
from hub.contracts.ids import parse_lead_external_id
from hub.contracts.pulling import FieldSpec, Identity, Owner, Page, RemoteRecord
from hub.contracts.pushing import PushItem, PushResult


class HubSpotClient:
    """See ``CrmClient``."""

    def __init__(self, settings: ClientSettings) -> None:
        self._config = config = wire.read_config(settings.config)
        self._meter = settings.meter
        hosts = settings.app.hosts if settings.app else {}
        self._calls = calls = Calls(settings, answers.judge, base_url=hosts.get("api", wire.API_URL), learn=self._learn)
        field_map = HubSpotFieldMap(config)
        batches = Batches(calls, config)
        self._portal = Portal(calls, config)
        self._reader = Reader(calls, config, self._portal, field_map, batches)
        preparing = Preparing(self._portal, field_map, config)
        self._writer = Writer(calls, config, self._portal, preparing, batches)

    async def test(self) -> Identity:
        """Read a contact; make the properties that the hub keeps its reference in. Raises CrmFailure."""
        config = self._config
        await self._calls.json("GET", config.objects(wire.CONTACTS, "?limit=1"))
        identity = await self._identity()
        if config.portal_id and identity.tenant and identity.tenant != config.portal_id:
            message = f"the token is of portal {identity.tenant}, and this connection is to portal {config.portal_id}"
            raise CrmFailure(FailureKind.AUTH, RecordError("WRONG_PORTAL", message))
        await self._portal.has_reference(wire.CONTACTS)
        if config.deal is not None:
            await self._portal.has_reference(wire.DEALS)
        return identity

    async def push(self, items: Sequence[PushItem]) -> list[PushResult]:
        """See ``Writer``."""
        return await only_sendable(items, self._writer.push)

    async def delete(self, items: Sequence[PushItem]) -> list[PushResult]:
        """Archive: HubSpot keeps them for 90 days."""
        return await self._writer.delete(items)

    async def find(self, reference: str, email: str | None) -> str | None:
        """By the reference, else the contact with the e-mail, unless that is another lead's. Raises CrmFailure."""
        if await self._portal.has_reference(wire.CONTACTS):
            found = await self._read(reference, self._config.reference_property)
            if found:
                return found[0]
        found = await self._read(email, wire.EMAIL) if email else None
        free = found is not None and (parse_lead_external_id(found[1]) is None or found[1] == reference)
        return found[0] if found and free else None

    async def pull(self, request: PullRequest) -> Page:
        """See ``Reader``."""
        return await self._reader.pull(request)

    async def fetch(self, record_ids: Sequence[str]) -> list[RemoteRecord]:
        """See ``Reader``."""
        return await self._reader.fetch(record_ids)

    async def describe(self) -> list[FieldSpec]:
        """Properties of contacts. Raises CrmFailure."""
        self._portal.forget()
        known = await self._portal.schema(wire.CONTACTS)
        if known is None:
            raise CrmFailure(
                FailureKind.AUTH, RecordError("MISSING_SCOPES", "the grant does not cover properties", status=403)
            )
        return [each.spec() for each in known.properties.values()]

    async def owners(self) -> list[Owner]:
        """Everybody whom records can belong to; none when the grant does not cover it. Raises CrmFailure."""
        return await self._portal.owners() or []

    async def close(self) -> None:
        """Disconnect."""
        await self._calls.close()

    async def _identity(self) -> Identity:
        try:
            document = await self._calls.json("GET", self._config.account())
        except CrmFailure as failure:
            if failure.error.status in (403, 404):
                return Identity(None)
            raise
        portal = document.get("portalId") if isinstance(document, dict) else None
        domain = document.get("uiDomain") if isinstance(document, dict) else None
        return Identity(str(portal) if portal else None, str(domain) if domain else None)

    async def _read(self, key: str, by: str) -> tuple[str, str | None] | None:
        """Id and reference of the contact with a unique value; None when there is none."""
        reference = self._config.reference_property
        path = f"/{quote(key, safe='')}?idProperty={by}&properties={reference}"
        try:
            record = await self._calls.json("GET", self._config.objects(wire.CONTACTS, path))
        except CrmFailure as failure:
            if answers.is_gone(failure.error) or failure.error.status == 404:
                return None
            raise
        record_id = record.get("id") if isinstance(record, dict) else None
        if not wire.is_record_id(record_id):
            raise CrmFailure(FailureKind.SERVER, RecordError("UNEXPECTED_ANSWER", "the answer holds no record"))
        properties = record.get("properties")
        return str(record_id), properties.get(reference) if isinstance(properties, dict) else None

    def _learn(self, answer: Answer) -> None:
        if found := answers.readings(answer):
            self._meter.learn(found)
        if refusal := answers.refusal(answer):
            self._meter.exhausted(*refusal)
