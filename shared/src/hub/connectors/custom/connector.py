"""The custom REST CRM, assembled."""

from hub.connectors.custom.client import CustomClient
from hub.connectors.custom.manifest import MANIFEST
from hub.connectors.custom.mapping import compile_mapping
from hub.connectors.custom.webhook import CustomWebhook
from hub.connectors.custom.wire import check_config
from hub.contracts.connector import Connector

CONNECTOR = Connector(
    manifest=MANIFEST,
    webhook=CustomWebhook(),
    check_config=check_config,
    mapping=compile_mapping,
    client=CustomClient,
    limits=lambda config: (),
)
