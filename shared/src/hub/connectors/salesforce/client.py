"""One connection's line to Salesforce."""

from collections.abc import Sequence
from dataclasses import replace

from hub.connectors.salesforce import people
from hub.connectors.salesforce.api import Api
from hub.connectors.salesforce.mapping import SalesforceFieldMap
from hub.connectors.salesforce.org import Org
from hub.connectors.salesforce.reading import Reader
from hub.connectors.salesforce.wire import read_config
from hub.connectors.salesforce.writing import Writer
from hub.connectors.sendable import only_sendable
from hub.contracts.connector import ClientSettings, PullRequest
from hub.contracts.failures import CrmFailure, FailureKind, RecordError
from hub.contracts.pulling import FieldSpec, Identity, Owner, Page, RemoteRecord
from hub.contracts.pushing import PushItem, PushResult


class SalesforceClient:
    """Open it inside a running loop, and close it."""

    def __init__(self, settings: ClientSettings) -> None:
        config = read_config(settings.config)
        mapping = SalesforceFieldMap(config)
        self._api = Api(settings, config)
        self._org = Org(self._api, mapping)
        self._writer, self._reader = Writer(self._api, mapping, self._org), Reader(self._api, mapping, self._org)

    async def test(self) -> Identity:
        """Whether leads can be read and written. A missing external id field is remarked on, not an error."""
        self._org.forget()
        lead, config = await self._org.lead(), self._api.config
        if not (lead.createable and lead.updateable):
            told = RecordError(
                "NO_ACCESS", f"the Salesforce user may not create and edit {config.objects.lead} records"
            )
            raise CrmFailure(FailureKind.VALIDATION, told)
        identity, field = await self._org.identity(), config.external_id_field
        if lead.reference:
            return identity
        remark = f"{config.objects.lead} has no external id field {field}" if field else "no external id field is used"
        return replace(identity, remarks=(f"{remark}: before a lead is created, one with its e-mail is looked for",))

    async def push(self, items: Sequence[PushItem]) -> list[PushResult]:
        """Creates and updates mixed, 200 leads a call; so many that they are worth a job, by Bulk API."""
        return await only_sendable(items, self._writer.push)

    async def delete(self, items: Sequence[PushItem]) -> list[PushResult]:
        """Into the recycle bin."""
        return await self._writer.delete(items)

    async def find(self, reference: str, email: str | None) -> str | None:
        """By external id, else the only lead with that e-mail that bears no reference."""
        lead = await self._org.lead()
        found = await people.by_reference(self._api, lead, reference)
        if found is None and email:
            found = (await people.by_email(self._api, lead, [email])).get(email.casefold())
        return found

    async def pull(self, request: PullRequest) -> Page:
        """In the order (SystemModstamp, Id); a large backfill by a bulk query."""
        return await self._reader.pull(request)

    async def fetch(self, record_ids: Sequence[str]) -> list[RemoteRecord]:
        """From all rows, the recycle bin's too."""
        return await self._reader.fetch(record_ids)

    async def describe(self) -> list[FieldSpec]:
        """The lead object's fields, as they are now."""
        self._org.forget()
        return [each.spec() for each in (await self._org.lead()).fields.values()]

    async def owners(self) -> list[Owner]:
        """Users, and queues where the hub's user may see them."""
        return await self._org.owners()

    async def close(self) -> None:
        """Disconnect."""
        await self._api.close()
