"""HubSpot's OAuth 2.0: https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/oauth.

Credentials go in the body. Access tokens live as long as ``expires_in`` says (30 minutes); the refresh token stays the
same until the app is uninstalled. ``hub_id`` (the portal) is the tenant. PKCE is not documented for apps of this kind.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from hub.connectors.hubspot import wire
from hub.contracts.failures import CrmFailure, FailureKind, RecordError
from hub.contracts.grants import Grant, GrantDead, OAuthApp, TokenCall

_DEAD = frozenset({"BAD_REFRESH_TOKEN", "BAD_AUTH_CODE", "invalid_grant"})
_MAX_TOKEN = 4096


class HubSpotOAuth:
    """See ``OAuthFlow``."""

    pkce = False

    def authorize_url(
        self, app: OAuthApp, config: Mapping[str, Any], redirect_uri: str, state: str, challenge: str | None
    ) -> str:
        """The consent page, of the configured portal if there is one."""
        settings = wire.read_config(config)
        query = {
            "client_id": app.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(settings.scopes),
            "state": state,
        }
        if settings.optional_scopes:
            query["optional_scope"] = " ".join(settings.optional_scopes)
        portal = f"/{settings.portal_id}" if settings.portal_id else ""
        return f"{app.hosts.get('app', wire.APP_URL)}/oauth{portal}/authorize?{urlencode(query, quote_via=quote)}"

    def exchange(
        self, app: OAuthApp, config: Mapping[str, Any], code: str, redirect_uri: str, verifier: str | None
    ) -> TokenCall:
        """Code for tokens."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        return _call(app, config, form | ({"code_verifier": verifier} if verifier else {}))

    def refresh(self, app: OAuthApp, config: Mapping[str, Any], grant: Grant) -> TokenCall:
        """A new access token."""
        return _call(app, config, {"grant_type": "refresh_token", "refresh_token": grant.refresh_token or ""})

    def revoke(self, app: OAuthApp, config: Mapping[str, Any], grant: Grant) -> Sequence[TokenCall]:
        """The refresh token's end. HubSpot lets access tokens live out their half hour."""
        if not grant.refresh_token:
            return ()
        if wire.read_config(config).oauth_version == "v1":
            token = quote(grant.refresh_token, safe="")
            return (TokenCall(f"{_api(app)}/oauth/v1/refresh-tokens/{token}", {}, method="DELETE"),)
        form = {"token": grant.refresh_token, "token_type_hint": "refresh_token"}
        return (_call(app, config, form, "/revoke"),)

    def read(
        self, app: OAuthApp, config: Mapping[str, Any], status: int, body: bytes, before: Grant | None, now: float
    ) -> Grant:
        """Tokens from the answer. Raises GrantDead, or CrmFailure."""
        document = _document(status, body)
        if status != 200:
            raise _refusal(status, document)
        access, refresh = document.get("access_token"), document.get("refresh_token")
        if not isinstance(access, str) or not 0 < len(access) <= _MAX_TOKEN:
            raise CrmFailure(FailureKind.SERVER, RecordError("NO_TOKEN", "the answer holds no access token"))
        lifetime = document.get("expires_in")
        portal = _portal(document)
        tenant = portal or (before.tenant if before else None)
        _check_portal(tenant, wire.read_config(config).portal_id or (before.tenant if before else None))
        return Grant(
            access_token=access,
            refresh_token=refresh if isinstance(refresh, str) and refresh else before.refresh_token if before else None,
            expires_at=now + lifetime if isinstance(lifetime, int | float) else None,
            tenant=tenant,
            scopes=_scopes(document) or (before.scopes if before else ()),
        )


def _api(app: OAuthApp) -> str:
    return app.hosts.get("api", wire.API_URL).rstrip("/")


def _call(app: OAuthApp, config: Mapping[str, Any], form: dict[str, str], rest: str = "") -> TokenCall:
    secrets = {"client_id": app.client_id, "client_secret": app.client_secret}
    return TokenCall(_api(app) + wire.read_config(config).oauth(rest), form | secrets)


def _document(status: int, body: bytes) -> Mapping[str, Any]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        code = "HTML_ANSWER" if body.lstrip()[:1] == b"<" else "NOT_JSON"
        error = RecordError(code, "HubSpot's token endpoint does not answer in JSON", status=status)
        raise CrmFailure(FailureKind.SERVER, error) from None
    return document if isinstance(document, dict) else {}


def _refusal(status: int, document: Mapping[str, Any]) -> GrantDead | CrmFailure:
    """The deprecated endpoints say ``status``, the newer ones ``error`` as well."""
    names = [str(document[name])[:100] for name in ("status", "error") if document.get(name)]
    code = names[0] if names else f"HTTP_{status}"
    message = str(document.get("error_description") or document.get("message") or f"HubSpot answered {status}")[:500]
    if status in (400, 401, 404) and _DEAD & set(names):
        return GrantDead(code, message)
    kind = FailureKind.AUTH
    if status == 429:
        kind = FailureKind.RATE_LIMIT
    elif status >= 500 or status in (408, 477):
        kind = FailureKind.SERVER
    return CrmFailure(kind, RecordError(code, message, status=status))


def _portal(document: Mapping[str, Any]) -> str | None:
    found = document.get("hub_id")
    return str(found) if isinstance(found, int | str) and not isinstance(found, bool) and found else None


def _check_portal(granted: str | None, wanted: str | None) -> None:
    if granted and wanted and granted != wanted:
        message = f"access was granted to portal {granted}, and this connection is to portal {wanted}"
        raise CrmFailure(FailureKind.AUTH, RecordError("WRONG_PORTAL", message))


def _scopes(document: Mapping[str, Any]) -> tuple[str, ...]:
    found = document.get("scopes")
    if isinstance(found, list):
        return tuple(str(each) for each in found)
    text = document.get("scope")
    return tuple(text.split()) if isinstance(text, str) else ()
