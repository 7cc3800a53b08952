"""One connection's line to Pipedrive."""

from collections.abc import Mapping, Sequence
from typing import Any

from hub.connectors.pipedrive.api import Api
from hub.connectors.pipedrive.deals import Deals
from hub.connectors.pipedrive.finding import Finding
from hub.connectors.pipedrive.inbox import Inbox
from hub.connectors.pipedrive.mapping import PipedriveFieldMap
from hub.connectors.pipedrive.reading import Reading
from hub.connectors.pipedrive.schema import Schema
from hub.connectors.pipedrive.users import Users
from hub.connectors.pipedrive.wire import DEAL_FIELDS, EMAIL, FIRST, LAST, OWNER, PERSON_FIELDS, PHONE, read_config
from hub.connectors.pipedrive.writing import Writing
from hub.connectors.sendable import only_sendable
from hub.contracts.connector import ClientSettings, PullRequest
from hub.contracts.failures import CrmFailure, FailureKind, RecordError
from hub.contracts.pulling import FieldSpec, Identity, Owner, Page, RemoteRecord
from hub.contracts.pushing import PushItem, PushResult

_SAMPLE = "MPP-1"
_OWN = (
    FieldSpec(FIRST, "First name", "text", writable=True),
    FieldSpec(LAST, "Last name", "text", writable=True),
    FieldSpec(EMAIL, "Email", "text", writable=True),
    FieldSpec(PHONE, "Phone", "text", writable=True),
    FieldSpec(OWNER, "Owner", "reference", writable=True),
)


class PipedriveClient:
    """Open it inside a running loop, and close it."""

    def __init__(self, settings: ClientSettings) -> None:
        self._config = config = read_config(settings.config)
        self._mapping = mapping = PipedriveFieldMap(config)
        self._api = api = Api(settings, config)
        self._users = users = Users(api, config, settings.meter)
        self._persons = Schema(api, PERSON_FIELDS, config, mapping)
        self._deal_fields = Schema(api, DEAL_FIELDS, config, mapping)
        self._finding = Finding(api, config, self._persons)
        self._reading = Reading(api, config, mapping, self._persons, users)
        deals = Deals(api, config, self._deal_fields, users, Inbox(api, config, self._deal_fields, users))
        self._writing = Writing(api, config, self._persons, users, self._finding, self._reading, deals)

    async def test(self) -> Identity:
        """Who answers; and the custom fields that the hub needs, made where they are missing. Raises CrmFailure."""
        identity = await self._users.identity()
        self._persons.forget()
        samples: dict[str, Any] = {self._config.reference_field: _SAMPLE}
        await self._see_to(self._persons, samples | dict.fromkeys(self._mapping.expected, "x"), "person")
        if self._config.deal.enabled or self._config.leads_inbox:
            self._deal_fields.forget()
            await self._see_to(self._deal_fields, samples, "deal")
        return identity

    async def push(self, items: Sequence[PushItem]) -> list[PushResult]:
        """Create or update persons, and the deals that follow them."""
        return await only_sendable(items, self._writing.push)

    async def delete(self, items: Sequence[PushItem]) -> list[PushResult]:
        """Delete persons; Pipedrive keeps them for 30 days."""
        return await self._writing.delete(items)

    async def find(self, reference: str, email: str | None) -> str | None:
        """See ``finding``. Raises CrmFailure."""
        return await self._finding.find(reference, email)

    async def pull(self, request: PullRequest) -> Page:
        """See ``reading``. Raises CrmFailure."""
        return await self._reading.pull(request)

    async def fetch(self, record_ids: Sequence[str]) -> list[RemoteRecord]:
        """Persons by number. Raises CrmFailure."""
        return await self._reading.fetch(record_ids)

    async def describe(self) -> list[FieldSpec]:
        """A person's own fields and its custom ones, by the names that records have them under. Raises CrmFailure."""
        return [*_OWN, *(await self._persons.known(older_than=0.0)).specs()]

    async def owners(self) -> list[Owner]:
        """Users. Raises CrmFailure."""
        return await self._users.owners(older_than=0.0)

    async def close(self) -> None:
        """Close all connections."""
        await self._api.close()

    async def _see_to(self, schema: Schema, samples: Mapping[str, Any], what: str) -> None:
        known = await schema.ensured(samples)
        if self._config.reference_field not in known.by_name:
            name = self._config.reference_field
            told = f"make a {what} field of type text named {name}: the hub may not, or must not"
            raise CrmFailure(FailureKind.VALIDATION, RecordError("MISSING_FIELD", told, name))
