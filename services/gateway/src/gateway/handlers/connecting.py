"""What connecting a CRM takes, whichever way it is asked for.

A connection is stored as ``pending``, then announced on the bus, then ``connected``: whatever dies in between, the
sweep announces it again, and nobody is connected of whom the other services never heard.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog
from aiohttp import web

from gateway.adapters.crms import Crms, Stored
from gateway.domain.connecting import NewConnection, Verdict
from gateway.domain.receiving import Actor, connection_connected
from gateway.gateway import Gateway
from gateway.web.routing import Call
from hub.bus.protocol import Publisher
from hub.contracts.connector import Connector
from hub.contracts.errors import Conflict, Invalid, NotFound, Unavailable
from hub.contracts.failures import CrmFailure
from hub.contracts.grants import FixedToken, Grant, GrantDead, Tokens
from hub.grants import GrantTokens
from hub.telemetry.trace import current_traceparent
from hub.vault.vault import Unreadable

_log = structlog.get_logger()
_PENDING_SECONDS = 20.0  # then whoever was about to announce it must have died
_SWEEP_SECONDS = 5.0


async def announce(
    bus: Publisher, crms: Crms, place: tuple[int, int, str], actor: Actor, spent: Mapping[str, int] | None = None
) -> None:
    """Tell the services of a pending connection (account, id, CRM), then let it be worked. Raises Unavailable.

    ``spent`` of the CRM's quota, by testing the connection, is sync-worker's to count: it begins to read at once.
    """
    account_id, connection_id, crm_type = place
    data = {"connection_id": connection_id, "crm_type": crm_type, "actor": actor}
    data |= {"spent": dict(spent)} if spent else {}
    await bus.publish(connection_connected(account_id, data, current_traceparent.get()))
    await crms.set_status(account_id, connection_id, "connected", only=("pending",))


async def announce_left_behind(bus: Publisher, crms: Crms) -> None:
    """Announce what was left pending, for ever."""
    while True:
        await asyncio.sleep(_SWEEP_SECONDS)
        try:
            for place in await crms.left_pending(_PENDING_SECONDS):
                await announce(bus, crms, place, {"user": "system"})
                _log.info("connection.announced_late", connection_id=place[1])
        except Unavailable as error:
            _log.warning("connections.announcing_waits", error=error.message)


async def store_and_announce(
    gateway: Gateway, account_id: int, new: NewConnection, actor: Actor, *, name_is_a_wish: bool = False
) -> int:
    """A new connection's id. A bus that is away is no failure: the sweep announces it when it is back."""
    connection_id = await gateway.crms.add(account_id, new, name_is_a_wish=name_is_a_wish)
    await announce_if_pending(gateway, (account_id, connection_id, new.crm_type), new.status, actor, new.spent)
    return connection_id


async def renew_and_announce(gateway: Gateway, stored: Stored, new: NewConnection, actor: Actor) -> str | None:
    """New credentials for a connection; the new webhook secret, where the old one was erased."""
    await gateway.crms.renew(stored.account_id, stored.id, new)
    secret = None if stored.webhooks else new.webhook_secret
    if secret is not None:
        await gateway.crms.new_webhook_secret(stored.account_id, stored.id, secret)
    place = (stored.account_id, stored.id, stored.crm_type)
    await announce_if_pending(gateway, place, new.status, actor, new.spent)
    return secret


def check_tenant(stored: Stored, tenant: str | None) -> None:
    """Raise Conflict when new credentials are another customer's: its records would be taken for the first one's."""
    if stored.tenant and tenant and stored.tenant != tenant:
        message = "These credentials belong to another company than the one that this connection is to"
        raise Conflict(message, code="OTHER_TENANT", tenant=tenant, expected=stored.tenant)


async def announce_if_pending(
    gateway: Gateway, place: tuple[int, int, str], status: str, actor: Actor, spent: Mapping[str, int]
) -> None:
    """As ``announce``, if the status asks for it; what cannot be announced now will be later."""
    if status != "pending":
        return
    try:
        await announce(gateway.bus, gateway.crms, place, actor, spent)
    except Unavailable as error:
        _log.warning("connection.announced_later", connection_id=place[1], error=error.message)


async def stored_in_path(gateway: Gateway, call: Call[Any, Any], connection_id: int) -> Stored:
    """The account's connection. Raises NotFound."""
    stored = await gateway.crms.find(call.account_id, connection_id)
    if stored is None:
        raise NotFound("There is no such connection")
    return stored


async def tokens_of(gateway: Gateway, stored: Stored) -> Tokens:
    """What calls to the CRM are authorised with; a grant's token is refreshed in turn with sync-worker.

    Raises Conflict: there is nothing, or it cannot be read.
    """
    try:
        content = await gateway.crms.open_credentials(stored)
    except Unreadable as error:
        raise Conflict(f"The credentials cannot be read: {error}", code="NO_CREDENTIALS") from None
    if content is None:
        raise Conflict("The connection has no credentials; reconnect it", code="NO_CREDENTIALS")
    if stored.auth_type == "api_key":
        return FixedToken(content.decode().strip())
    connector, app = gateway.connectors.get(stored.crm_type), gateway.settings.oauth_apps.of(stored.crm_type)
    if connector is None or connector.oauth is None or app is None:
        raise Conflict(f"This hub knows no OAuth server of {stored.crm_type}", code="NO_CONNECTOR")
    return GrantTokens(stored.account_id, stored.id, connector.oauth, app, gateway.oauth_parts)


async def grant_of(gateway: Gateway, stored: Stored) -> Grant | None:
    """What an OAuth connection was granted; None where there is nothing (readable)."""
    try:
        content = await gateway.crms.open_credentials(stored)
        return Grant.decoded(content) if content is not None and stored.auth_type == "oauth2" else None
    except (Unreadable, ValueError):
        return None


async def try_stored(gateway: Gateway, stored: Stored) -> Verdict:
    """Ask the CRM whether a stored connection works."""
    connector = gateway.connectors.get(stored.crm_type)
    if connector is None:
        raise Conflict(f"This hub has no connector for {stored.crm_type}", code="NO_CONNECTOR")
    app = gateway.settings.oauth_apps.of(stored.crm_type)
    return await gateway.trials.run(connector, stored.config, await tokens_of(gateway, stored), app)


async def revoke(gateway: Gateway, connector: Connector, config: Mapping[str, Any], grant: Grant) -> list[str]:
    """End a grant at the CRM, as well as may be; what did not work, in words."""
    app = gateway.settings.oauth_apps.of(connector.manifest.crm_type)
    if connector.oauth is None or app is None:
        return ["the hub knows no OAuth server of this CRM"]
    try:
        calls = connector.oauth.revoke(app, config, grant)
    except (CrmFailure, GrantDead) as failure:
        return [str(failure)]
    return [str(failure) for failure in await gateway.oauth_servers.revoke(calls)]


def refused(verdict: Verdict, what: str) -> Invalid:
    """The CRM's no, as the error that answers the request."""
    message = f"{what}: {verdict.message}"
    return Invalid(message, code="CONNECTION_TEST_FAILED", kind=verdict.kind, crm_error=verdict.code)


def told(verdict: Verdict | None) -> dict[str, Any] | None:
    """The verdict as the API shows it."""
    if verdict is None:
        return None
    names = ("ok", "tenant", "account", "user", "kind", "code", "message")
    return {**{name: getattr(verdict, name) for name in names}, "remarks": list(verdict.remarks)}


def base_url(gateway: Gateway, request: web.Request) -> str:
    """The gateway's address as the caller knows it."""
    return gateway.public_url or f"{request.scheme}://{request.host}"


def shown(gateway: Gateway, request: web.Request, document: dict[str, Any]) -> dict[str, Any]:
    """A connection's document with the address of its webhooks."""
    crm_type = document["crm_type"]
    parser = gateway.webhook_parsers.get(crm_type)
    place = "" if parser is not None and parser.per_app else f"/{document['id']}"
    return {**document, "webhook_url": f"{base_url(gateway, request)}/api/v1/webhooks/crm/{crm_type}{place}"}


async def shown_now(gateway: Gateway, call: Call[Any, Any], connection_id: int) -> dict[str, Any]:
    """The connection as it is now, in short. Raises NotFound."""
    document = await gateway.crm_views.one(call.account_id, connection_id)
    if document is None:
        raise NotFound("There is no such connection")
    short = {name: value for name, value in document.items() if name not in ("linked", "budgets", "drift")}
    return shown(gateway, call.request, short)


async def note_heard(crms: Crms, heard: dict[int, float], seconds: float) -> None:
    """Write down when connections' webhooks came, every few seconds, for ever."""
    while True:
        await asyncio.sleep(seconds)
        if not heard:
            continue
        moments = dict(heard)
        heard.clear()
        try:
            await crms.heard(moments)
        except Unavailable:
            for connection_id, moment in moments.items():
                heard.setdefault(connection_id, moment)
