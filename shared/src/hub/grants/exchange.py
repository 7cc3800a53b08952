"""Calls to vendors' OAuth servers: vetted addresses, bounded in time and size, no redirects, failures named.

A vendor may repeat what it was sent: nothing secret gets into an error.
"""

import base64
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import aiohttp
import orjson

from hub.connectors.calls import Answer, no_answer, not_json, read_capped
from hub.contracts.failures import CrmFailure, FailureKind, RecordError
from hub.contracts.grants import Grant, GrantDead, OAuthApp, OAuthFlow, TokenCall
from hub.egress import EgressPolicy, open_session

_MAX_ANSWER_BYTES = 256_000
_CONNECTIONS = 8
_SECRET_FIELDS = ("client_secret", "code", "code_verifier", "refresh_token", "token", "access_token")


class OAuthServers:
    """Opens its HTTP session with the first call; close it. ``timeout`` is in seconds, for one call."""

    def __init__(self, policy: EgressPolicy, *, timeout: float = 10.0, clock: Callable[[], float] = time.time) -> None:
        self._policy, self._timeout, self._clock = policy, timeout, clock
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    async def granted(
        self, flow: OAuthFlow, app: OAuthApp, config: Mapping[str, Any], call: TokenCall, before: Grant | None = None
    ) -> Grant:
        """The grant that a code (``before`` is None) or a refresh gives. Raises GrantDead, or CrmFailure."""
        secrets = [*_secrets(call), *_tokens(before)]
        try:
            answer = await self._call(call)
            failure = _no_token_answer(answer)
            if failure is not None:
                raise failure
            return flow.read(app, config, answer.status, answer.content, before, self._clock())
        except CrmFailure as error:
            raise _clean_failure(error, secrets) from None
        except GrantDead as error:
            _, _, message = str(error).partition(": ")
            raise GrantDead(_clean(error.code, secrets), _clean(message, secrets)) from None

    async def revoke(self, calls: Iterable[TokenCall]) -> list[CrmFailure]:
        """End a grant at the vendor, as well as may be: what did not work. One that is gone already is no failure."""
        failures: list[CrmFailure] = []
        for call in calls:
            try:
                answer = await self._call(call)
            except CrmFailure as error:
                failures.append(_clean_failure(error, _secrets(call)))
                continue
            # RFC 7009: an unknown token is answered with 200; vendors also say 400 or 404, and mean the same.
            if answer.status >= 500 or answer.status in (401, 403, 429):
                told = RecordError(f"HTTP_{answer.status}", "the CRM did not revoke the grant", status=answer.status)
                failures.append(CrmFailure(FailureKind.SERVER, told))
        return failures

    async def _call(self, call: TokenCall) -> Answer:
        if self._session is None:
            self._session = open_session(
                self._policy,
                connections=_CONNECTIONS,
                timeout=self._timeout,
                headers={"Accept": "application/json"},
            )
        headers = {"Authorization": _basic(*call.basic)} if call.basic else None
        try:
            async with self._session.request(
                call.method, call.url, data=dict(call.form) or None, headers=headers, allow_redirects=False
            ) as response:
                answer = Answer(
                    response.status, response.headers, await read_capped(response, _MAX_ANSWER_BYTES, "OAuth server")
                )
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise no_answer(error) from None
        if 300 <= answer.status < 400:
            message = "the CRM's OAuth server answers with a redirect, which is not followed"
            raise CrmFailure(FailureKind.SERVER, RecordError("REDIRECT_REFUSED", message, status=answer.status))
        return answer


def _no_token_answer(answer: Answer) -> CrmFailure | None:
    """Answers that say nothing about the grant: the server is busy or broken, or something else answered."""
    if answer.status == 429:
        seconds = answer.headers.get("Retry-After", "")
        wait = float(seconds) if seconds.isascii() and seconds.isdigit() else None
        return CrmFailure(FailureKind.RATE_LIMIT, RecordError("HTTP_429", "too many token calls", status=429), wait)
    if answer.status >= 500:
        told = RecordError(f"HTTP_{answer.status}", "the OAuth server is out of order", status=answer.status)
        return CrmFailure(FailureKind.SERVER, told, stored=None)
    try:
        document = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        return CrmFailure(FailureKind.SERVER, not_json(answer), stored=None)
    if not isinstance(document, dict):
        told = RecordError("NOT_JSON", "the OAuth server's answer is no JSON object", status=answer.status)
        return CrmFailure(FailureKind.SERVER, told, stored=None)
    return None


def _basic(client_id: str, client_secret: str) -> str:
    return "Basic " + base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()


def _secrets(call: TokenCall) -> list[str]:
    basic = [call.basic[1]] if call.basic else []
    return [call.form[name] for name in _SECRET_FIELDS if call.form.get(name)] + basic


def _tokens(grant: Grant | None) -> list[str]:
    return [text for text in (grant.access_token, grant.refresh_token) if text] if grant else []


def _clean(text: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        if secret:
            text = text.replace(secret, "[redacted]")
    return text[:500]


def _clean_failure(failure: CrmFailure, secrets: Iterable[str]) -> CrmFailure:
    error = failure.error
    clean = RecordError(
        _clean(error.code, secrets), _clean(error.message, secrets), error.field, error.status, error.attempted_value
    )
    return CrmFailure(failure.kind, clean, failure.retry_after, failure.stored)
