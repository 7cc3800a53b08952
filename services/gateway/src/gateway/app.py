"""The composition root: real dependencies, wired by hand."""

import asyncio
import time
from collections.abc import Mapping
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import asyncpg
import orjson
import structlog
from aiohttp import web

from gateway.adapters.attempts import Attempts
from gateway.adapters.connections import ConnectionCache
from gateway.adapters.crm_views import CrmViews
from gateway.adapters.crms import LIVING, Crms
from gateway.adapters.database import Database
from gateway.adapters.failures import Failures
from gateway.adapters.imports import Imports
from gateway.adapters.keys import KeyCache
from gateway.adapters.late_bus import LateBus
from gateway.adapters.leads import Leads
from gateway.adapters.live import LiveFeeds
from gateway.adapters.runs import Runs
from gateway.adapters.status import Status
from gateway.adapters.subscriptions import Subscriptions
from gateway.adapters.trials import Trials
from gateway.domain.networks import parse_networks
from gateway.domain.rate import RateLimiter
from gateway.domain.session import Sessions
from gateway.domain.uuid7 import first_id_of
from gateway.gateway import Gateway
from gateway.handlers.connecting import announce_left_behind, note_heard
from gateway.handlers.pages import CSP_DOCS, CSP_STRICT, files, serve_file
from gateway.routes import ROUTES
from gateway.settings import GatewaySettings
from gateway.web.bodies import UPLOADS, Uploads
from gateway.web.express import Address, express
from gateway.web.guard import Endpoint, guarded, nowhere
from gateway.web.openapi import build_openapi
from gateway.web.routing import endpoints
from hub.bus import open_bus
from hub.bus.protocol import Publisher
from hub.bus.publisher import PublishLimits
from hub.contracts.connector import Connector
from hub.contracts.errors import Unavailable
from hub.egress import EgressPolicy
from hub.grants import OAuthParts, OAuthServers
from hub.registry import CONNECTORS
from hub.runtime import FRONT, Service
from hub.store.pool import open_pool
from hub.telemetry.metrics import HTTP
from hub.vault import Keyring, Vault

_HERE = Path(__file__).parent
_SWAGGER_FILES = frozenset({"swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"})
_PURGE_SECONDS = 3600.0
_log = structlog.get_logger()
_CLOSE_SECONDS = 5.0
_HEARD_SECONDS = 3.0  # how often it is written down when connections' webhooks came
_ASK_SPACING = 0.5  # seconds between looks for a connection that a webhook wants and nobody knows
_CONFIRM_SECONDS = 5.0  # then the caller is answered with 503
_LARGEST_BODY = 16 * 1024 * 1024


async def build(service: Service, connectors: Mapping[str, Connector] = CONNECTORS) -> web.Application:
    """Connect everything and return the application."""
    settings = service.settings
    assert isinstance(settings, GatewaySettings)
    keyring = Keyring.load(settings.keyring_file, settings.keyring)
    pool = await open_pool(
        settings.database_url,
        "hub_gateway",
        min_size=0,  # a database that is away is no reason not to start: requests are answered with 503 meanwhile
        max_size=settings.db_pool_size,
        application_name="hub-gateway",
    )
    service.resources.push_async_callback(_close, pool)
    database = Database(pool, statement_seconds=settings.read_seconds)
    bus = open_bus(settings.effective_bus_url, name="gateway", limits=PublishLimits(confirm_seconds=_CONFIRM_SECONDS))
    service.resources.push_async_callback(bus.close)
    late_bus = LateBus(bus)
    service.background(late_bus.connect(), "bus")
    vault = Vault(pool, keyring)
    connections = ConnectionCache(
        database,
        vault,
        stale_seconds=settings.connection_stale_seconds,
        clock=time.monotonic,
        app_secrets=_app_secrets(settings, connectors),
        spacing_seconds=min(_ASK_SPACING, settings.connection_cache_seconds),
    )
    service.background(connections.keep_fresh(settings.connection_cache_seconds), "connections")
    service.background(_forget_imports(Imports(database), settings.import_keep_days), "import purge")
    service.checks["database"] = database.healthy
    service.checks["bus"] = late_bus.healthy
    gateway = _assemble(settings, keyring, database, vault, late_bus, connections, connectors)
    service.resources.push_async_callback(gateway.oauth_servers.close)
    service.background(announce_left_behind(late_bus, gateway.crms), "announcing")
    service.background(note_heard(gateway.crms, gateway.heard, _HEARD_SECONDS), "webhook times")
    return make_app(gateway)


def _app_secrets(settings: GatewaySettings, connectors: Mapping[str, Connector]) -> dict[str, bytes]:
    """Client secrets by CRM: webhooks that go to an app, and not to a connection, are signed with them."""
    per_app = (crm_type for crm_type, connector in connectors.items() if connector.webhook.per_app)
    apps = ((crm_type, settings.oauth_apps.of(crm_type)) for crm_type in per_app)
    return {crm_type: app.client_secret.encode() for crm_type, app in apps if app is not None and app.client_secret}


async def _forget_imports(imports: Imports, days: float) -> None:
    while True:
        try:
            await imports.forget(first_id_of(int((time.time() - days * 86_400) * 1000)))
        except Unavailable as error:
            _log.warning("imports.purge_waits", error=error.message)
        await asyncio.sleep(_PURGE_SECONDS)


async def _close(pool: asyncpg.Pool) -> None:
    try:
        async with asyncio.timeout(_CLOSE_SECONDS):
            await pool.close()
    except TimeoutError:  # a server that does not answer must not hold up the end
        pool.terminate()


def _assemble(
    settings: GatewaySettings,
    keyring: Keyring,
    database: Database,
    vault: Vault,
    bus: Publisher,
    connections: ConnectionCache,
    connectors: Mapping[str, Connector],
) -> Gateway:
    status = Status(database, HTTP.availability)
    egress = EgressPolicy.read(settings.egress_allow)
    oauth_servers = OAuthServers(egress, timeout=settings.crm_test_seconds)
    return Gateway(
        settings=settings,
        bus=bus,
        keys=KeyCache(database, settings.key_cache_seconds, time.monotonic),
        connections=connections,
        imports=Imports(database),
        leads=Leads(database),
        status=status,
        subscriptions=Subscriptions(database, vault),
        live=_feeds(status, settings),
        rates=RateLimiter(time.monotonic),
        sessions=Sessions([keyring.keys[keyring.current], *keyring.keys.values()]),
        crms=Crms(database, vault),
        crm_views=CrmViews(database),
        attempts=Attempts(database, vault),
        trials=Trials(settings.egress_allow, settings.crm_test_seconds),
        oauth_servers=oauth_servers,
        oauth_parts=OAuthParts(database.pool, vault, oauth_servers, statuses=frozenset(LIVING)),
        runs=Runs(database),
        failures=Failures(database),
        connectors=connectors,
        webhook_parsers={crm_type: connector.webhook for crm_type, connector in connectors.items()},
        webhook_types={crm_type: _usual_types(connector) for crm_type, connector in connectors.items()},
        trusted_proxies=parse_networks(settings.trusted_proxies),
        egress=egress,
        public_url=settings.public_url.rstrip("/"),
    )


def _feeds(status: Status, settings: GatewaySettings) -> LiveFeeds:
    return LiveFeeds(
        status,
        feed_seconds=settings.feed_seconds,
        panel_seconds=settings.panel_seconds,
        most=settings.feed_listeners,
    )


def _usual_types(connector: Connector) -> frozenset[str]:
    medias = connector.webhook.content_types
    return frozenset(text for media in medias for text in (media, f"{media}; charset=utf-8"))


def _swagger_folder() -> Path:
    # The package is a carrier of Swagger UI's files; importing it would load its web framework adapters.
    found = find_spec("swagger_ui")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "static"


def make_app(gateway: Gateway) -> web.Application:
    """The application over its parts."""
    app = web.Application(client_max_size=_LARGEST_BODY)

    direct: dict[Address, Endpoint] = {}

    def add(method: str, path: str, name: str, handler: Endpoint, *, express_too: bool = False) -> None:
        endpoint = guarded(name, handler, log_requests=gateway.settings.log_level == "debug")
        app.router.add_route(method, path, endpoint)
        if express_too:
            direct[method, path] = endpoint

    for route in ROUTES:
        for path, handler in endpoints(route, gateway):
            add(route.method, path, route.name, handler, express_too=bool(route.per_crm) and "{" not in path)
    document = orjson.dumps(build_openapi(ROUTES, version("crmhub-gateway")))
    add("GET", "/openapi.json", "page", serve_file(document, ".json", CSP_STRICT))
    add("GET", "/", "page", serve_file((_HERE / "pages/index.html").read_bytes(), ".html", CSP_STRICT))
    add("GET", "/docs", "page", serve_file((_HERE / "pages/docs.html").read_bytes(), ".html", CSP_DOCS))
    for path, handler in files("/static", _HERE / "static", CSP_STRICT):
        add("GET", path, "page", handler)
    for path, handler in files("/docs", _swagger_folder(), CSP_DOCS, _SWAGGER_FILES):
        add("GET", path, "page", handler)
    add("*", "/{nowhere:.*}", "unmatched", nowhere)  # matches last, whatever is added later: it is the least explicit

    async def end_streams(app: web.Application) -> None:
        gateway.live.close()
        app[UPLOADS].end()

    app[UPLOADS] = Uploads()
    app[FRONT] = lambda usual: express(direct, usual)
    app.on_shutdown.append(end_streams)
    return app
