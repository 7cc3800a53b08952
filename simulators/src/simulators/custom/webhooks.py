"""The CRM tells the hub what happened, signed."""

import asyncio
import hashlib
import hmac
import time
import uuid
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import aiohttp
import orjson

from simulators.custom.records import now
from simulators.custom.store import Store

_PAUSES = (0.2, 1.0, 3.0, 10.0)
_SENDERS = 8


@dataclass(frozen=True, slots=True)
class Target:
    """Where webhooks go. ``echo`` sends one for API writes too; ``plain`` sends the bare body, without id and time."""

    url: str = ""
    secret: str = ""
    mode: str = "simple"
    echo: bool = True
    plain: bool = False


class Webhooks:
    """A queue in memory and a few senders; what cannot be delivered is given up, as with real webhooks."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.target = Target(**(store.setting("webhook") or {}))
        self.sent, self.lost = 0, 0
        self._queue: deque[bytes] = deque()
        self._ready = asyncio.Semaphore(0)
        self._busy = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._session: aiohttp.ClientSession | None = None

    def point(self, target: Target) -> None:
        """Use another target from now on, also after a restart."""
        self.target = target
        self._store.keep_setting("webhook", asdict(target))

    def tell(self, event: str, record: Mapping[str, Any], *, by_api: bool) -> None:
        """Queue a webhook, if there is a target that wants it."""
        if not self.target.url or (by_api and not self.target.echo):
            return
        fields = {name: value for name, value in record.items() if name != "id"}
        body: dict[str, Any] = {"event": event, "data": {"id": record["id"], "fields": fields}}
        if not self.target.plain:
            body |= {"event_id": str(uuid.uuid4()), "timestamp": now()}
        self._queue.append(orjson.dumps(body))
        self._ready.release()

    @property
    def pending(self) -> int:
        """Webhooks not delivered yet."""
        return len(self._queue) + self._busy

    async def start(self) -> None:
        """Begin sending."""
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10))
        self._tasks = [asyncio.create_task(self._send_for_ever(self._session)) for _ in range(_SENDERS)]

    async def stop(self) -> None:
        """Stop sending; what waits is lost."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session:
            await self._session.close()

    async def _send_for_ever(self, session: aiohttp.ClientSession) -> None:
        while True:
            await self._ready.acquire()
            body = self._queue.popleft()
            self._busy += 1
            try:
                await self._deliver(session, body)
            finally:
                self._busy -= 1

    async def _deliver(self, session: aiohttp.ClientSession, body: bytes) -> None:
        for pause in (*_PAUSES, 0.0):
            try:
                async with session.post(self.target.url, data=body, headers=signed(self.target, body)) as answer:
                    if answer.status < 300:
                        self.sent += 1
                        return
            except (aiohttp.ClientError, TimeoutError, OSError):
                pass  # tried again below
            await asyncio.sleep(pause)
        self.lost += 1


def signed(target: Target, body: bytes) -> dict[str, str]:
    """The headers that the hub checks."""
    headers = {"Content-Type": "application/json"}
    message = body
    if target.mode == "timestamped":
        headers["X-Webhook-Timestamp"] = str(int(time.time()))
        message = headers["X-Webhook-Timestamp"].encode() + b"." + body
    digest = hmac.new(target.secret.encode(), message, hashlib.sha256).hexdigest()
    return headers | {"X-Webhook-Signature": f"sha256={digest}"}
