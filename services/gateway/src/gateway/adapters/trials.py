"""Trying a connection: one look at the CRM, bounded in time, whatever it answers."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import structlog

from gateway.domain.connecting import Verdict
from hub.contracts.connector import ClientSettings, Connector, CrmClient
from hub.contracts.errors import HubError
from hub.contracts.failures import CrmFailure
from hub.contracts.grants import Grant, OAuthApp, Token, Tokens
from hub.contracts.metering import Tally

_log = structlog.get_logger()
_CONNECTIONS = 2


class GrantToken:
    """A grant's access token as it is: the gateway has just got it, and does not renew it."""

    def __init__(self, grant: Grant) -> None:
        self._token = Token(grant.access_token, grant.base_url)

    async def current(self) -> Token:
        """The token."""
        return self._token

    async def renewed(self, stale: Token) -> Token:
        """The same again, so that the caller sees the CRM's own refusal."""
        return stale


class Trials:
    """Opens a client for one ``test``. ``seconds`` bound the whole of it."""

    def __init__(self, egress_allow: str, seconds: float) -> None:
        self._allow = tuple(part.strip() for part in egress_allow.split(",") if part.strip())
        self._seconds = seconds

    async def run(
        self, connector: Connector, config: Mapping[str, Any], tokens: Tokens, app: OAuthApp | None
    ) -> Verdict:
        """What the CRM says. Never raises for what a CRM or the road to it does."""
        try:
            tally = Tally(connector.limits(config))
            client = connector.client(
                ClientSettings(
                    config,
                    tokens,
                    app,
                    meter=tally,
                    egress_allow=self._allow,
                    connections=_CONNECTIONS,
                    timeout=self._seconds,
                )
            )
        except (HubError, ValueError) as wrong:
            return Verdict(False, kind="validation", code="UNUSABLE_CONFIG", message=str(wrong))
        verdict = await self._asked(client, connector.manifest.crm_type)
        return replace(verdict, spent=dict(tally.spent))

    async def _asked(self, client: CrmClient, crm_type: str) -> Verdict:
        try:
            async with asyncio.timeout(self._seconds):
                identity = await client.test()
        except CrmFailure as failure:
            error = failure.error
            return Verdict(False, kind=str(failure.kind), code=error.code, message=error.message)
        except TimeoutError:
            message = f"the CRM did not answer within {self._seconds:g} seconds"
            return Verdict(False, kind="network", code="TIMEOUT", message=message)
        except Exception:  # noqa: BLE001 - a strange answer must not look like the hub's own end
            _log.exception("connection.test_failed_unexpectedly", crm_type=crm_type)
            message = "the CRM's answer could not be understood"
            return Verdict(False, kind="server", code="UNEXPECTED_ANSWER", message=message)
        finally:
            with suppress(OSError):
                await client.close()
        return Verdict(True, identity.tenant, identity.account, identity.user, remarks=identity.remarks)
