"""Calls to Pipedrive: each is one of the two seconds' calls and costs tokens of the company's day."""

import hashlib
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from hub.connectors.calls import Answer, Calls, bearer
from hub.connectors.pipedrive import answers
from hub.connectors.pipedrive.wire import BURST, DAILY, PAGE, SEARCH, V1, PipedriveConfig
from hub.contracts.connector import ClientSettings
from hub.contracts.failures import CrmFailure, FailureKind
from hub.contracts.grants import Token
from hub.contracts.metering import Meter, Reading

DEFAULT_API = "https://api.pipedrive.com"
_MOST_PAGES = 1000


class _TokenMeter:
    """A call's cost is tokens; of the burst (and search) windows it is one call, whatever it costs."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    async def take(self, cost: int = 1, *windows: str) -> None:
        """Spend one of the windows named and of the burst, then the tokens. Raises CrmFailure."""
        await self._meter.take(1, BURST, *windows)
        await self._meter.take(cost, DAILY)

    def learn(self, readings: Sequence[Reading]) -> None:
        """Passed on."""
        self._meter.learn(readings)

    def exhausted(self, window: str, seconds: float) -> None:
        """Passed on."""
        self._meter.exhausted(window, seconds)


class Api:
    """One connection's calls. Open it inside a running loop, and close it."""

    def __init__(self, settings: ClientSettings, config: PipedriveConfig) -> None:
        self._meter, self._tokens = settings.meter, settings.tokens
        keyed = config.auth_type == "api_key"
        api = (settings.app.hosts.get("api") if settings.app else None) or DEFAULT_API
        own = f"https://{config.company_domain}.pipedrive.com" if config.company_domain else api
        self._base = own if keyed else None  # else the address that the grant names
        self._short = keyed and own.rstrip("/") == DEFAULT_API  # where v1 is /v1
        self._calls = Calls(
            replace(settings, meter=_TokenMeter(settings.meter)),
            answers.judge,
            base_url=self._base,
            learn=self._learn,
            authorise=_api_token if keyed else bearer,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._calls.close()

    async def whose(self) -> bytes:
        """A digest of address and token: as long as it is the same, so is the company. Raises CrmFailure."""
        token = await self._tokens.current()
        return hashlib.sha256(f"{self._base or token.base_url}\n{token.value}".encode()).digest()

    async def call(
        self, method: str, path: str, body: Any = None, *, tokens: int, search: bool = False, **query: Any
    ) -> Mapping[str, Any]:
        """The envelope of a successful answer. Raises CrmFailure."""
        if self._short and path.startswith(V1):
            path = path.removeprefix("/api")
        asked = {name: value for name, value in query.items() if value is not None}
        path = f"{path}?{urlencode(asked)}" if asked else path
        try:
            windows = (SEARCH,) if search else ()
            answer = await self._calls.send(method, path, body, cost=tokens, windows=windows)
        except CrmFailure as failure:
            if failure.kind is FailureKind.RATE_LIMIT and isinstance(failure.document, Answer):
                window, seconds = answers.spent(failure, failure.document, search=search, now=time.time())
                self._meter.exhausted(window, seconds)
                raise CrmFailure(failure.kind, failure.error, seconds, failure.stored) from None
            raise
        document = answer.json()
        failure_inside = answers.refusal_inside(document, answer.status)
        if failure_inside is not None:
            raise failure_inside
        envelope: Mapping[str, Any] = document
        return envelope

    async def record(self, method: str, path: str, body: Any = None, *, tokens: int) -> Mapping[str, Any]:
        """The record of an answer. Raises CrmFailure."""
        data = (await self.call(method, path, body, tokens=tokens)).get("data")
        if not isinstance(data, dict):
            raise answers.unexpected("there is no record in the answer")
        return data

    async def rows(
        self, path: str, *, tokens: int, search: bool = False, **query: Any
    ) -> tuple[list[Mapping[str, Any]], str | None]:
        """One page of a v2 list, and the cursor of the next. Raises CrmFailure."""
        document = await self.call("GET", path, tokens=tokens, search=search, **query)
        more = document.get("additional_data")
        cursor = more.get("next_cursor") if isinstance(more, dict) else None
        if not isinstance(cursor, str | None):
            raise answers.unexpected("the place of the next page is no cursor")
        return answers.rows_of(document, inner="items" if search else ""), cursor or None

    async def every(self, path: str, *, tokens: int, **query: Any) -> AsyncIterator[Mapping[str, Any]]:
        """All rows of a v2 list. Raises CrmFailure."""
        cursor: str | None = None
        for _ in range(_MOST_PAGES):
            found, following = await self.rows(path, tokens=tokens, limit=PAGE, cursor=cursor, **query)
            for row in found:
                yield row
            if following is None:
                return
            if following == cursor:
                break
            cursor = following
        raise answers.unexpected("the list has no end")

    def _learn(self, answer: Answer) -> None:
        found = answers.readings(answer)
        if found:
            self._meter.learn(found)


def _api_token(token: Token) -> Mapping[str, str]:
    return {"x-api-token": token.value}
