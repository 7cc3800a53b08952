"""Where a simulated CRM's webhooks go, and how the gateway reads them."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from hub.contracts.webhooks import WebhookRecord, WebhookRequest, WebhookTrust

from .road import serving
from .stage import Stage


@dataclass
class Inbox:
    """Takes what comes, and answers as the CRM wants to hear it."""

    stage: Stage
    url: str = ""
    requests: list[WebhookRequest] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        """One delivery."""
        url = f"{self.url.partition('/hook')[0]}{request.path_qs}"
        seen = WebhookRequest(request.method, url, request.headers, await request.read(), time.time())
        self.requests.append(seen)
        wanted = self.stage.connector.webhook.accepted
        return web.Response(body=wanted.body, content_type="text/xml") if wanted else web.json_response({})


@asynccontextmanager
async def deliveries(stage: Stage) -> AsyncIterator[tuple[Inbox, WebhookTrust]]:
    """What the CRM sends, and what it is checked against."""
    inbox = Inbox(stage)
    async with serving(inbox.take) as base:
        inbox.url = f"{base}/hook"
        yield inbox, await stage.listen(inbox.url)


async def until(heard: list[Any], count: int) -> None:
    """So many have come."""
    async with asyncio.timeout(5):
        while len(heard) < count:  # noqa: ASYNC110 - simulators have no event to wait for
            await asyncio.sleep(0.01)


async def lived(stage: Stage, inbox: Inbox) -> str:
    """A record is created, renamed and deleted, each told by itself."""
    record_id = stage.create("Old", "old@example.com")
    await until(inbox.requests, 1)
    stage.rename(record_id, "New")
    await until(inbox.requests, 2)
    stage.delete(record_id)
    await until(inbox.requests, 3)
    return record_id


def understood(stage: Stage, trust: WebhookTrust, request: WebhookRequest) -> list[WebhookRecord]:
    """Verified, then parsed. Raises HubError."""
    parser = stage.connector.webhook
    parser.verify(trust, request)
    return parser.parse(trust, request)
