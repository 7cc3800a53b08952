"""Pipedrive's OAuth: consent, tokens for codes, refresh, revocation. Clients prove themselves with HTTP Basic."""

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_plus

from aiohttp import web

from simulators.kit.answers import answer
from simulators.kit.faults import Faults
from simulators.kit.oauth import Client, Grants, Issued, Look, OAuthRefused, consent_routes
from simulators.pipedrive.access import origin
from simulators.pipedrive.options import Options
from simulators.pipedrive.webhooks import Webhooks

CODE_SECONDS, ACCESS_SECONDS, REFRESH_IDLE_SECONDS = 300.0, 3599.0, 60 * 86_400.0
_FORM = "application/x-www-form-urlencoded"
# The kit's wording → Pipedrive's, as its documentation lists them.
_TEXTS = {
    "invalid authorization code": "Invalid grant: authorization_code is invalid",
    "expired authorization code": "Invalid grant: authorization_code has expired",
    "expired access/refresh token": "Invalid grant: refresh_token is invalid",
    "redirect_uri must match configuration": "Invalid request: redirect_uri is invalid",
    "unknown client": "Invalid client: client is invalid",
    "wrong client credentials": "Invalid client: client is invalid",
}


def oauth_routes(grants: Grants, webhooks: Webhooks, faults: Faults, options: Options) -> list[web.RouteDef]:
    """The authorize page, the token endpoint (with and without a slash at its end) and revocation."""
    scopes = [each for each in options.scopes.split(",") if each]
    account = f"{options.company_domain}.pipedrive.com"
    look = Look("Pipedrive", "#017737", account, {"error": "user_denied"}, lambda _asked: scopes)

    async def token(request: web.Request) -> web.Response:
        try:
            if request.content_type != _FORM:
                raise OAuthRefused("invalid_request", f"Invalid request: content must be {_FORM}")
            form = _texts(await request.post())
            issued = _issued(grants, _client(grants, request, form), form)
        except OAuthRefused as refused:
            return _refusal(refused, options)
        domain = origin(request, options)
        if (stranger := faults.draw("api_domain", request.method, request.path)) is not None:
            domain = str(stranger.get("domain", "https://attacker.example.com"))
        return answer(_token_body(issued, grants, domain))

    async def revoke(request: web.Request) -> web.Response:
        try:
            form = _texts(await request.post())
            client = _client(grants, request, form)
        except OAuthRefused as refused:
            return _refusal(refused, options)
        uninstalls = grants.by_refresh_token(form.get("token", "")) is not None
        grants.revoke(form.get("token", ""))
        if uninstalls:
            forget_app(webhooks, client.id)
        return answer({"success": True})

    return [
        *consent_routes("/oauth/authorize", grants, look),
        web.post("/oauth/token", token), web.post("/oauth/token/", token), web.post("/oauth/revoke", revoke),
    ]  # fmt: skip


def forget_app(webhooks: Webhooks, client_id: str) -> None:
    """An uninstalled app's webhooks end with it."""
    for each in list(webhooks.subscriptions.values()):
        if each.client_id == client_id:
            webhooks.remove(each.id, "app uninstalled")


def _issued(grants: Grants, client: Client, form: Mapping[str, str]) -> Issued:
    kind = form.get("grant_type")
    if kind == "authorization_code":
        return grants.redeem(client, form.get("code", ""), form.get("redirect_uri", ""))
    if kind == "refresh_token":
        return grants.refresh(client, form.get("refresh_token", ""))
    if kind is None:
        raise OAuthRefused("invalid_request", "Missing parameter: grant_type")
    raise OAuthRefused("unsupported_grant_type", "Unsupported grant type: grant_type is invalid")


def _client(grants: Grants, request: web.Request, form: Mapping[str, str]) -> Client:
    """By Basic, or by the body, which is possible but discouraged. Raises OAuthRefused."""
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            pair = base64.b64decode(encoded, validate=True).decode()
        except ValueError:
            raise OAuthRefused("invalid_client", "Invalid client: cannot retrieve client credentials") from None
        name, _, secret = pair.partition(":")
        return grants.authenticate(unquote_plus(name), unquote_plus(secret))
    if "client_id" in form and "client_secret" in form:
        return grants.authenticate(form["client_id"], form["client_secret"])
    raise OAuthRefused("invalid_client", "Invalid client: cannot retrieve client credentials")


def _token_body(issued: Issued, grants: Grants, domain: str) -> dict[str, Any]:
    return {
        "access_token": issued.access_token, "token_type": "Bearer", "expires_in": int(grants.access_seconds),
        "refresh_token": issued.grant.refresh_token, "scope": issued.grant.scope.replace(" ", ","),
        "api_domain": domain,
    }  # fmt: skip


def _refusal(refused: OAuthRefused, options: Options) -> web.Response:
    text = _TEXTS.get(refused.description, refused.description)
    error = "invalid_request" if refused.error == "redirect_uri_mismatch" else refused.error
    status = 401 if error == "invalid_client" else 400
    if options.plain_oauth_errors:
        return answer({"error": error, "error_description": text}, status)
    return answer({"success": False, "message": text, "error": error}, status)


def _texts(form: Mapping[str, Any]) -> dict[str, str]:
    return {name: value for name, value in form.items() if isinstance(value, str)}
