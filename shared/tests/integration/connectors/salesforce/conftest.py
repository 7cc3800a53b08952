"""A simulated org, and the connector's client before it, authorised as a customer would."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest

from hub.contracts.connector import ClientSettings, CrmClient
from hub.contracts.failures import CrmFailure, FailureKind, RecordError
from hub.contracts.grants import Grant, GrantDead, OAuthApp, Token, TokenCall
from hub.contracts.metering import Reading, Unmetered
from hub.registry import CONNECTORS
from simulators.kit.serving import Running
from simulators.salesforce.app import running

CONNECTOR = CONNECTORS["salesforce"]


class Noted(Unmetered):
    """A meter without limits that keeps what it is told."""

    def __init__(self) -> None:
        self.taken = 0
        self.readings: list[Reading] = []
        self.closed: list[tuple[str, float]] = []

    async def take(self, cost: int = 1, *windows: str) -> None:
        self.taken += cost

    def learn(self, readings: Any) -> None:
        self.readings += readings

    def exhausted(self, window: str, seconds: float) -> None:
        self.closed.append((window, seconds))


async def carried_out(call: TokenCall) -> tuple[int, bytes]:
    """The OAuth call's answer."""
    async with aiohttp.ClientSession() as http, http.request(call.method, call.url, data=dict(call.form)) as answer:
        return answer.status, await answer.read()


@dataclass
class Org:
    """The simulator, and what a test needs to talk to it."""

    crm: Running
    app: OAuthApp
    grant: Grant = field(default_factory=lambda: Grant(""))
    refreshes: int = 0
    config: dict[str, Any] = field(default_factory=lambda: {"crm_type": "salesforce"})
    meter: Noted = field(default_factory=Noted)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def current(self) -> Token:
        """This object is the client's ``Tokens``."""
        return Token(self.grant.access_token, self.grant.base_url)

    async def renewed(self, stale: Token) -> Token:
        """One refresh, however many ask."""
        async with self.turn:
            if stale.value == self.grant.access_token:
                await self._refresh()
        return await self.current()

    async def _refresh(self) -> None:
        self.refreshes += 1
        assert CONNECTOR.oauth
        status, body = await carried_out(CONNECTOR.oauth.refresh(self.app, self.config, self.grant))
        try:
            self.grant = CONNECTOR.oauth.read(self.app, self.config, status, body, self.grant, 0.0)
        except GrantDead as dead:
            raise CrmFailure(FailureKind.AUTH, RecordError(dead.code, str(dead))) from None

    def authorise(self) -> None:
        """Without the consent page."""
        issued = self.crm.world.grants.grant("hub-client", "api refresh_token")
        self.grant = Grant(issued.access_token, issued.grant.refresh_token, None, self.crm.url)

    def fault(self, kind: str, **rule: Any) -> None:
        """One more rule of misbehaviour."""
        self.faults({"kind": kind, **rule})

    def faults(self, *rules: Mapping[str, Any]) -> None:
        """All rules of misbehaviour."""
        self.crm.world.faults.set({"rules": list(rules), "seed": 7})

    def leads(self, kind: str = "Lead", *, deleted: bool = False) -> dict[str, dict[str, Any]]:
        """Records by id."""
        return {each["Id"]: dict(each) for each in self.crm.world.records(kind, deleted=deleted)}

    def by_reference(self, kind: str = "Lead") -> dict[str, dict[str, Any]]:
        """Records that bear the hub's reference, which must be unique."""
        found = [each for each in self.leads(kind).values() if each.get("MPP_Id__c")]
        named = {each["MPP_Id__c"]: each for each in found}
        assert len(named) == len(found)
        return named

    def calls(self) -> int:
        """API calls since the last question."""
        total: int = self.crm.world.ledger.report()["total"]
        self.crm.world.ledger.reset()
        return total


Open = Callable[..., CrmClient]


@pytest.fixture
async def org() -> AsyncIterator[Org]:
    """An empty org whose grant is good."""
    async with running() as crm:
        app = OAuthApp("hub-client", "hub-secret", {"login": crm.url}, ("127.0.0.1",))
        found = Org(crm, app)
        found.authorise()
        yield found


@pytest.fixture
async def client(org: Org) -> AsyncIterator[Open]:
    """``client(**config)`` opens a client."""
    opened: list[CrmClient] = []

    def open_client(*, allow: str = "127.0.0.0/8", **config: Any) -> CrmClient:
        org.config = {"crm_type": "salesforce", **config}
        allowed = (allow,) if allow else ()
        settings = ClientSettings(org.config, org, org.app, org.meter, egress_allow=allowed, timeout=5.0)
        opened.append(CONNECTOR.client(settings))
        return opened[-1]

    yield open_client
    for each in opened:
        await each.close()
