"""What the handlers work with: the composition root fills it in once."""

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from gateway.adapters.connections import ConnectionCache
from gateway.adapters.imports import Imports
from gateway.adapters.keys import KeyCache
from gateway.adapters.leads import Leads
from gateway.adapters.live import LiveFeeds
from gateway.adapters.status import Status
from gateway.adapters.subscriptions import Subscriptions
from gateway.domain.access import Network, client_ip
from gateway.domain.rate import RateLimiter
from gateway.domain.session import Sessions
from gateway.settings import GatewaySettings
from hub.bus.protocol import Publisher
from hub.contracts.webhooks import WebhookParser
from hub.egress import EgressPolicy


@dataclass(frozen=True, slots=True)
class Gateway:
    """The gateway's parts."""

    settings: GatewaySettings
    bus: Publisher
    keys: KeyCache
    connections: ConnectionCache
    imports: Imports
    leads: Leads
    status: Status
    subscriptions: Subscriptions
    live: LiveFeeds
    rates: RateLimiter
    sessions: Sessions
    webhook_parsers: Mapping[str, WebhookParser]
    trusted_proxies: tuple[Network, ...]
    egress: EgressPolicy

    def client_ip(self, request: web.Request) -> str | None:
        """The client's address, seen through proxies of ours."""
        peer = request.remote
        if not self.trusted_proxies:
            return peer
        return client_ip(peer, request.headers.getall("X-Forwarded-For", []), self.trusted_proxies)
