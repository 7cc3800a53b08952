"""Salesforce's OAuth 2.0 web server flow, with PKCE.

https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_web_server_flow.htm
"""

import base64
import hmac
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode, urlsplit

from hub.connectors.answers import token_document
from hub.connectors.hosts import origin_within, trusted_origin
from hub.connectors.salesforce.wire import SalesforceConfig, is_record_id, read_config
from hub.contracts.failures import CrmFailure, FailureKind, RecordError
from hub.contracts.grants import Grant, GrantDead, OAuthApp, TokenCall

_TOKEN, _REVOKE = "/services/oauth2/token", "/services/oauth2/revoke"
_MY_DOMAIN = ".my.salesforce.com"
_DEAD = frozenset({"invalid_grant", "inactive_user", "inactive_org"})
_BUSY = "already being processed"  # two refreshes at a time: the grant lives
_MAX_MESSAGE = 300


class SalesforceOAuth:
    """See the module."""

    pkce = True

    def authorize_url(
        self, app: OAuthApp, config: Mapping[str, Any], redirect_uri: str, state: str, challenge: str | None
    ) -> str:
        """Where the customer logs in and approves."""
        settings = read_config(config)
        query = {
            "response_type": "code",
            "client_id": app.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(settings.scopes),
            "state": state,
        }
        if challenge:
            query |= {"code_challenge": challenge, "code_challenge_method": "S256"}
        return f"{_login_host(app, settings)}/services/oauth2/authorize?{urlencode(query)}"

    def exchange(
        self, app: OAuthApp, config: Mapping[str, Any], code: str, redirect_uri: str, verifier: str | None
    ) -> TokenCall:
        """Code for tokens."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri, **_client(app)}
        if verifier:
            form["code_verifier"] = verifier
        return TokenCall(_login_host(app, read_config(config)) + _TOKEN, form)

    def refresh(self, app: OAuthApp, config: Mapping[str, Any], grant: Grant) -> TokenCall:
        """New access token. Raises GrantDead when nothing was granted that could be renewed."""
        if not grant.refresh_token:
            raise GrantDead("NO_REFRESH_TOKEN", "the grant has no refresh token; allow the scope refresh_token")
        form = {"grant_type": "refresh_token", "refresh_token": grant.refresh_token, **_client(app)}
        return TokenCall(_login_host(app, read_config(config)) + _TOKEN, form)

    def revoke(self, app: OAuthApp, config: Mapping[str, Any], grant: Grant) -> Sequence[TokenCall]:
        """Revoking the refresh token ends its access tokens too."""
        token = grant.refresh_token or grant.access_token
        return [TokenCall(_login_host(app, read_config(config)) + _REVOKE, {"token": token})]

    def read(
        self, app: OAuthApp, config: Mapping[str, Any], status: int, body: bytes, before: Grant | None, now: float
    ) -> Grant:
        """The grant; there is no expiry in it, for the session lasts as long as the org's policy and its use say."""
        document = token_document(status, body, "Salesforce")
        if status != 200:
            raise _refusal(status, document, before)
        access, identity = document.get("access_token"), document.get("id")
        if not isinstance(access, str) or not access:
            raise CrmFailure(FailureKind.SERVER, RecordError("UNEXPECTED_ANSWER", "there is no access token in it"))
        _check_signature(app, document)
        earlier = before or Grant("")
        refresh, scope = document.get("refresh_token"), document.get("scope")
        return Grant(
            access,
            refresh if isinstance(refresh, str) and refresh else earlier.refresh_token,
            None,
            trusted_origin(document.get("instance_url") or earlier.base_url, app.domains, "instance_url"),
            _org_id(identity) or earlier.tenant,
            tuple(scope.split()) if isinstance(scope, str) else earlier.scopes,
        )


def _client(app: OAuthApp) -> dict[str, str]:
    return {"client_id": app.client_id, "client_secret": app.client_secret}


def _login_host(app: OAuthApp, config: SalesforceConfig) -> str:
    """The configured ``login_url``; else the org's My Domain, if that is what ``instance_url`` is; else the usual.

    An org may forbid logins anywhere but at its My Domain. The client secret only goes to the vendor's own domains.
    """
    if config.login_url:
        return trusted_origin(config.login_url, app.domains, "login_url")
    if config.instance_url and (urlsplit(config.instance_url).hostname or "").endswith(_MY_DOMAIN):
        own = origin_within(config.instance_url, app.domains)
        if own:
            return own
    return app.hosts["login"].rstrip("/")


def _refusal(status: int, document: Mapping[str, Any], before: Grant | None) -> Exception:
    code = str(document.get("error") or f"HTTP_{status}")[:100]
    message = str(document.get("error_description") or "Salesforce gives no reason")[:_MAX_MESSAGE]
    error = RecordError(code, message, status=status)
    if code == "rate_limit_exceeded" or status == 429:
        return CrmFailure(FailureKind.RATE_LIMIT, error, 60.0)
    if status >= 500 or _BUSY in message:
        return CrmFailure(FailureKind.SERVER, error)
    if before is not None and code in _DEAD:
        return GrantDead(code, message)
    return CrmFailure(FailureKind.AUTH, error)


def _check_signature(app: OAuthApp, document: Mapping[str, Any]) -> None:
    """base64(HMAC-SHA256(client secret, id + issued_at)): the identity is Salesforce's word. Some answers have none."""
    signature = document.get("signature")
    if signature is None:
        return
    signed = f"{document.get('id')}{document.get('issued_at')}".encode()
    expected = base64.b64encode(hmac.digest(app.client_secret.encode(), signed, "sha256")).decode()
    if not isinstance(signature, str) or not hmac.compare_digest(expected.encode(), signature.encode()):
        raise CrmFailure(
            FailureKind.AUTH, RecordError("BAD_SIGNATURE", "the signature of Salesforce's answer is wrong")
        )


def _org_id(identity: object) -> str | None:
    """``…/id/{org id}/{user id}``."""
    parts = identity.rstrip("/").split("/") if isinstance(identity, str) else []
    return parts[-2] if len(parts) >= 2 and is_record_id(parts[-2]) else None
