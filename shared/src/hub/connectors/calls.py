"""HTTP calls to a CRM: authorised, metered, bounded in time and size, their failures named. Used by all connectors.

A connector hands in ``judge``, which knows the vendor's error bodies; everything that can go wrong on the road is
named here. A token goes to the host it is meant for and nowhere else: redirects are refused, never followed.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
import orjson
from yarl import URL

from hub.connectors.hosts import trusted_origin
from hub.contracts.connector import ClientSettings
from hub.contracts.failures import CrmFailure, FailureKind, RecordError
from hub.contracts.grants import Token
from hub.egress import EgressPolicy, open_session, refused

MAX_ANSWER_BYTES = 32_000_000
HTML_ANSWER = "HTML_ANSWER"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a CRM answered, read to its end."""

    status: int
    headers: Mapping[str, str]  # case-insensitive
    content: bytes

    def json(self) -> Any:
        """The body as JSON; None when there is none. Raises CrmFailure: it is a web page, or broken."""
        if not self.content:
            return None
        try:
            return orjson.loads(self.content)
        except orjson.JSONDecodeError:
            pass
        try:
            return _with_broken_letters(self.content)
        except (ValueError, RecursionError):
            raise CrmFailure(FailureKind.SERVER, not_json(self), stored=None) from None


Judge = Callable[[Answer], CrmFailure | None]  # None: the call did what it should
Authorise = Callable[[Token], Mapping[str, str]]  # headers


def bearer(token: Token) -> Mapping[str, str]:
    """The usual header."""
    return {"Authorization": f"Bearer {token.value}"}


class Calls:
    """One connection's HTTP session. Open it inside a running loop, and close it."""

    def __init__(
        self,
        settings: ClientSettings,
        judge: Judge,
        *,
        base_url: str | None = None,
        authorise: Authorise = bearer,
        headers: Mapping[str, str] | None = None,
        learn: Callable[[Answer], None] | None = None,
    ) -> None:
        """``base_url``: where paths are, when not where the token says; ``learn`` sees every answer first."""
        self._settings, self._judge, self._base_url = settings, judge, base_url
        self._authorise, self._learn = authorise, learn
        self._session = open_session(
            EgressPolicy.read(",".join(settings.egress_allow)),
            connections=settings.connections,
            timeout=settings.timeout,
            headers={"Accept": "application/json", **(headers or {})},
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def json(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """``send``, and the answer's JSON (None when it has no body)."""
        return (await self.send(method, path, body, **options)).json()

    async def send(self, method: str, path: str, body: Any = None, **options: Any) -> Answer:
        """``call`` with a JSON body."""
        if body is None:
            return await self.call(method, path, None, **options)
        headers = {**(options.pop("headers", None) or {}), "Content-Type": "application/json"}
        try:
            content = orjson.dumps(body)
        except TypeError as error:
            told = RecordError("UNSENDABLE_VALUE", f"the call cannot be written in JSON: {error}")
            raise CrmFailure(FailureKind.VALIDATION, told) from None
        return await self.call(method, path, content, headers=headers, **options)

    async def call(
        self,
        method: str,
        path: str,
        content: bytes | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        cost: int = 1,
        windows: tuple[str, ...] = (),
        timeout: float | None = None,
    ) -> Answer:
        """One call, its path (and query) already encoded. After a 401 once more, with a renewed token.

        Raises CrmFailure, without the token should the CRM have repeated it.
        """
        token = await self._settings.tokens.current()
        try:
            answer = await self._once(method, path, content, headers, token, cost, windows, timeout)
            if answer.status == 401:
                fresh = await self._settings.tokens.renewed(token)
                if fresh.value != token.value:
                    token = fresh
                    answer = await self._once(method, path, content, headers, token, cost, windows, timeout)
            failure = self._judge(answer)
        except CrmFailure as error:
            failure = error
            answer = None
        if failure is not None:
            raise scrubbed(failure, token.value) from None
        assert answer is not None
        return answer

    async def _once(
        self,
        method: str,
        path: str,
        content: bytes | None,
        headers: Mapping[str, str] | None,
        token: Token,
        cost: int,
        windows: tuple[str, ...],
        timeout: float | None,
    ) -> Answer:
        base = self._base_url if self._base_url is not None else self._granted(token)
        await self._settings.meter.take(cost, *windows)
        limit = aiohttp.ClientTimeout(total=timeout or self._settings.timeout, sock_connect=5.0)
        try:
            async with self._session.request(
                method,
                URL(base.rstrip("/") + path, encoded=True),
                data=content,
                headers={**self._authorise(token), **(headers or {})},
                allow_redirects=False,
                timeout=limit,
            ) as response:
                answer = Answer(response.status, response.headers, await read_capped(response, MAX_ANSWER_BYTES, "CRM"))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise no_answer(error) from None
        except ValueError:  # a line break in the key, say; what is wrong is not repeated, for it may be the key
            told = RecordError("UNSENDABLE_CALL", "the address or the key holds characters that cannot be sent")
            raise CrmFailure(FailureKind.VALIDATION, told) from None
        if self._learn:
            self._learn(answer)
        if 300 <= answer.status < 400 and answer.status not in (300, 304):
            message = "the CRM answers with a redirect, which is not followed"
            told = RecordError("REDIRECT_REFUSED", message, status=answer.status)
            # A CRM may store a record, and then lead on to it.
            raise CrmFailure(FailureKind.SERVER, told, stored=False if method == "GET" else None)
        return answer

    def _granted(self, token: Token) -> str:
        """The address that the grant names, if it is one of the vendor's. Raises CrmFailure."""
        if not token.base_url:
            raise CrmFailure(FailureKind.AUTH, RecordError("NO_ADDRESS", "the grant names no address to call"))
        app = self._settings.app
        return token.base_url if app is None else trusted_origin(token.base_url, app.domains, "address")


async def read_capped(response: aiohttp.ClientResponse, most: int, whose: str) -> bytes:
    """A body to its end. Raises CrmFailure beyond ``most`` bytes; ``whose`` answer it is, for the message."""
    content = bytearray()
    async for chunk in response.content.iter_chunked(65_536):
        content += chunk
        if len(content) > most:
            response.close()
            message = f"the {whose}'s answer is larger than {most} bytes"
            raise CrmFailure(FailureKind.SERVER, RecordError("ANSWER_TOO_LARGE", message), stored=None)
    return bytes(content)


def _with_broken_letters(content: bytes) -> Any:
    """JSON with halves of surrogate pairs, as programs leave them that cut texts by length.

    They become U+FFFD: one record's broken letter must not cost the page. Raises ValueError or RecursionError.
    """
    if b"\\u" not in content:
        raise ValueError("that is not what is wrong with it")

    def refuse(name: str) -> Any:
        raise ValueError(f"{name} is not JSON")

    return _whole(json.loads(content.decode(), parse_constant=refuse))


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_whole(name): _whole(each) for name, each in value.items()}
    return [_whole(each) for each in value] if isinstance(value, list) else value


def no_answer(error: BaseException) -> CrmFailure:
    """A network error: the address is forbidden, the CRM could not be reached, or it went silent."""
    if refused(error) is not None:
        told = RecordError("ADDRESS_REFUSED", "the CRM's address is not public")
        return CrmFailure(FailureKind.NETWORK, told)
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return CrmFailure(FailureKind.NETWORK, RecordError("UNREACHABLE", "no connection to the CRM"))
    if isinstance(error, asyncio.TimeoutError):
        told = RecordError("TIMEOUT", "the CRM did not answer in time")
        return CrmFailure(FailureKind.NETWORK, told, stored=None)
    told = RecordError("CONNECTION_LOST", "the connection broke before the answer was complete")
    return CrmFailure(FailureKind.NETWORK, told, stored=None)


def not_json(answer: Answer) -> RecordError:
    """A body that is no JSON, named."""
    if answer.content.lstrip()[:1] == b"<":
        return RecordError(HTML_ANSWER, "the CRM answers with a web page instead of JSON", status=answer.status)
    return RecordError("NOT_JSON", "the CRM's answer is not JSON", status=answer.status)


def scrubbed(failure: CrmFailure, secret: str) -> CrmFailure:
    """The failure without the secret."""
    if not secret:
        return failure
    error = failure.error
    clean = replace(
        error,
        code=error.code.replace(secret, "[redacted]"),
        message=error.message.replace(secret, "[redacted]"),
        field=error.field and error.field.replace(secret, "[redacted]"),
        attempted_value=error.attempted_value and error.attempted_value.replace(secret, "[redacted]"),
    )
    return CrmFailure(failure.kind, clean, failure.retry_after, failure.stored, failure.document)
