"""CRM connections: made with an API key, shown, changed, paused, tried, ended."""

import secrets
from typing import Any

from aiohttp import hdrs, web

from gateway.adapters.crms import LIVING, Stored
from gateway.domain.connecting import (
    NewConnection,
    Verdict,
    check_schedule,
    checked_config,
    find_connector,
)
from gateway.gateway import Gateway
from gateway.handlers import connecting, oauth
from gateway.handlers.places import number_in_path
from gateway.web.answers import answer
from gateway.web.models_connections_in import (
    ConnectionBody,
    ConnectionChange,
    ConnectionsQuery,
    ReconnectBody,
    WebhookSecretBody,
)
from gateway.web.routing import Call
from hub.contracts.connector import Connector
from hub.contracts.errors import Conflict, Invalid, NotFound
from hub.contracts.grants import FixedToken

_CHANGED_MEANWHILE = "Somebody else changed the connection at the same time; look at it and try again"


async def add_connection(gateway: Gateway, call: Call[None, ConnectionBody]) -> web.Response:
    """Connect a CRM with an API key. The CRM is asked first: what it refuses is not stored."""
    body = call.body
    connector = find_connector(gateway.connectors, body.crm_type, "api_key")
    config = checked_config(connector, "api_key", body.config)
    name = body.name or connector.manifest.title
    if body.name and await gateway.crms.name_taken(call.account_id, name):
        raise Conflict("The account has a connection of that name already", code="NAME_TAKEN", field="name")
    verdict = await _try_key(gateway, connector, config, body.credentials) if body.test else None
    if verdict is not None and not verdict.ok:
        raise connecting.refused(verdict, "The CRM does not work with this; nothing is stored")
    secret = body.webhook_secret or secrets.token_urlsafe(32)
    new = NewConnection(
        body.crm_type, name, "api_key", config, body.webhook_mode, body.credentials.strip().encode(), secret,
        tenant=verdict.tenant if verdict else None, accepted=verdict is not None,
        spent=verdict.spent if verdict else {},
    )  # fmt: skip
    added = await connecting.store_and_announce(
        gateway, call.account_id, new, call.actor(), name_is_a_wish=body.name is None
    )
    document = await connecting.shown_now(gateway, call, added)
    told = {"connection": document, "test": connecting.told(verdict), "reconnected": False, "webhook_secret": secret}
    return answer(told, 201, {hdrs.LOCATION: f"/api/v1/external/connections/{added}"})


async def list_connections(gateway: Gateway, call: Call[ConnectionsQuery, None]) -> web.Response:
    """The account's connections."""
    documents = await gateway.crm_views.all(call.account_id, with_disconnected=call.query.disconnected)
    return answer({"connections": [connecting.shown(gateway, call.request, each) for each in documents]})


async def get_connection(gateway: Gateway, call: Call[None, None]) -> web.Response:
    """One connection with its quota, and what is wrong with the CRM's fields."""
    document = await gateway.crm_views.one(call.account_id, number_in_path(call, "connection_id"))
    if document is None:
        raise NotFound("There is no such connection")
    return answer(connecting.shown(gateway, call.request, document))


async def change_connection(gateway: Gateway, call: Call[None, ConnectionChange]) -> web.Response:
    """Change name, configuration, schedule or API key. A new key is tried first."""
    body, stored = call.body, await _living(gateway, call)
    connector = _connector(gateway, stored)
    config = stored.config
    if body.config is not None:
        kept = {"schedule": stored.config["schedule"]} if "schedule" in stored.config else {}
        config = checked_config(connector, _auth_type(stored), kept | body.config)
    if body.schedule is not None:
        check_schedule(body.schedule, "schedule")
        config = config | {"schedule": body.schedule}
    verdict = None
    if body.credentials is not None:
        if stored.auth_type != "api_key":
            raise Invalid("This connection is authorised by OAuth; reconnect it instead", field="credentials")
        if body.test:
            verdict = await _try_key(gateway, connector, config, body.credentials)
            if not verdict.ok:
                raise connecting.refused(verdict, "The CRM does not work with this key; nothing is changed")
    changed = await gateway.crms.change(
        stored, body.name or stored.name, config, body.webhook_mode or stored.webhook_mode
    )
    if not changed:
        raise Conflict(_CHANGED_MEANWHILE)
    if body.credentials is not None:
        await _renew_key(gateway, call, stored, body.credentials, verdict)
    return answer(await connecting.shown_now(gateway, call, stored.id))


async def pause_connection(gateway: Gateway, call: Call[None, None]) -> web.Response:
    """Nothing is read or written until it is resumed; changes are remembered."""
    stored = await _living(gateway, call)
    await gateway.crms.set_status(call.account_id, stored.id, "paused", only=LIVING)
    return answer(await connecting.shown_now(gateway, call, stored.id))


async def resume_connection(gateway: Gateway, call: Call[None, None]) -> web.Response:
    """Go on. Refused when the CRM does not accept the credentials; a CRM that is away is waited for."""
    stored = await _living(gateway, call)
    verdict = await connecting.try_stored(gateway, stored)
    if verdict.refused:
        await gateway.crms.set_status(call.account_id, stored.id, "needs_reauth", only=LIVING, reason=verdict.reason)
        raise connecting.refused(verdict, "The CRM does not accept the credentials; reconnect")
    await _checked(gateway, stored, verdict)
    if await gateway.crms.set_status(call.account_id, stored.id, "pending", only=("paused", "needs_reauth", "pending")):
        place = (call.account_id, stored.id, stored.crm_type)
        await connecting.announce_if_pending(gateway, place, "pending", call.actor(), verdict.spent)
    document = await connecting.shown_now(gateway, call, stored.id)
    return answer({"connection": document, "test": connecting.told(verdict)})


async def test_connection(gateway: Gateway, call: Call[None, None]) -> web.Response:
    """Ask the CRM. Credentials that it refuses make the connection ``needs_reauth``."""
    stored = await _living(gateway, call)
    verdict = await connecting.try_stored(gateway, stored)
    if verdict.refused:
        reason = verdict.reason
        await gateway.crms.set_status(call.account_id, stored.id, "needs_reauth", only=("connected",), reason=reason)
    await _checked(gateway, stored, verdict)
    status = (await connecting.stored_in_path(gateway, call, stored.id)).status
    return answer({"status": status, "test": connecting.told(verdict)})


async def reconnect(gateway: Gateway, call: Call[None, ReconnectBody]) -> web.StreamResponse:
    """Connect anew: with a new API key, or by OAuth, where the answer says where to authorise."""
    stored = await connecting.stored_in_path(gateway, call, number_in_path(call, "connection_id"))
    if stored.auth_type == "oauth2":
        if call.body.credentials is not None:
            raise Invalid("This connection is authorised by OAuth", field="credentials")
        return await oauth.begin_again(gateway, call, stored, call.body.redirect_uri, call.body.return_to)
    if call.body.credentials is None:
        raise Invalid("A new API key is needed", field="credentials")
    verdict = await _try_key(gateway, _connector(gateway, stored), stored.config, call.body.credentials)
    if not verdict.ok:
        raise connecting.refused(verdict, "The CRM does not work with this key; nothing is changed")
    secret = await _renew_key(gateway, call, stored, call.body.credentials, verdict)
    document = await connecting.shown_now(gateway, call, stored.id)
    return answer({"connection": document, "test": connecting.told(verdict), "webhook_secret": secret})


async def disconnect(gateway: Gateway, call: Call[None, None]) -> web.Response:
    """End it: nothing flows, the grant is revoked at the CRM as well as may be, secrets are erased here."""
    stored = await connecting.stored_in_path(gateway, call, number_in_path(call, "connection_id"))
    await gateway.crms.cut_off(call.account_id, stored.id)
    problems: list[str] = []
    revoked: bool | None = None
    grant = await connecting.grant_of(gateway, stored)
    connector = gateway.connectors.get(stored.crm_type)
    if grant is not None and connector is not None:
        problems = await connecting.revoke(gateway, connector, stored.config, grant)
        revoked = not problems
    await gateway.crms.erase(call.account_id, stored.id)
    return answer({"status": "disconnected", "revoked": revoked, "problems": problems})


async def new_webhook_secret(gateway: Gateway, call: Call[None, WebhookSecretBody]) -> web.Response:
    """From now on the CRM's webhooks must be signed with this one. Shown this once."""
    stored = await _living(gateway, call)
    secret = call.body.secret or secrets.token_urlsafe(32)
    await gateway.crms.new_webhook_secret(call.account_id, stored.id, secret)
    document = connecting.shown(gateway, call.request, {"id": stored.id, "crm_type": stored.crm_type})
    return answer({"webhook_url": document["webhook_url"], "webhook_secret": secret})


async def _living(gateway: Gateway, call: Call[Any, Any]) -> Stored:
    stored = await connecting.stored_in_path(gateway, call, number_in_path(call, "connection_id"))
    if stored.status == "disconnected":
        raise Conflict("The connection was disconnected; reconnect it", code="DISCONNECTED")
    return stored


def _connector(gateway: Gateway, stored: Stored) -> Connector:
    return find_connector(gateway.connectors, stored.crm_type, _auth_type(stored))


def _auth_type(stored: Stored) -> Any:
    return stored.auth_type


async def _try_key(gateway: Gateway, connector: Connector, config: dict[str, Any], key: str) -> Verdict:
    app = gateway.settings.oauth_apps.of(connector.manifest.crm_type)
    return await gateway.trials.run(connector, config, FixedToken(key.strip()), app)


async def _renew_key(
    gateway: Gateway, call: Call[Any, Any], stored: Stored, key: str, verdict: Verdict | None
) -> str | None:
    """Store the key and go on; the new webhook secret, where the old one was erased."""
    tenant = verdict.tenant if verdict else None
    connecting.check_tenant(stored, tenant)
    status = "paused" if stored.status == "paused" else "pending"
    new = NewConnection(
        stored.crm_type, stored.name, "api_key", stored.config, stored.webhook_mode, key.strip().encode(),
        secrets.token_urlsafe(32), tenant, status, accepted=verdict is not None,
        spent=verdict.spent if verdict else {},
    )  # fmt: skip
    return await connecting.renew_and_announce(gateway, stored, new, call.actor())


async def _checked(gateway: Gateway, stored: Stored, verdict: Verdict) -> None:
    if verdict.ok:
        await gateway.crms.checked(stored.account_id, stored.id, verdict.tenant)
