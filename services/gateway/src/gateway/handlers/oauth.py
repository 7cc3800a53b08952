"""Connecting a CRM by OAuth: out to its consent page, and back.

The state is random, stored as a digest, bound to the account (and to the browser that asked, if one did), over in ten
minutes, and used up by the first callback that brings it. The code is exchanged by the gateway alone.
"""

import asyncio
import secrets
from dataclasses import dataclass
from typing import Any

import structlog
from aiohttp import web
from pydantic import ValidationError

from gateway.adapters.attempts import Attempt, Taken
from gateway.adapters.crms import Stored
from gateway.adapters.trials import GrantToken
from gateway.domain.connecting import (
    NewConnection,
    Verdict,
    allowed_redirects,
    check_redirect,
    check_return,
    checked_config,
    find_connector,
)
from gateway.domain.problems import problem_of
from gateway.gateway import Gateway
from gateway.handlers import connecting, oauth_pages
from gateway.web.answers import answer
from gateway.web.models_connections_in import AuthorizeBody, CallbackBody, CallbackQuery
from gateway.web.routing import SESSION_COOKIE, Call, refusal
from hub.contracts.connector import Connector
from hub.contracts.errors import Conflict, HubError, Invalid, Malformed
from hub.contracts.failures import CrmFailure
from hub.contracts.grants import Grant, GrantDead, OAuthApp, OAuthFlow
from hub.contracts.ids import rfc3339
from hub.grants import challenge_of, new_secret

OAUTH_COOKIE = "hub_oauth"
_COOKIE_PATH = "/api/v1/crm/oauth"
_LONGEST_COOKIE = 100
_log = structlog.get_logger()


class StateRefused(Malformed):
    """This authorisation is not under way here: its state is unknown, used, too old, or another browser's."""

    code = "INVALID_STATE"


class NotGranted(HubError):
    """The CRM did not grant access."""

    code, status = "ACCESS_DENIED", 400


class ExchangeFailed(HubError):
    """The CRM did not give a token for the code; nothing is stored. Authorise again."""

    code, status = "EXCHANGE_FAILED", 400


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a callback: a connection, good or in need of something."""

    connection_id: int
    title: str
    verdict: Verdict
    reconnected: bool
    webhook_secret: str | None


async def authorize(gateway: Gateway, call: Call[None, AuthorizeBody]) -> web.StreamResponse:
    """Where the customer's browser goes to let the hub in."""
    body = call.body
    stored = None
    if body.connection_id is not None:
        stored = await connecting.stored_in_path(gateway, call, body.connection_id)
        if stored.crm_type != body.crm_type:
            raise Invalid(f"That connection is to {stored.crm_type}", field="connection_id")
    connector = find_connector(gateway.connectors, body.crm_type, "oauth2")
    config = checked_config(connector, "oauth2", body.config or (stored.config if stored else {}))
    new_name = body.name if stored is None or stored.name != body.name else None
    if new_name and await gateway.crms.name_taken(call.account_id, new_name):
        raise Conflict("The account has a connection of that name already", code="NAME_TAKEN", field="name")
    wish = (body.name or "", config, body.redirect_uri, body.return_to)
    begun, session = await _begin(gateway, call, connector, body.connection_id, wish)
    return _with_cookie(gateway, answer(begun), session)


async def begin_again(
    gateway: Gateway, call: Call[Any, Any], stored: Stored, redirect_uri: str | None, return_to: str | None
) -> web.StreamResponse:
    """The same for a connection that is there."""
    connector = find_connector(gateway.connectors, stored.crm_type, "oauth2")
    wish = (stored.name, stored.config, redirect_uri, return_to)
    begun, session = await _begin(gateway, call, connector, stored.id, wish)
    return _with_cookie(gateway, answer({"authorization": begun}), session)


async def _begin(
    gateway: Gateway,
    call: Call[Any, Any],
    connector: Connector,
    connection_id: int | None,
    wish: tuple[str, dict[str, Any], str | None, str | None],
) -> tuple[dict[str, Any], str | None]:
    name, config, redirect_uri, return_to = wish
    crm_type = connector.manifest.crm_type
    flow, app = _flow(connector), _app(gateway, crm_type)
    settings = gateway.settings
    allowed = allowed_redirects(settings.oauth_redirect_uris, gateway.public_url)
    redirect_uri = check_redirect(redirect_uri, allowed, gateway.public_url)
    verifier = new_secret() if flow.pkce else None
    attempt = Attempt(
        call.account_id, crm_type, connection_id, name, config, redirect_uri,
        check_return(return_to, allowed), call.key.name, verifier,
    )  # fmt: skip
    session = _browser_session(call.request)
    state, expires_at = await gateway.attempts.begin(attempt, session, settings.oauth_attempt_seconds)
    try:
        url = flow.authorize_url(app, config, redirect_uri, state, challenge_of(verifier) if verifier else None)
    except CrmFailure as failure:  # the configuration names a host that is not the vendor's
        raise Invalid(failure.error.message, code=failure.error.code, field="config") from None
    return {"authorization_url": url, "state": state, "expires_at": rfc3339(expires_at)}, session


async def callback(gateway: Gateway, request: web.Request) -> web.StreamResponse:
    """Where the CRM sends the customer's browser back to. People get a page, programs JSON."""
    try:
        query = CallbackQuery.model_validate(dict(request.query))
    except ValidationError as error:
        return oauth_pages.failure(request, refusal(problem_of(error)))
    taken: Taken | None = None
    try:
        taken = await _take(gateway, query, None, request)
        outcome = await _finish(gateway, taken.attempt, query, gateway.client_ip(request))
    except HubError as error:
        return oauth_pages.failure(request, error, taken.attempt.return_to if taken else None)
    connection = await gateway.crm_views.one(taken.attempt.account_id, outcome.connection_id)
    assert connection is not None
    return oauth_pages.success(request, outcome.title, connection, outcome.verdict, taken.attempt.return_to)


async def finish_callback(gateway: Gateway, call: Call[None, CallbackBody]) -> web.Response:
    """The same for a redirect URI of the customer's own, whose server hands on what the CRM added to it."""
    taken = await _take(gateway, call.body, call.account_id, call.request)
    outcome = await _finish(gateway, taken.attempt, call.body, call.ip)
    told = {
        "connection": await connecting.shown_now(gateway, call, outcome.connection_id),
        "test": connecting.told(outcome.verdict),
        "reconnected": outcome.reconnected,
        "webhook_secret": outcome.webhook_secret,
    }
    return answer(told, 200 if outcome.reconnected else 201)


async def _take(
    gateway: Gateway, given: CallbackQuery | CallbackBody, account_id: int | None, request: web.Request
) -> Taken:
    session = request.cookies.get(OAUTH_COOKIE)
    taken = await gateway.attempts.take(given.state, account_id, session) if given.state else None
    if taken is None or not taken.in_time or not taken.same_session:
        raise StateRefused()
    return taken


async def _finish(gateway: Gateway, attempt: Attempt, given: CallbackQuery | CallbackBody, ip: str | None) -> Outcome:
    if given.error or not given.code:
        told = given.error or "no code was given"
        raise NotGranted(f"Access was not granted: {told}", crm_error=told, description=given.error_description)
    connector = find_connector(gateway.connectors, attempt.crm_type, "oauth2")
    app = _app(gateway, attempt.crm_type)
    # Once the code is used, a client that hangs up must not leave a grant behind that nobody knows.
    work = asyncio.ensure_future(_connect(gateway, attempt, connector, app, given.code, ip))
    return await asyncio.shield(work)


async def _connect(
    gateway: Gateway, attempt: Attempt, connector: Connector, app: OAuthApp, code: str, ip: str | None
) -> Outcome:
    flow, config = _flow(connector), attempt.config
    grant = await _exchange(gateway, flow, app, attempt, code)
    verdict = await gateway.trials.run(connector, config, GrantToken(grant), app)
    tenant = verdict.tenant or grant.tenant
    known = await _known(gateway, attempt, tenant)
    if known is not None:
        try:
            connecting.check_tenant(known, tenant)
        except Conflict:
            await connecting.revoke(gateway, connector, config, grant)
            raise
    title = connector.manifest.title
    new = _new_connection(attempt, title, grant, tenant, verdict)
    actor = {"user": attempt.created_by} | ({"ip_address": ip} if ip else {})
    if known is None:
        wish = not attempt.name
        added = await connecting.store_and_announce(gateway, attempt.account_id, new, actor, name_is_a_wish=wish)
        return Outcome(added, title, verdict, False, new.webhook_secret)
    wished = (attempt.name or known.name, attempt.config)
    if attempt.connection_id is not None and wished != (known.name, known.config):
        await gateway.crms.change(known, *wished, known.webhook_mode)
    secret = await connecting.renew_and_announce(gateway, known, new, actor)
    return Outcome(known.id, title, verdict, True, secret)


async def _exchange(gateway: Gateway, flow: OAuthFlow, app: OAuthApp, attempt: Attempt, code: str) -> Grant:
    try:
        call = flow.exchange(app, attempt.config, code, attempt.redirect_uri, attempt.verifier)
        return await gateway.oauth_servers.granted(flow, app, attempt.config, call)
    except GrantDead as dead:
        raise ExchangeFailed(crm_error=dead.code) from None
    except CrmFailure as failure:
        _log.warning("oauth.exchange_failed", crm_type=attempt.crm_type, code=failure.error.code)
        details = {"crm_error": failure.error.code, "kind": str(failure.kind), "reason": failure.error.message}
        raise ExchangeFailed(retry_after=failure.retry_after, **details) from None


async def _known(gateway: Gateway, attempt: Attempt, tenant: str | None) -> Stored | None:
    """The connection that is connected anew: the one asked for, else the one to the same customer of the CRM."""
    if attempt.connection_id is not None:
        found = await gateway.crms.find(attempt.account_id, attempt.connection_id)
        if found is None:
            raise Conflict("The connection that was to be connected anew is gone")
        return found
    return await gateway.crms.of_tenant(attempt.account_id, attempt.crm_type, tenant) if tenant else None


def _new_connection(attempt: Attempt, title: str, grant: Grant, tenant: str | None, verdict: Verdict) -> NewConnection:
    # What the CRM refuses needs the customer again; what else went wrong, an operator: the grant is kept for both.
    status = "pending" if verdict.ok else "needs_reauth" if verdict.refused else "paused"
    return NewConnection(
        attempt.crm_type, attempt.name or title, "oauth2", attempt.config, "simple", grant.encoded(),
        secrets.token_urlsafe(32), tenant, status, verdict.reason, accepted=verdict.ok,
        spent=verdict.spent,
    )  # fmt: skip


def _flow(connector: Connector) -> OAuthFlow:
    assert connector.oauth is not None  # find_connector saw to it
    return connector.oauth


def _app(gateway: Gateway, crm_type: str) -> OAuthApp:
    app = gateway.settings.oauth_apps.of(crm_type)
    if app is None or not app.client_id or not app.client_secret:
        name = f"HUB_OAUTH_{crm_type.upper()}_CLIENT_ID"
        raise Invalid(f"The hub is not registered there: set {name} and _SECRET", code="OAUTH_NOT_CONFIGURED")
    return app


def _browser_session(request: web.Request) -> str | None:
    """A secret that a browser on the gateway's own pages keeps until it comes back; None for programs.

    The dashboard's own cookie cannot serve: it is not sent when another site sends the browser here.
    """
    if request.headers.get("Sec-Fetch-Site") != "same-origin" and SESSION_COOKIE not in request.cookies:
        return None
    known = request.cookies.get(OAUTH_COOKIE, "")
    return known if 40 <= len(known) <= _LONGEST_COOKIE else new_secret()


def _with_cookie(gateway: Gateway, response: web.Response, session: str | None) -> web.Response:
    if session is not None:
        response.set_cookie(
            OAUTH_COOKIE,
            session,
            max_age=int(gateway.settings.oauth_attempt_seconds),
            httponly=True,
            samesite="Lax",
            secure=gateway.settings.session_secure or gateway.public_url.startswith("https:"),
            path=_COOKIE_PATH,
        )
    return response
