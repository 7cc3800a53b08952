"""The account as an HTTP server; also what tests start inside their own process."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path

from simulators.hubspot.account_api import AccountApi
from simulators.hubspot.associations_api import AssociationsApi
from simulators.hubspot.batch_api import BatchApi
from simulators.hubspot.control import hubspot_control_routes
from simulators.hubspot.oauth import OAuthApi
from simulators.hubspot.objects_api import ObjectsApi
from simulators.hubspot.properties_api import PropertiesApi
from simulators.hubspot.settings import Settings
from simulators.hubspot.webhooks_api import WebhooksApi
from simulators.hubspot.world import World
from simulators.kit import serving
from simulators.kit.keeping import remembered


def running(
    settings: Settings | None = None, *, host: str = "127.0.0.1", port: int = 0, contacts: int = 0,
    memory: Path | None = None,
) -> AbstractAsyncContextManager[serving.Running]:  # fmt: skip
    """Serve until the block ends. Port 0 takes a free one.

    ``contacts``: made-up ones at the start; ``memory``: the file that keeps the account.
    """
    settings = settings or Settings()

    def opened() -> World:
        new = World(settings)
        new.seed("contacts", contacts, None, 1)
        return new

    world = remembered(memory, opened)
    portal, access, gate = world.portal, world.access, world.gate
    objects = ObjectsApi(portal, access, gate, settings.public_url)
    apis = (
        BatchApi(portal, objects, gate, world.faults), objects, PropertiesApi(portal, access),
        AccountApi(portal, access, world.limit, settings.public_url), AssociationsApi(portal, access, gate),
        WebhooksApi(world.webhooks, world.clock), OAuthApi(world.grants, settings.portal_id),
    )  # fmt: skip
    routes = [each for api in apis for each in api.routes()]
    routes += hubspot_control_routes(world)
    return serving.running(world, routes, [gate.middleware()], host=host, port=port, memory=memory)
