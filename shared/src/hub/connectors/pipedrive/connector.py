"""Pipedrive, assembled."""

from collections.abc import Mapping
from typing import Any

from hub.connectors.pipedrive.client import PipedriveClient
from hub.connectors.pipedrive.manifest import MANIFEST
from hub.connectors.pipedrive.mapping import compile_mapping
from hub.connectors.pipedrive.oauth import PipedriveOAuth
from hub.connectors.pipedrive.webhook import PipedriveWebhook
from hub.connectors.pipedrive.wire import (
    BURST,
    BURST_SECONDS,
    DAILY,
    OAUTH_FACTOR,
    PLANS,
    SEARCH,
    SEARCHES,
    check_config,
    daily_tokens,
    read_config,
)
from hub.contracts.connector import Connector
from hub.contracts.metering import Window


def limits(config: Mapping[str, Any]) -> tuple[Window, ...]:
    """By plan and seats. None is drawn on unasked: a call is one of the burst, and costs several tokens of the day."""
    settings = read_config(config)
    _, burst = PLANS[settings.plan]
    burst *= OAUTH_FACTOR if settings.auth_type == "oauth2" else 1
    daily = daily_tokens(settings, settings.seats)
    return (
        Window(BURST, burst, BURST_SECONDS, always=False),
        Window(SEARCH, SEARCHES, BURST_SECONDS, always=False),
        Window(DAILY, daily, 86_400.0, "fixed", reserved=True, always=False),
    )


CONNECTOR = Connector(
    manifest=MANIFEST,
    webhook=PipedriveWebhook(),
    check_config=check_config,
    mapping=compile_mapping,
    client=PipedriveClient,
    limits=limits,
    oauth=PipedriveOAuth(),
)
