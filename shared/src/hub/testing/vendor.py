"""A small vendor with OAuth, over HTTP, and a connector for it: for what no real CRM does on demand."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import orjson
from aiohttp import web

from hub.connectors.calls import Answer, Calls
from hub.connectors.custom.connector import CONNECTOR as CUSTOM
from hub.connectors.hosts import trusted_origin
from hub.contracts.connector import ClientSettings, Connector
from hub.contracts.errors import Invalid
from hub.contracts.failures import CrmFailure, FailureKind, RecordError
from hub.contracts.grants import Grant, GrantDead, OAuthApp, TokenCall
from hub.contracts.metering import Window
from hub.contracts.pulling import Identity
from hub.grants import challenge_of
from hub.runtime import serving

CLIENT_ID, CLIENT_SECRET = "vendor-client", "canary-client-secret"


@dataclass
class Vendor:
    """What the vendor knows, and how it misbehaves.

    ``oauth_mode`` and ``me_mode``: good, html, truncated, redirect, huge, error, list, hang, status (503).
    """

    url: str = ""
    oauth_mode: str = "good"
    me_mode: str = "good"
    revoke_status: int = 200
    tenant: str = "org-1"
    expires_in: float | None = 3600.0
    base_url: str | None = None
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    access: dict[str, str] = field(default_factory=dict)  # living access token → tenant
    refresh: dict[str, str] = field(default_factory=dict)
    calls: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    issued: list[str] = field(default_factory=list)  # every secret that it ever gave

    def consent(self, authorization_url: str) -> dict[str, str]:
        """The customer says yes: what is added to the redirect URI."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(authorization_url).query).items()}
        code = self._new("code")
        self.codes[code] = {**asked, "tenant": self.tenant}
        return {"code": code, "state": asked["state"]}

    def _new(self, kind: str) -> str:
        text = f"canary-{kind}-{secrets.token_urlsafe(16)}"
        self.issued.append(text)
        return text

    def grant(self, tenant: str | None = None) -> dict[str, Any]:
        """A token answer."""
        access, refresh = self._new("access"), self._new("refresh")
        self.access[access] = self.refresh[refresh] = tenant or self.tenant
        return {
            "access_token": access,
            "refresh_token": refresh,
            "expires_in": self.expires_in,
            "base_url": self.base_url or self.url,
            "tenant": tenant or self.tenant,
        }


async def _token(vendor: Vendor, request: web.Request) -> web.StreamResponse:
    form = {name: str(value) for name, value in (await request.post()).items()}
    vendor.calls.append(("token", form))
    if vendor.oauth_mode != "good":
        return await _misbehave(vendor.oauth_mode, request, form)
    if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
        return web.json_response({"error": "invalid_client"}, status=401)
    if form["grant_type"] == "refresh_token":
        tenant = vendor.refresh.pop(form["refresh_token"], None)
        return web.json_response(
            vendor.grant(tenant) if tenant else {"error": "invalid_grant"}, status=200 if tenant else 400
        )
    asked = vendor.codes.pop(form.get("code", ""), None)
    good = (
        asked is not None
        and asked["redirect_uri"] == form.get("redirect_uri")
        and asked["code_challenge"] == challenge_of(form.get("code_verifier", ""))
    )
    if asked is None or not good:
        return web.json_response({"error": "invalid_grant", "hint": form.get("code")}, status=400)
    return web.json_response(vendor.grant(asked["tenant"]))


async def _me(vendor: Vendor, request: web.Request) -> web.StreamResponse:
    vendor.calls.append(("me", {}))
    if vendor.me_mode != "good":
        return await _misbehave(vendor.me_mode, request, {"authorization": request.headers["Authorization"]})
    tenant = vendor.access.get(request.headers.get("Authorization", "").removeprefix("Bearer "))
    return web.json_response({"tenant": tenant, "name": "Acme"} if tenant else {}, status=200 if tenant else 401)


async def _revoke(vendor: Vendor, request: web.Request) -> web.StreamResponse:
    form = {name: str(value) for name, value in (await request.post()).items()}
    vendor.calls.append(("revoke", form))
    tenant = vendor.refresh.pop(form["token"], None)
    vendor.access = {token: whose for token, whose in vendor.access.items() if whose != tenant}
    return web.Response(status=vendor.revoke_status)


async def _misbehave(mode: str, request: web.Request, sent: Mapping[str, str]) -> web.StreamResponse:
    echo = orjson.dumps(dict(sent)).decode()
    if mode == "html":
        return web.Response(text=f"<html>Sorry {echo}</html>", content_type="text/html")
    if mode == "redirect":
        return web.Response(status=302, headers={"Location": "https://elsewhere.example.com/"})
    if mode == "huge":
        return web.Response(body=b'{"x":"' + b"y" * 40_000_000 + b'"}', content_type="application/json")
    if mode == "list":
        return web.json_response([1, 2])
    if mode == "status":
        return web.Response(status=503, text=echo)
    if mode == "error":
        return web.json_response({"error": "weird", "error_description": echo}, status=400)
    if mode == "hang":
        await asyncio.sleep(60)
    response = web.StreamResponse(headers={"Content-Length": "1000", "Content-Type": "application/json"})
    await response.prepare(request)
    await response.write(b'{"access_token": "half')
    assert request.transport is not None
    request.transport.abort()
    return response


@asynccontextmanager
async def running_vendor() -> AsyncIterator[Vendor]:
    """The vendor on a free port."""
    vendor = Vendor()
    app = web.Application()
    for method, path, handler in (("POST", "/token", _token), ("POST", "/revoke", _revoke), ("GET", "/me", _me)):

        async def serve(request: web.Request, handler: Any = handler) -> web.StreamResponse:
            answer: web.StreamResponse = await handler(vendor, request)
            return answer

        app.router.add_route(method, path, serve)
    async with serving(app, "127.0.0.1", 0, stop_seconds=0.1) as port:
        vendor.url = f"http://127.0.0.1:{port}"
        yield vendor


class VendorFlow:
    """Its OAuth: everything at ``app.hosts["login"]``."""

    pkce = True

    def authorize_url(
        self, app: OAuthApp, config: Mapping[str, Any], redirect_uri: str, state: str, challenge: str | None
    ) -> str:
        """See ``OAuthFlow``."""
        query = {"client_id": app.client_id, "redirect_uri": redirect_uri, "state": state, "code_challenge": challenge}
        return f"{app.hosts['login']}/authorize?{urlencode(query)}"

    def exchange(
        self, app: OAuthApp, config: Mapping[str, Any], code: str, redirect_uri: str, verifier: str | None
    ) -> TokenCall:
        """See ``OAuthFlow``."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        return self._call(app, {**form, "code_verifier": verifier or ""})

    def refresh(self, app: OAuthApp, config: Mapping[str, Any], grant: Grant) -> TokenCall:
        """See ``OAuthFlow``."""
        return self._call(app, {"grant_type": "refresh_token", "refresh_token": grant.refresh_token or ""})

    def revoke(self, app: OAuthApp, config: Mapping[str, Any], grant: Grant) -> Sequence[TokenCall]:
        """See ``OAuthFlow``."""
        return [TokenCall(f"{app.hosts['login']}/revoke", {"token": grant.refresh_token or ""})]

    def read(
        self, app: OAuthApp, config: Mapping[str, Any], status: int, body: bytes, before: Grant | None, now: float
    ) -> Grant:
        """See ``OAuthFlow``."""
        told = orjson.loads(body)
        if status != 200:
            if told.get("error") == "invalid_grant" and before is not None:
                raise GrantDead("invalid_grant", str(told))
            raise CrmFailure(FailureKind.AUTH, RecordError(str(told.get("error")), str(told), status=status))
        base_url = trusted_origin(told["base_url"], app.domains, "base_url")
        expires = now + told["expires_in"] if told["expires_in"] is not None else None
        return Grant(told["access_token"], told["refresh_token"], expires, base_url, told["tenant"])

    def _call(self, app: OAuthApp, form: dict[str, str]) -> TokenCall:
        secret = {"client_id": app.client_id, "client_secret": app.client_secret}
        return TokenCall(f"{app.hosts['login']}/token", {**form, **secret})


class VendorClient:
    """Only ``test``."""

    def __init__(self, settings: ClientSettings) -> None:
        self._calls = Calls(settings, _judge, base_url=settings.config.get("base_url"))

    async def test(self) -> Identity:
        """Who am I?"""
        told = await self._calls.json("GET", "/me")
        return Identity(told["tenant"], told["name"], "ann@example.com")

    async def close(self) -> None:
        """Close all connections."""
        await self._calls.close()


def _judge(answer: Answer) -> CrmFailure | None:
    if answer.status < 300:
        return None
    kind = FailureKind.AUTH if answer.status == 401 else FailureKind.SERVER
    text = answer.content.decode("utf-8", "replace")[:200]
    return CrmFailure(kind, RecordError(f"HTTP_{answer.status}", f"refused {text}", status=answer.status))


def _check_config(config: Mapping[str, Any]) -> None:
    if "wrong" in config:
        raise Invalid("must not be there", field="wrong")


def vendor_connector(crm_type: str = "salesforce") -> Connector:
    """The connector; ``crm_type`` decides whose settings name its app and hosts."""
    manifest = replace(CUSTOM.manifest, crm_type=crm_type, title="Vendor", auth_types=("oauth2", "api_key"))
    made: Any = VendorClient
    return replace(
        CUSTOM, manifest=manifest, check_config=_check_config, client=made, limits=_no_limits, oauth=VendorFlow()
    )


def _no_limits(_config: Mapping[str, Any]) -> tuple[Window, ...]:
    return ()
