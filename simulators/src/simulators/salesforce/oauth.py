"""The endpoints under /services/oauth2, and the identity behind a token.

https://help.salesforce.com/s/articleView?id=sf.remoteaccess_oauth_web_server_flow.htm
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode
from xml.sax.saxutils import escape

from aiohttp import web

from simulators.kit.answers import answer
from simulators.kit.oauth import Client, Issued, Look, OAuthRefused, TokenExpired, consent_routes
from simulators.salesforce.org import Org
from simulators.salesforce.sessions import session_of

_DENIED = {"error": "access_denied", "error_description": "end-user denied authorization"}
_DEFAULT_SCOPES = ("api", "refresh_token")


def oauth_routes(org: Org) -> list[web.RouteDef]:
    """All of them."""
    look = Look("Salesforce", "#0176d3", "Hub Test Org", _DENIED, _scopes)

    async def token(request: web.Request) -> web.Response:
        form = await _form(request)
        try:
            client, issued = _issued(org, request, form)
        except OAuthRefused as refused:
            return _refusal(refused)
        return _formatted(request, form, session_of(org, client, issued))

    async def revoke(request: web.Request) -> web.Response:
        form = await _form(request) if request.method == "POST" else dict(request.query)
        hint = form.get("token_type_hint")
        if hint not in (None, "", "access_token", "refresh_token"):
            return _refusal(OAuthRefused("unsupported_token_type", "this token type is not supported"))
        if not org.grants.revoke(form.get("token", "")):
            return _refusal(OAuthRefused("invalid_token", "invalid token"))
        return web.Response(status=200)

    async def introspect(request: web.Request) -> web.Response:
        form = await _form(request)
        try:
            _client(org, request, form)
            grant = org.grants.bearer(form.get("token", ""))
        except OAuthRefused as refused:
            return _refusal(refused)
        except TokenExpired:
            grant = None
        if grant is None:
            return answer({"active": False})
        identity = {"client_id": grant.client_id, "scope": grant.scope, "sub": _identity_url(org)}
        return answer({"active": True, "token_type": "Bearer", "username": _user(org)["Username"], **identity})

    async def identity(request: web.Request) -> web.Response:
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        try:
            grant = org.grants.bearer(value.strip() if scheme else request.query.get("access_token", ""))
        except TokenExpired:
            grant = None
        if grant is None:
            return web.Response(status=403, text="Bad_OAuth_Token")
        return answer(_identity(org))

    async def discovery(_request: web.Request) -> web.Response:
        base = f"{org.public_url}/services/oauth2"
        return answer({
            "issuer": org.public_url, "authorization_endpoint": f"{base}/authorize", "token_endpoint": f"{base}/token",
            "revocation_endpoint": f"{base}/revoke", "userinfo_endpoint": f"{base}/userinfo",
            "introspection_endpoint": f"{base}/introspect", "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"], "scopes_supported": ["api", "refresh_token", "id", "full"],
        })  # fmt: skip

    return [
        *consent_routes("/services/oauth2/authorize", org.grants, look),
        web.post("/services/oauth2/token", token),
        web.route("*", "/services/oauth2/revoke", revoke),
        web.post("/services/oauth2/introspect", introspect),
        web.get("/services/oauth2/userinfo", identity),
        web.get("/id/{org}/{user}", identity),
        web.get("/.well-known/openid-configuration", discovery),
    ]


def _issued(org: Org, request: web.Request, form: Mapping[str, str]) -> tuple[Client, Issued]:
    """Raises OAuthRefused."""
    grant_type = form.get("grant_type", "")
    if grant_type not in ("authorization_code", "refresh_token", "client_credentials", "password"):
        raise OAuthRefused("unsupported_grant_type", "grant type not supported")
    client = _client(org, request, form)
    if org.faults.draw("revoked_grant", "POST", request.path) is not None:
        raise OAuthRefused("invalid_grant", "expired access/refresh token")
    if grant_type == "authorization_code":
        code, uri = form.get("code", ""), form.get("redirect_uri", "")
        return client, org.grants.redeem(client, code, uri, form.get("code_verifier"))
    if grant_type == "refresh_token":
        return client, org.grants.refresh(client, form.get("refresh_token", ""))
    if grant_type == "password" and not (form.get("username") and form.get("password")):
        raise OAuthRefused("invalid_grant", "authentication failure")
    return client, org.grants.grant(client.id, "api")


def _client(org: Org, request: web.Request, form: Mapping[str, str]) -> Client:
    """The client, by the form or by HTTP Basic. Raises OAuthRefused."""
    client_id, secret = form.get("client_id", ""), form.get("client_secret")
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            client_id, _, secret = base64.b64decode(value).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise OAuthRefused("invalid_client", "invalid client credentials") from None
    if client_id not in org.grants.clients:
        raise OAuthRefused("invalid_client_id", "client identifier invalid")
    try:
        return org.grants.authenticate(client_id, secret)
    except OAuthRefused:
        raise OAuthRefused("invalid_client", "invalid client credentials") from None


def _scopes(asked: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(asked.get("scope", "").split()) or _DEFAULT_SCOPES


def _identity_url(org: Org) -> str:
    return f"{org.public_url}/id/{org.org_id}/{org.user}"


def _user(org: Org) -> dict[str, Any]:
    return org.store.table(org.schema.needed("User")).records[org.user]


def _identity(org: Org) -> dict[str, Any]:
    user, rest = _user(org), f"{org.public_url}/services/data/v{{version}}/"
    return {
        "id": _identity_url(org), "asserted_user": True, "user_id": org.user, "organization_id": org.org_id,
        "sub": _identity_url(org), "username": user["Username"], "preferred_username": user["Username"],
        "nick_name": user["Alias"], "display_name": user["Name"], "name": user["Name"], "email": user["Email"],
        "email_verified": True, "first_name": user["FirstName"], "last_name": user["LastName"], "active": True,
        "user_type": "STANDARD", "language": "en_US", "locale": "en_US", "is_app_installed": True,
        "urls": {"rest": rest, "sobjects": f"{rest}sobjects/", "query": f"{rest}query/", "search": f"{rest}search/",
                 "custom_domain": org.public_url},
    }  # fmt: skip


async def _form(request: web.Request) -> dict[str, str]:
    return {name: value for name, value in (await request.post()).items() if isinstance(value, str)}


def _formatted(request: web.Request, form: Mapping[str, str], found: Mapping[str, Any]) -> web.Response:
    wish = form.get("format", "") or request.headers.get("Accept", "")
    headers = {"Cache-Control": "no-store", "Pragma": "no-cache"}
    if "urlencoded" in wish:
        return web.Response(text=urlencode(found), content_type="application/x-www-form-urlencoded", headers=headers)
    if wish in ("xml", "application/xml"):
        members = "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in found.items())
        text = f'<?xml version="1.0" encoding="UTF-8"?><OAuth>{members}</OAuth>'
        return web.Response(text=text, content_type="application/xml", headers=headers)
    return answer(found, headers=headers)


def _refusal(refused: OAuthRefused) -> web.Response:
    return answer({"error": refused.error, "error_description": refused.description}, 400)
