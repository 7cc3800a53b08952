"""The custom REST CRM, assembled."""

from collections.abc import Mapping
from typing import Any

from hub.connectors.custom.client import CustomClient
from hub.connectors.custom.manifest import MANIFEST
from hub.connectors.custom.mapping import compile_mapping
from hub.connectors.custom.webhook import CustomWebhook
from hub.connectors.custom.wire import check_config, read_config
from hub.contracts.connector import Connector
from hub.contracts.metering import Window


def limits(config: Mapping[str, Any]) -> tuple[Window, ...]:
    """What the configuration's ``rate_limit`` says; none by default."""
    told = read_config(config).rate_limit
    if told is None:
        return ()
    burst = Window("burst", told.requests, told.seconds)
    return (burst, Window("daily", told.daily, 86_400.0, "fixed", reserved=True)) if told.daily else (burst,)


CONNECTOR = Connector(
    manifest=MANIFEST,
    webhook=CustomWebhook(),
    check_config=check_config,
    mapping=compile_mapping,
    client=CustomClient,
    limits=limits,
)
