"""What is known of the org: its lead object, its users, and who the hub is there. Kept for a while."""

import time
from collections.abc import Collection, Mapping
from typing import Any

from hub.connectors.salesforce import answers
from hub.connectors.salesforce.api import Api
from hub.connectors.salesforce.fields import LeadObject, read_description
from hub.connectors.salesforce.mapping import SalesforceFieldMap
from hub.connectors.salesforce.wire import is_record_id
from hub.contracts.failures import CrmFailure, FailureKind
from hub.contracts.pulling import Identity, Owner

_KEPT_SECONDS, _PATIENCE_SECONDS = 3600.0, 60.0
_USERS = "SELECT Id, Name, Email, IsActive FROM User WHERE UserType = 'Standard'"
_QUEUES = "SELECT Id, Name FROM Group WHERE Type = 'Queue'"
_ORGANIZATION = "SELECT Id, Name FROM Organization LIMIT 1"


class Org:
    """One connection's knowledge; every question costs a call now and then."""

    def __init__(self, api: Api, mapping: SalesforceFieldMap) -> None:
        self._api, self._mapping = api, mapping
        self._lead: LeadObject | None = None
        self._lead_until = self._owners_until = self._users_until = self._user_until = 0.0
        self._changed_asked = -_PATIENCE_SECONDS
        self._owners: list[Owner] = []
        self._users: list[Owner] = []
        self._user: Mapping[str, Any] = {}

    async def lead(self) -> LeadObject:
        """The lead object. Raises CrmFailure."""
        if self._lead is None or time.monotonic() > self._lead_until:
            config = self._api.config
            document = await self._api.json("GET", f"/sobjects/{config.objects.lead}/describe")
            try:
                self._lead = read_description(document, config, self._mapping)
            except (KeyError, TypeError, ValueError, AttributeError):
                raise answers.unexpected("the object's description is not understood") from None
            self._lead_until = time.monotonic() + _KEPT_SECONDS
        return self._lead

    async def changed(self) -> bool:
        """Whether the lead object has other fields than were known: a call, but not twice in a minute."""
        if time.monotonic() < self._changed_asked + _PATIENCE_SECONDS:
            return False
        self._changed_asked = time.monotonic()
        before = self._lead
        self.forget()
        return await self.lead() != before

    def forget(self) -> None:
        """What is known of the lead object is wrong: somebody changed it."""
        self._lead_until = 0.0

    async def owners(self) -> list[Owner]:
        """Users, and queues where the org shows them. Raises CrmFailure."""
        if time.monotonic() > self._owners_until:
            users = await self._all_users()
            try:
                queues = [_owner(row) for row in await self._api.query_all_pages(_QUEUES)]
            except CrmFailure as failure:
                if failure.kind is not FailureKind.VALIDATION:
                    raise
                queues = []  # this user may not see them
            self._owners = [*users, *(queue for queue in queues if queue)]
            self._owners_until = time.monotonic() + _KEPT_SECONDS
        return self._owners

    async def user_ids(self, emails: Collection[str]) -> dict[str, str]:
        """Active users by e-mail address in lower case; no call for no addresses. Raises CrmFailure."""
        if not emails:
            return {}
        users = await self._all_users()
        return {user.email.casefold(): user.id for user in users if user.active and user.email}

    async def _all_users(self) -> list[Owner]:
        if time.monotonic() > self._users_until:
            found = [_owner(row) for row in await self._api.query_all_pages(_USERS)]
            self._users = [user for user in found if user]
            self._users_until = time.monotonic() + _KEPT_SECONDS
        return self._users

    async def user_id(self) -> str | None:
        """The hub's own user: who owns what the hub creates. None where Salesforce does not say."""
        found = (await self.user()).get("user_id")
        return found if is_record_id(found) else None

    async def user(self) -> Mapping[str, Any]:
        """Who the hub is there; empty where its scopes do not let it ask. Raises CrmFailure."""
        if time.monotonic() > self._user_until:
            try:
                document = await self._api.elsewhere("/services/oauth2/userinfo", cost=0)
            except CrmFailure as failure:
                if failure.kind in (FailureKind.NETWORK, FailureKind.RATE_LIMIT, FailureKind.SERVER):
                    raise
                document = None
            self._user = document if isinstance(document, dict) else {}
            self._user_until = time.monotonic() + _KEPT_SECONDS
        return self._user

    async def identity(self) -> Identity:
        """Whom the connection talks to. Raises CrmFailure."""
        rows, _ = await self._api.query(_ORGANIZATION)
        user = await self.user()
        row = rows[0] if rows else {}
        name = user.get("preferred_username") or user.get("name")
        return Identity(
            str(row["Id"]) if is_record_id(row.get("Id")) else user.get("organization_id"),
            row.get("Name"),
            str(name) if name else None,
        )


def _owner(row: Mapping[str, Any]) -> Owner | None:
    owner_id, email = row.get("Id"), row.get("Email")
    if not is_record_id(owner_id):
        return None
    assert isinstance(owner_id, str)
    return Owner(owner_id, str(row.get("Name") or owner_id), email or None, row.get("IsActive") is not False)
