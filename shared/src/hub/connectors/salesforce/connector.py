"""Salesforce, assembled."""

from collections.abc import Mapping
from typing import Any

from hub.connectors.salesforce.client import SalesforceClient
from hub.connectors.salesforce.manifest import MANIFEST
from hub.connectors.salesforce.mapping import compile_mapping
from hub.connectors.salesforce.oauth import SalesforceOAuth
from hub.connectors.salesforce.webhook import SalesforceWebhook
from hub.connectors.salesforce.wire import DAILY, check_config, read_config
from hub.contracts.connector import Connector
from hub.contracts.metering import Window

_DAY = 86_400.0


def limits(config: Mapping[str, Any]) -> tuple[Window, ...]:
    """The org's calls in 24 hours, which it shares with everybody; each answer tells how many there are."""
    return (Window(DAILY, read_config(config).daily_limit, _DAY, "rolling", reserved=True),)


CONNECTOR = Connector(
    manifest=MANIFEST,
    webhook=SalesforceWebhook(),
    check_config=check_config,
    mapping=compile_mapping,
    client=SalesforceClient,
    limits=limits,
    oauth=SalesforceOAuth(),
)
