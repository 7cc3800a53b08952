"""Pipedrive's OAuth 2.0: the client proves itself with HTTP Basic; tokens go to the ``api_domain`` it names.

https://pipedrive.readme.io/docs/marketplace-oauth-authorization
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from hub.connectors.answers import token_document
from hub.connectors.hosts import trusted_origin
from hub.contracts.failures import CrmFailure, FailureKind, RecordError
from hub.contracts.grants import Grant, GrantDead, OAuthApp, TokenCall

_TOKEN, _REVOKE = "/oauth/token", "/oauth/revoke"
_DEAD = frozenset({"invalid_grant"})
_MAX_MESSAGE, _MAX_CODE = 300, 100
_WORDS = re.compile(r"[, ]+")


class PipedriveOAuth:
    """See the module."""

    pkce = False  # not documented

    def authorize_url(
        self, app: OAuthApp, config: Mapping[str, Any], redirect_uri: str, state: str, challenge: str | None
    ) -> str:
        """Where the customer allows the app; its scopes are set in Pipedrive's Developer Hub."""
        query = {"client_id": app.client_id, "redirect_uri": redirect_uri, "state": state}
        return f"{_host(app)}/oauth/authorize?{urlencode(query)}"

    def exchange(
        self, app: OAuthApp, config: Mapping[str, Any], code: str, redirect_uri: str, verifier: str | None
    ) -> TokenCall:
        """Code for tokens."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        return TokenCall(_host(app) + _TOKEN, form, _basic(app))

    def refresh(self, app: OAuthApp, config: Mapping[str, Any], grant: Grant) -> TokenCall:
        """New access token. Raises GrantDead when nothing was granted that could be renewed."""
        if not grant.refresh_token:
            raise GrantDead("NO_REFRESH_TOKEN", "the grant has no refresh token")
        form = {"grant_type": "refresh_token", "refresh_token": grant.refresh_token}
        return TokenCall(_host(app) + _TOKEN, form, _basic(app))

    def revoke(self, app: OAuthApp, config: Mapping[str, Any], grant: Grant) -> Sequence[TokenCall]:
        """Revoking the refresh token uninstalls the app, its access tokens and webhooks with it."""
        form = {"token": grant.access_token, "token_type_hint": "access_token"}
        if grant.refresh_token:
            form = {"token": grant.refresh_token, "token_type_hint": "refresh_token"}
        return [TokenCall(_host(app) + _REVOKE, form, _basic(app))]

    def read(
        self, app: OAuthApp, config: Mapping[str, Any], status: int, body: bytes, before: Grant | None, now: float
    ) -> Grant:
        """The grant. Pipedrive names no company in it; ``CrmClient.test`` does."""
        kind = FailureKind.RATE_LIMIT if status in (403, 429) else FailureKind.SERVER
        document = token_document(status, body, "Pipedrive", kind)
        if not 200 <= status < 300 or document.get("success") is False:
            raise _refusal(status, document, before)
        access, lasts = document.get("access_token"), document.get("expires_in")
        if not isinstance(access, str) or not access:
            raise CrmFailure(FailureKind.SERVER, RecordError("UNEXPECTED_ANSWER", "there is no access token in it"))
        address = document.get("api_domain") or (before and before.base_url)
        base_url = trusted_origin(address, app.domains, "api_domain")
        refresh, scope = document.get("refresh_token"), document.get("scope")
        seconds = float(lasts) if isinstance(lasts, int | float) and not isinstance(lasts, bool) else None
        old = before or Grant("")
        return Grant(
            access,
            refresh if isinstance(refresh, str) and refresh else old.refresh_token,
            now + seconds if seconds is not None else None,
            base_url,
            old.tenant,
            tuple(_WORDS.split(scope.strip())) if isinstance(scope, str) and scope else old.scopes,
        )


def _host(app: OAuthApp) -> str:
    return app.hosts["oauth"].rstrip("/")


def _basic(app: OAuthApp) -> tuple[str, str]:
    return app.client_id, app.client_secret


def _refusal(status: int, document: Mapping[str, Any], before: Grant | None) -> Exception:
    """``{"error", "error_description"}``, or Pipedrive's envelope: either may come."""
    code = str(document.get("error") or f"HTTP_{status}")[:_MAX_CODE]
    words = document.get("error_description") or document.get("message") or document.get("error_info")
    message = str(words or "Pipedrive gives no reason")[:_MAX_MESSAGE]
    error = RecordError(code, message, status=status)
    if status == 429:
        return CrmFailure(FailureKind.RATE_LIMIT, error, 60.0)
    if status >= 500:
        return CrmFailure(FailureKind.SERVER, error)
    if before is not None and code in _DEAD:
        return GrantDead(code, message)
    return CrmFailure(FailureKind.AUTH, error)
