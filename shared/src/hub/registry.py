"""Every CRM the hub can connect to: one line each."""

from hub.connectors.custom.connector import CONNECTOR as CUSTOM
from hub.connectors.hubspot.connector import CONNECTOR as HUBSPOT
from hub.connectors.pipedrive.connector import CONNECTOR as PIPEDRIVE
from hub.connectors.salesforce.connector import CONNECTOR as SALESFORCE
from hub.contracts.connector import Connector

CONNECTORS: dict[str, Connector] = {
    "custom": CUSTOM,
    "hubspot": HUBSPOT,
    "pipedrive": PIPEDRIVE,
    "salesforce": SALESFORCE,
}
