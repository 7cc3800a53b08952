"""HubSpot, assembled."""

from collections.abc import Mapping
from typing import Any

from hub.connectors.hubspot import wire
from hub.connectors.hubspot.client import HubSpotClient
from hub.connectors.hubspot.manifest import MANIFEST
from hub.connectors.hubspot.mapping import compile_mapping
from hub.connectors.hubspot.oauth import HubSpotOAuth
from hub.connectors.hubspot.webhook import HubSpotWebhook
from hub.contracts.connector import Connector
from hub.contracts.metering import Window

OAUTH_BURST, PRIVATE_BURST, SEARCHES = 110, 100, 5


def limits(config: Mapping[str, Any]) -> tuple[Window, ...]:
    """https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines.

    The burst is the app's own in each portal; the day and the searches are shared with whatever else calls.
    """
    settings = wire.read_config(config)
    oauth = settings.auth_type == "oauth2"
    windows = [
        Window(wire.BURST, settings.burst_limit or (OAUTH_BURST if oauth else PRIVATE_BURST), 10.0),
        Window(wire.SEARCH, SEARCHES, 1.0, reserved=True, always=False),
    ]
    if not oauth:
        windows.append(Window(wire.DAILY, settings.daily_limit, 86_400.0, "fixed", reserved=True))
    return tuple(windows)


CONNECTOR = Connector(
    manifest=MANIFEST,
    webhook=HubSpotWebhook(),
    check_config=wire.check_config,
    mapping=compile_mapping,
    client=HubSpotClient,
    limits=limits,
    oauth=HubSpotOAuth(),
)
