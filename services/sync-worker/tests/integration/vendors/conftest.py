"""Simulated Salesforce and HubSpot, and connections to them as if a customer had consented."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from hub.contracts.grants import Grant
from hub.grants import OAuthApps
from simulators.hubspot.app import running as hubspot_running
from simulators.hubspot.settings import Settings
from simulators.salesforce.app import running as salesforce_running

CLIENT = ("hub-client", "hub-secret")
QUICK = {"retry_config": {"max_attempts": 3, "initial_delay": 50, "max_delay": 300, "backoff_multiplier": 2}}


@dataclass
class Vendor:
    """One simulated vendor in a hub's world."""

    world: Any  # the hub's
    crm_type: str
    url: str
    sim: Any  # the vendor's
    connection: int = 0
    expires_in: float | None = None  # seconds, as told with the first token
    base_url: str = ""  # where the token may be used, if not at the simulator itself
    config: dict[str, Any] = field(default_factory=dict)

    def apps(self) -> OAuthApps:
        """The hub's registrations; the environment of worker processes."""
        return OAuthApps(
            oauth_salesforce_client_id=CLIENT[0],
            oauth_salesforce_client_secret=CLIENT[1],
            salesforce_login_url=self.url,
            salesforce_domains="127.0.0.1",
            oauth_hubspot_client_id=CLIENT[0],
            oauth_hubspot_client_secret=CLIENT[1],
            hubspot_app_url=self.url,
            hubspot_api_url=self.url,
        )

    def grant(self) -> Grant:
        """As the token endpoint gives it after consent."""
        scopes = "api refresh_token" if self.crm_type == "salesforce" else ""  # all
        issued = self.sim.grants.grant(CLIENT[0], scopes)
        ends = time.time() + self.expires_in if self.expires_in else None
        return Grant(issued.access_token, issued.grant.refresh_token, ends, self.base_url or self.url)

    async def connect(self, **config: Any) -> int:
        """A connection by OAuth; its id."""
        self.config = {"crm_type": self.crm_type, "auth_type": "oauth2", **QUICK, **config}
        self.connection = await self.world.database.fetchval(
            """INSERT INTO control.connection (account_id, crm_type, name, config, auth_type)
               VALUES ($1, $2, $2, $3, 'oauth2') RETURNING id""",
            self.world.account_id,
            self.crm_type,
            self.config,
        )
        await self.reconnect()
        return self.connection

    async def reconnect(self) -> None:
        """The customer consents (again)."""
        name = f"connection:{self.connection}:credentials"
        sealed = await self.world.vault.seal(self.world.account_id, name, self.grant().encoded())
        await self.world.database.execute(
            """UPDATE control.connection SET credentials = $2, grant_version = grant_version + 1, status = 'connected',
               status_reason = NULL, updated_at = now() WHERE id = $1""",
            self.connection,
            sealed,
        )

    async def status(self) -> tuple[str, str | None]:
        """How the connection stands, and why."""
        row = await self.world.database.fetchrow(
            "SELECT status, status_reason FROM control.connection WHERE id = $1", self.connection
        )
        return row["status"], row["status_reason"]

    async def in_sync(self, count: int) -> bool:
        """All leads are in the CRM."""
        return bool(await self.world.all_in(self.connection, "in_sync", count))

    async def pushed(self, version: int, count: int) -> bool:
        """So many leads are in the CRM in that version."""
        found = await self.world.database.fetchval(
            "SELECT count(*) FROM sync.target WHERE connection_id = $1 AND state = 'in_sync' AND pushed_version = $2",
            self.connection,
            version,
        )
        return bool(found == count)

    def leads(self) -> dict[str, dict[str, Any]]:
        """The CRM's records by the hub's reference, which must be unique; fields in lower case."""
        if self.crm_type == "salesforce":
            rows = [dict(row) for row in self.sim.records("Lead", deleted=False)]
        else:
            rows = [each["properties"] | {"id": each["id"]} for each in self.sim.records("contacts", deleted=False)]
        lowered = [{name.lower(): value for name, value in row.items()} for row in rows]
        found = {str(row.get("mpp_id__c") or row.get("mpp_id")): row for row in lowered}
        assert len(found) == len(rows)
        return found

    def calls(self) -> dict[str, int]:
        """API calls since the last question, by route."""
        found = dict(self.sim.ledger.report()["api"])
        self.sim.ledger.reset()
        return found

    def refused(self) -> int:
        """Calls that a limit refused."""
        return sum(self.sim.ledger.report()["refused"].values())

    def faults(self, *rules: dict[str, Any]) -> None:
        """Misbehaviour from now on."""
        self.sim.faults.set({"rules": list(rules), "seed": 5})


@pytest.fixture
async def salesforce(world: Any) -> AsyncIterator[Vendor]:
    """An org whose refresh tokens are used once."""
    async with salesforce_running(rotate=True) as crm:
        yield Vendor(world, "salesforce", crm.url, crm.world)


@pytest.fixture
async def hubspot(world: Any) -> AsyncIterator[Vendor]:
    """A portal without limits; those that test them turn them on."""
    async with hubspot_running(Settings()) as crm:
        crm.world.limits({"off": True})
        yield Vendor(world, "hubspot", crm.url, crm.world)


@pytest.fixture
def working(worker: Any) -> Callable[..., Any]:
    """``async with working(vendor, **settings):`` runs a worker that is registered with the vendor."""

    @asynccontextmanager
    async def run(vendor: Vendor, **changed: Any) -> AsyncIterator[None]:
        async with worker(oauth_apps=vendor.apps(), **changed):
            yield

    return run


@pytest.fixture(params=["salesforce", "hubspot"])
def vendor(request: pytest.FixtureRequest) -> Any:
    """Each of the CRMs that take batches."""
    return request.getfixturevalue(request.param)
