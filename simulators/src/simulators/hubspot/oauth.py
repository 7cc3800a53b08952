"""HubSpot's OAuth in its three generations: v1, v3 and dated paths."""

import base64
import secrets
import uuid
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from simulators.kit.answers import answer
from simulators.kit.grants import Grant, TokenExpired
from simulators.kit.oauth import Grants, Issued, Look, OAuthRefused, consent_routes

CODE_SECONDS, ACCESS_SECONDS = 300.0, 1800.0
APP_ID, USER_ID, USER = 54321, 9586504, "ana.reyes@mpp.example.com"
_NEWER = "{version:v3|2026-03|2026-09}"
# the kit's words → (v1 status, message, description of the newer generations)
_WORDS = {
    "unknown client": ("BAD_CLIENT_ID", "missing or unknown client id", "client id is unknown"),
    "wrong client credentials": ("BAD_CLIENT_SECRET", "missing or invalid client secret", "client secret is invalid"),
    "redirect_uri must match configuration": (
        "BAD_REDIRECT_URI", "redirect uri does not match the one of the authorization", "redirect uri does not match"),
    "invalid authorization code": ("BAD_AUTH_CODE", "missing or unknown auth code", "auth code is invalid or used"),
    "expired authorization code": ("BAD_AUTH_CODE", "missing or unknown auth code", "auth code is expired"),
    "expired access/refresh token": (
        "BAD_REFRESH_TOKEN", "missing or invalid refresh token", "refresh token is invalid, expired or revoked"),
    "code_verifier is missing": ("BAD_CODE_VERIFIER", "missing or invalid code verifier", "code verifier is missing"),
    "invalid code verifier": ("BAD_CODE_VERIFIER", "missing or invalid code verifier", "code verifier does not match"),
}  # fmt: skip


class OAuthApi:
    """The token endpoints of one portal."""

    def __init__(self, grants: Grants, portal_id: int) -> None:
        self._grants, self._portal_id = grants, portal_id
        self._domain = f"mpp-{portal_id}.example.com"

    def routes(self) -> list[web.RouteDef]:
        """The consent page, at both of its addresses, and the token endpoints of each generation."""
        denial = {"error": "access_denied", "error_description": "The user denied access to the app"}
        look = Look("HubSpot", "#c93700", f"{self._domain} ({self._portal_id})", denial, _asked_scopes)
        return [
            *consent_routes("/oauth/authorize", self._grants, look),
            *consent_routes(f"/oauth/{self._portal_id}/authorize", self._grants, look),
            web.post("/oauth/v1/token", self.token),
            web.get("/oauth/v1/access-tokens/{token}", self.access_token),
            web.get("/oauth/v1/refresh-tokens/{token}", self.refresh_token),
            web.delete("/oauth/v1/refresh-tokens/{token}", self.forget),
            web.post(f"/oauth/{_NEWER}/token", self.token),
            web.post(f"/oauth/{_NEWER}/token/introspect", self.introspect),
            web.post(f"/oauth/{_NEWER}/token/revoke", self.revoke),
        ]

    async def token(self, request: web.Request) -> web.Response:
        """Tokens for a code, a refresh token, or the app's own credentials."""
        form, newer = await _form(request), "version" in request.match_info
        try:
            issued = self._issued(form)
        except OAuthRefused as refused:
            return _refusal(refused, newer)
        grant = issued.grant
        body: dict[str, Any] = {
            "token_type": "bearer", "refresh_token": grant.refresh_token, "access_token": issued.access_token,
            "expires_in": int(self._grants.access_seconds),
        }  # fmt: skip
        if newer:
            body |= {"token_use": "access_token", "hub_id": self._portal_id, "user_id": USER_ID,
                     "scopes": grant.scope.split()}  # fmt: skip
        if form.get("grant_type") == "client_credentials":
            self._grants.revoke(grant.refresh_token, cascade=False)
            del body["refresh_token"]
        return answer(body)

    async def access_token(self, request: web.Request) -> web.Response:
        """What an access token is for (v1)."""
        token = request.match_info["token"]
        grant = self._living(token)
        if grant is None:
            return _not_found("access token")
        left = int(self._grants.seconds_left(token))
        return answer({"token": token, **self._about(grant), "app_id": APP_ID, "expires_in": left,
                       "token_type": "access"})  # fmt: skip

    async def refresh_token(self, request: web.Request) -> web.Response:
        """What a refresh token is for (v1)."""
        token = request.match_info["token"]
        grant = self._grants.by_refresh_token(token)
        if grant is None:
            return _not_found("refresh token")
        return answer({"token": token, **self._about(grant), "client_id": grant.client_id, "token_type": "refresh"})

    async def forget(self, request: web.Request) -> web.Response:
        """End a refresh token; the access tokens that came of it live on until they expire."""
        if self._grants.by_refresh_token(request.match_info["token"]) is None:
            return _not_found("refresh token")
        self._grants.revoke(request.match_info["token"], cascade=False)
        return web.Response(status=204)

    async def revoke(self, request: web.Request) -> web.Response:
        """The same in the newer generations; also takes an access token. An unknown token is no error."""
        form = await _form(request)
        try:
            self._grants.authenticate(form.get("client_id", ""), form.get("client_secret"))
        except OAuthRefused as refused:
            return _refusal(refused, newer=True)
        self._grants.revoke(form.get("token", ""), cascade=False)
        return answer({})

    async def introspect(self, request: web.Request) -> web.Response:
        """Whether a token of either kind is alive, and what it is for."""
        form = await _form(request)
        try:
            self._grants.authenticate(form.get("client_id", ""), form.get("client_secret"))
        except OAuthRefused as refused:
            return _refusal(refused, newer=True)
        token = form.get("token", "")
        grant, use = self._living(token), "access_token"
        if grant is None:
            grant, use = self._grants.by_refresh_token(token), "refresh_token"
        if grant is None:
            return answer({"active": False})
        body = {"active": True, "token": token, "token_use": use, "token_type": "bearer", "client_id": grant.client_id,
                "app_id": APP_ID, **self._about(grant)}  # fmt: skip
        if use == "access_token":
            body["expires_in"] = int(self._grants.seconds_left(token))
        return answer(body)

    def _issued(self, form: Mapping[str, str]) -> Issued:
        kind = form.get("grant_type")
        client = self._grants.authenticate(form.get("client_id", ""), form.get("client_secret"))
        if kind == "authorization_code":
            code, uri = form.get("code", ""), form.get("redirect_uri", "")
            return self._grants.redeem(client, code, uri, form.get("code_verifier"))
        if kind == "refresh_token":
            return self._grants.refresh(client, form.get("refresh_token", ""))
        if kind == "client_credentials":
            return self._grants.grant(client.id, form.get("scope", ""))
        raise OAuthRefused("unsupported_grant_type", "missing or unknown grant type")

    def _living(self, access_token: str) -> Grant | None:
        try:
            return self._grants.bearer(access_token)
        except TokenExpired:
            return None

    def _about(self, grant: Grant) -> dict[str, Any]:
        return {"user": USER, "hub_domain": self._domain, "scopes": grant.scope.split(), "hub_id": self._portal_id,
                "user_id": USER_ID}  # fmt: skip


def make_token(kind: str) -> str:
    """Tokens that look like HubSpot's; access tokens are long."""
    if kind == "access":
        return "C" + base64.urlsafe_b64encode(secrets.token_bytes(180)).decode()
    return f"na1-{uuid.uuid4()}" if kind == "code" else f"na1-{secrets.token_hex(2)}-{uuid.uuid4()}"


def _asked_scopes(asked: Mapping[str, str]) -> list[str]:
    both = f"{asked.get('scope', '')} {asked.get('optional_scope', '')}".split()
    return list(dict.fromkeys(both))


async def _form(request: web.Request) -> dict[str, str]:
    return {name: value for name, value in (await request.post()).items() if isinstance(value, str)}


def _refusal(refused: OAuthRefused, newer: bool) -> web.Response:
    status, message, description = _WORDS.get(
        refused.description, ("BAD_GRANT_TYPE", refused.description, refused.description)
    )
    body = {"status": status, "message": message, "correlationId": str(uuid.uuid4())}
    if newer:
        error = "invalid_grant" if refused.error == "redirect_uri_mismatch" else refused.error
        body |= {"error": error, "error_description": description}
    return answer(body, 400)


def _not_found(what: str) -> web.Response:
    body = {"status": "error", "message": f"{what} not found", "category": "OBJECT_NOT_FOUND",
            "correlationId": str(uuid.uuid4())}  # fmt: skip
    return answer(body, 404)
