"""What the handlers work with: the composition root fills it in once."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import web

from gateway.adapters.attempts import Attempts
from gateway.adapters.connections import ConnectionCache
from gateway.adapters.crm_views import CrmViews
from gateway.adapters.crms import Crms
from gateway.adapters.failures import Failures
from gateway.adapters.imports import Imports
from gateway.adapters.keys import KeyCache
from gateway.adapters.leads import Leads
from gateway.adapters.live import LiveFeeds
from gateway.adapters.runs import Runs
from gateway.adapters.status import Status
from gateway.adapters.subscriptions import Subscriptions
from gateway.adapters.trials import Trials
from gateway.domain.access import Network, client_ip
from gateway.domain.rate import RateLimiter
from gateway.domain.session import Sessions
from gateway.settings import GatewaySettings
from hub.bus.protocol import Publisher
from hub.contracts.connector import Connector
from hub.contracts.webhooks import WebhookParser
from hub.egress import EgressPolicy
from hub.grants import OAuthParts, OAuthServers


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
    crms: Crms
    crm_views: CrmViews
    attempts: Attempts
    trials: Trials
    oauth_servers: OAuthServers
    oauth_parts: OAuthParts
    runs: Runs
    failures: Failures
    connectors: Mapping[str, Connector]
    webhook_parsers: Mapping[str, WebhookParser]
    webhook_types: Mapping[str, frozenset[str]]  # content types as they are usually written
    trusted_proxies: tuple[Network, ...]
    egress: EgressPolicy
    public_url: str  # without a slash at its end; empty: whatever address requests are sent to
    heard: dict[int, float] = field(default_factory=dict)  # connection → Unix seconds of its newest webhook

    def client_ip(self, request: web.Request) -> str | None:
        """The client's address, seen through proxies of ours."""
        peer = request.remote
        if not self.trusted_proxies:
            return peer
        return client_ip(peer, request.headers.getall("X-Forwarded-For", []), self.trusted_proxies)
