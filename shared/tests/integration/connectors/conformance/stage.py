"""What the suite asks of a vendor's stage: a simulated CRM that can be steered, and clients before it."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import orjson
import pytest

from hub.contracts.connector import DONE, Capability, ClientSettings, Connector, CrmClient, FieldMap, PullRequest
from hub.contracts.failures import CrmFailure, FailureKind, RecordError
from hub.contracts.grants import FixedToken, Grant, GrantDead, OAuthApp, Token, Tokens
from hub.contracts.metering import Reading, Unmetered
from hub.contracts.pulling import Cursor, PullMode, RemoteRecord
from hub.contracts.pushing import PushItem
from hub.contracts.webhooks import WebhookTrust
from hub.egress import EgressPolicy
from hub.grants.exchange import OAuthServers
from hub.registry import CONNECTORS

from .road import Road

CRMS = tuple(CONNECTORS)
SECRET = "canary-webhook-secret"


def done(capability: Capability) -> list[str]:
    """The CRMs whose connector has it."""
    return [name for name in CRMS if CONNECTORS[name].manifest.scorecard[capability] == DONE]


def tries(capability: Capability) -> Callable[[Any], Any]:
    """The test runs once for each connector that has the capability."""
    return pytest.mark.parametrize("stage", done(capability), indirect=True)


everywhere = pytest.mark.parametrize("stage", CRMS, indirect=True)


class Noted(Unmetered):
    """A meter without limits that keeps what it is told."""

    def __init__(self) -> None:
        self.taken = 0
        self.readings: list[Reading] = []
        self.closed: list[tuple[str, float]] = []

    async def take(self, cost: int = 1, *windows: str) -> None:
        """Count the call. Pipedrive's comes in two takes: of the burst, and of the day's tokens."""
        self.taken += windows != ("daily",)

    def learn(self, readings: Sequence[Reading]) -> None:
        """Keep it."""
        self.readings += readings

    def exhausted(self, window: str, seconds: float) -> None:
        """Keep it."""
        self.closed.append((window, seconds))


class Granted:
    """Tokens of a grant, renewed at the vendor, one at a time, when one is refused."""

    def __init__(self, connector: Connector, app: OAuthApp, config: Mapping[str, Any], grant: Grant) -> None:
        assert connector.oauth
        self._flow, self._app, self._config, self.grant, self.renewals = connector.oauth, app, config, grant, 0
        self._lock = asyncio.Lock()

    async def current(self) -> Token:
        """The access token."""
        return Token(self.grant.access_token, self.grant.base_url)

    async def renewed(self, stale: Token) -> Token:
        """Another one. Raises CrmFailure."""
        async with self._lock:
            if self.grant.access_token == stale.value:
                self.renewals += 1
                await self._refresh()
        return await self.current()

    async def _refresh(self) -> None:
        servers = OAuthServers(EgressPolicy.read("127.0.0.0/8"))
        call = self._flow.refresh(self._app, self._config, self.grant)
        try:
            self.grant = await servers.granted(self._flow, self._app, self._config, call, self.grant)
        except GrantDead as dead:
            raise CrmFailure(FailureKind.AUTH, RecordError(dead.code, str(dead))) from None
        finally:
            await servers.close()


@dataclass(frozen=True, slots=True)
class Person:
    """A record as the CRM holds it."""

    last_name: str | None
    email: str | None
    reference: str | None


@dataclass(frozen=True, slots=True)
class Sample:
    """A value that the CRM must refuse: registers that hold it, and how it is to be named."""

    registers: Mapping[str, Any]
    field: str
    codes: tuple[str, ...]  # none: it is left out of its record, and told
    config: Mapping[str, Any] | None = None


class Stage(ABC):
    """One vendor's. Everything that a person does in the CRM's own pages, and what the suite must know beforehand."""

    crm_type: ClassVar[str]
    base: ClassVar[Mapping[str, Any]]
    page: ClassVar[int]  # records of a page of a pull
    refused: ClassVar[Sample]  # not an e-mail address, say
    unknown_choice: ClassVar[Sample]
    custom_name: ClassVar[str]  # of a field of the CRM that takes text, for ``mpp_fields``
    status_field: ClassVar[str]
    wrong: ClassVar[object]  # a failure under status 200, as the vendor words it

    def __init__(self, road: Road) -> None:
        self.road, self.meter = road, Noted()
        self.connector = CONNECTORS[self.crm_type]
        hosts = dict.fromkeys(("login", "app", "api", "oauth"), road.url)
        self.app = OAuthApp("hub-client", "hub-secret", hosts, ("127.0.0.1",))
        self.tokens: Tokens = FixedToken("")
        self._opened: list[CrmClient] = []

    @property
    def config(self) -> dict[str, Any]:
        """The connection's."""
        return {"crm_type": self.crm_type, **self.base}

    def client(self, *, tokens: Tokens | None = None, **config: Any) -> CrmClient:
        """A new one, which knows nothing; closed with the stage."""
        settings = ClientSettings(
            {**self.config, **config}, tokens or self.tokens, self.app, self.meter, ("127.0.0.0/8",), timeout=5.0
        )
        self._opened.append(self.connector.client(settings))
        return self._opened[-1]

    def mapping(self, **config: Any) -> FieldMap:
        """The configuration, compiled."""
        return self.connector.mapping({**self.config, **config})

    def item(
        self, lead_id: int, registers: Mapping[str, Any], external_id: str | None = None,
        changed: Sequence[str] | None = None, **config: Any,
    ) -> PushItem:  # fmt: skip
        """As sync-worker makes it. ``changed``: those registers that the CRM does not have yet."""
        mapping = self.mapping(**config)
        told = {name: value for name, value in registers.items() if changed is None or name in changed}
        return PushItem(
            lead_id, external_id, f"MPP-{lead_id}", mapping.outbound(told), mapping.outbound(registers),
            mapping.companions(lead_id, registers), registers.get("email"),
        )  # fmt: skip

    async def seen(self, record_id: str, **config: Any) -> dict[str, Any]:
        """A record's registers, by a client that never saw it."""
        (record,) = await self.client(**config).fetch([record_id])
        assert not record.deleted
        return self.mapping(**config).inbound(record.fields).registers

    async def close(self) -> None:
        """Close the clients."""
        for each in self._opened:
            await each.close()

    @abstractmethod
    def seed(self, count: int) -> list[str]:
        """Records that were there before the hub came, called L0, L1 …; their ids."""

    @abstractmethod
    def create(self, last_name: str, email: str) -> str:
        """As a person does; the id."""

    @abstractmethod
    def rename(self, record_id: str, last_name: str) -> None:
        """Likewise."""

    @abstractmethod
    def delete(self, record_id: str) -> None:
        """Likewise."""

    @abstractmethod
    def people(self) -> dict[str, Person]:
        """Records that are there, by id."""

    @abstractmethod
    async def listen(self, url: str) -> WebhookTrust:
        """Have webhooks sent there; what they are checked against."""

    def merge(self, winner: str, loser: str) -> None:
        """As a person does."""
        raise AssertionError(f"{self.crm_type} knows no merges")

    def companions(self) -> list[str]:
        """References of what stands beside leads."""
        return []

    def expire(self) -> None:
        """No access token is good any more."""
        raise AssertionError(f"{self.crm_type} knows no tokens that expire")


async def pages(
    client: CrmClient, mode: PullMode, cursor: Cursor | None = None, *, backfill: bool = False
) -> list[tuple[Sequence[RemoteRecord], Cursor]]:
    """Pages to the end, each with its cursor as it is after it was kept."""
    found: list[tuple[Sequence[RemoteRecord], Cursor]] = []
    for _ in range(500):
        page = await client.pull(PullRequest(mode, cursor, backfill))
        cursor = orjson.loads(orjson.dumps(page.cursor))
        found.append((page.records, cursor))
        if page.done:
            return found
    raise AssertionError("the run has no end")
