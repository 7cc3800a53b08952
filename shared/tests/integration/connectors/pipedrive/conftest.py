"""A simulated Pipedrive and clients of it."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import aiohttp
import orjson
import pytest

from hub.connectors.pipedrive.client import PipedriveClient
from hub.connectors.pipedrive.mapping import PipedriveFieldMap
from hub.connectors.pipedrive.wire import read_config
from hub.contracts.connector import ClientSettings, PullRequest
from hub.contracts.grants import FixedToken, OAuthApp, Tokens
from hub.contracts.metering import Meter, Unmetered
from hub.contracts.pulling import PullMode, RemoteRecord
from hub.contracts.pushing import PushItem
from simulators.kit.serving import Running
from simulators.pipedrive.app import running
from simulators.pipedrive.options import Options

KEY = "pipedrive-api-token"


class Company:
    """The simulated company, and what tests ask of it."""

    def __init__(self, simulator: Running, session: aiohttp.ClientSession) -> None:
        self.url, self._session = simulator.url, session
        self._opened: list[PipedriveClient] = []

    async def control(self, path: str, document: Any = None, method: str = "POST") -> Any:
        """A call of the control API."""
        async with self._session.request(method, f"/control/{path}", json=document or {}) as answer:
            assert answer.status < 300, await answer.text()
            return await answer.json()

    async def faults(self, *rules: Mapping[str, Any], seed: int = 1) -> None:
        """Faults from now on; none without rules."""
        await self.control("faults", {"rules": list(rules), "seed": seed})

    async def persons(self, *, deleted: bool = False) -> list[dict[str, Any]]:
        """All persons as stored, custom fields by their names."""
        return await self._rows("persons", deleted)

    async def deals(self) -> list[dict[str, Any]]:
        """All deals likewise."""
        return await self._rows("deals", deleted=False)

    async def leads(self) -> list[dict[str, Any]]:
        """All items of the Leads Inbox likewise."""
        return await self._rows("leads", deleted=False)

    async def calls(self) -> dict[str, int]:
        """API calls by route since the last reset."""
        return dict((await self.control("calls", method="GET"))["api"])

    def client(
        self, *, tokens: Tokens | None = None, key: str = KEY, meter: Meter | None = None, timeout: float = 5.0,
        **config: Any,
    ) -> PipedriveClient:  # fmt: skip
        """A client; closed when the test ends."""
        document = {"crm_type": "pipedrive", "auth_type": "oauth2" if tokens else "api_key", **config}
        tokens = tokens or FixedToken(key)
        app = OAuthApp("hub-client", "hub-secret", {"oauth": self.url, "api": self.url}, ("http://127.0.0.1",))
        settings = ClientSettings(document, tokens, app, meter or Unmetered(), ("127.0.0.0/8",), timeout=timeout)
        self._opened.append(PipedriveClient(settings))
        return self._opened[-1]

    async def close(self) -> None:
        """Close the clients."""
        for each in self._opened:
            await each.close()

    async def _rows(self, kind: str, deleted: bool) -> list[dict[str, Any]]:
        names = {key: name for name, key in (await self.control(f"fields/{kind}", method="GET")).items()}
        query = {"deleted": "true"} if deleted else {}
        async with self._session.get(f"/control/records/{kind}", params=query) as answer:
            text = await answer.read()
        rows = [orjson.loads(line) for line in text.splitlines()]
        return [{**row, **{names[key]: value for key, value in row["custom_fields"].items()}} for row in rows]


@pytest.fixture
async def crm() -> AsyncIterator[Company]:
    """A company without limits."""
    async with running(Options()) as simulator, aiohttp.ClientSession(simulator.url) as session:
        company = Company(simulator, session)
        await company.control("limits", {"off": True})
        yield company
        await company.close()


Item = Callable[..., PushItem]


@pytest.fixture
def item() -> Item:
    """``item(1, external_id, changed, email=…)``: the lead's registers as a push has them; ``changed`` names some."""

    def make(
        lead_id: int, external_id: str | None = None, changed: tuple[str, ...] | None = None,
        config: Mapping[str, Any] | None = None, **registers: Any,
    ) -> PushItem:  # fmt: skip
        mapping = PipedriveFieldMap(read_config({"crm_type": "pipedrive", **(config or {})}))
        flat = {name.replace("custom__", "custom."): value for name, value in registers.items()}
        told = {name: value for name, value in flat.items() if changed is None or name in changed}
        return PushItem(
            lead_id, external_id, f"MPP-{lead_id}", mapping.outbound(told), mapping.outbound(flat),
            mapping.companions(lead_id, flat), flat.get("email"),
        )  # fmt: skip

    return make


Pull = Callable[..., Any]


@pytest.fixture
def pull() -> Pull:
    """``await pull(client, mode, cursor)``: all records of a run, and where the next begins."""

    async def run(
        client: PipedriveClient, mode: PullMode = PullMode.FULL, cursor: Any = None
    ) -> tuple[list[RemoteRecord], Any]:
        records: list[RemoteRecord] = []
        for _ in range(200):
            page = await client.pull(PullRequest(mode, cursor))
            records += page.records
            cursor = page.cursor
            if page.done:
                return records, cursor
        raise AssertionError("the run does not end")

    return run
