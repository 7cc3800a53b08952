"""Tokens as Salesforce makes them, and the answer that carries them."""

import base64
import hashlib
import hmac
import secrets
from functools import partial
from typing import TYPE_CHECKING, Any

from simulators.kit.clock import Clock
from simulators.kit.oauth import Client, Grants, Issued

if TYPE_CHECKING:
    from simulators.salesforce.org import Org

SESSION_SECONDS = 7200.0
CODE_SECONDS = 900.0
OFFLINE = {"refresh_token", "offline_access", "full"}
_STRANGER = "https://login.salesforce.example.net"


def made_grants(clock: Clock, org_id: str) -> Grants:
    """Sessions live for two hours after their last use; refresh tokens live on and stay the same."""
    maker = partial(_token, org_id)
    return Grants(clock, code_seconds=CODE_SECONDS, access_seconds=SESSION_SECONDS, sliding=True, maker=maker)


def session_of(org: "Org", client: Client, issued: Issued) -> dict[str, Any]:
    """The token endpoint's answer: no ``expires_in``; a refresh token only when it is new and was allowed."""
    identity = f"{org.public_url}/id/{org.org_id}/{org.user}"
    moment = str(int(org.clock.time() * 1000))
    scopes = issued.grant.scope.split()
    answer = {
        "access_token": issued.access_token, "signature": _signature(client.secret, identity + moment),
        "scope": issued.grant.scope, "instance_url": org.public_url, "id": identity, "token_type": "Bearer",
        "issued_at": moment,
    }  # fmt: skip
    if org.faults.draw("wrong_instance_url", "POST", "/services/oauth2/token") is not None:
        answer["instance_url"] = _STRANGER
    if (not issued.refreshed or issued.rotated) and OFFLINE & set(scopes):
        answer["refresh_token"] = issued.grant.refresh_token
    return answer


def _token(org_id: str, kind: str) -> str:
    if kind == "access":
        return f"{org_id[:15]}!AQ{secrets.token_urlsafe(60).replace('-', '.')}"
    return ("5Aep861" if kind == "refresh" else "aPrx") + secrets.token_urlsafe(48).replace("-", ".")


def _signature(secret: str, text: str) -> str:
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()).decode()
