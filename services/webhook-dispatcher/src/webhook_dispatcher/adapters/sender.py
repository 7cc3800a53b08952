"""Webhooks over HTTP, only to where the egress policy lets them go."""

import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Protocol

import aiohttp

from hub.egress import refused
from hub.telemetry.trace import child_span
from hub.vault.vault import Unreadable
from webhook_dispatcher.domain.delivery import Answer, Delivery
from webhook_dispatcher.domain.schedule import parse_retry_after
from webhook_dispatcher.domain.signature import signed_request

_BODY_CAP = 65_536


class Secrets(Protocol):
    """Where signing secrets come from."""

    async def of(self, delivery: Delivery) -> bytes:
        """The secret that signs this delivery."""


class HttpSender:
    """Posts deliveries. Whatever the endpoint does is an answer; no error text holds a URL or a secret."""

    def __init__(self, session: aiohttp.ClientSession, secrets: Secrets, timeout: float) -> None:
        self._session = session
        self._secrets = secrets
        self._timeout = timeout

    async def send(self, delivery: Delivery) -> Answer:
        """Sign, post, and say what came back. Raises only when the secret cannot be had now: nothing was sent then."""
        begun = time.perf_counter()
        try:
            secret = await self._secrets.of(delivery)
        except Unreadable:
            return Answer(_since(begun), error="the subscription's secret cannot be opened")
        try:
            status, retry_after = await self._post_past_idle(delivery, secret)
        except TimeoutError:
            return Answer(_since(begun), error=f"no answer within {self._timeout:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Answer(_since(begun), error=_words(error))
        return Answer(_since(begun), status=status, retry_after=retry_after)

    async def _post_past_idle(self, delivery: Delivery, secret: bytes) -> tuple[int, float | None]:
        # Servers close idle connections without a word, and we find out by using one. That is no failure of the
        # subscriber's, so it is tried again at once; it may arrive twice then, which at-least-once allows.
        try:
            return await self._post(delivery, secret)
        except aiohttp.ClientConnectorError:
            raise
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, ConnectionResetError):
            return await self._post(delivery, secret)

    async def _post(self, delivery: Delivery, secret: bytes) -> tuple[int, float | None]:
        request = signed_request(delivery, secret, int(time.time()), child_span(delivery.traceparent))
        async with self._session.post(
            request.url, data=request.body, headers=request.headers, allow_redirects=False
        ) as response:
            # A small body is read away so that the connection can be used again; anything longer closes it.
            with suppress(TimeoutError, aiohttp.ClientError):
                await response.content.read(_BODY_CAP)
            return response.status, parse_retry_after(response.headers.get("Retry-After"), datetime.now(UTC))


def _since(begun: float) -> float:
    return (time.perf_counter() - begun) * 1000


def _words(error: Exception) -> str:
    if refused(error):
        return "refused: not a public address"
    match error:
        case aiohttp.ClientConnectorDNSError():
            return "the host name was not found"
        case aiohttp.ClientSSLError():
            return "no trusted TLS connection"
        case aiohttp.ClientConnectorError():
            return f"no connection: {error.os_error.strerror or type(error.os_error).__name__}"
        case aiohttp.ServerDisconnectedError():
            return "the connection was closed without an answer"
        case aiohttp.InvalidURL():
            return "the address is not valid"
        case _:
            return f"no answer: {type(error).__name__}"
