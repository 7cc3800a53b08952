"""What the hub does with an invented CRM: it reads whole runs, and pushes leads as the configuration maps them."""

from collections.abc import Mapping
from typing import Any

from hub.contracts.connector import CrmClient, PullRequest
from hub.contracts.pulling import Cursor, PullMode, RemoteRecord
from hub.contracts.pushing import PushItem
from hub.registry import CONNECTORS


async def read(client: CrmClient, mode: PullMode, cursor: Cursor | None = None) -> tuple[list[RemoteRecord], Cursor]:
    """A whole run, its cursor through JSON-like copies as a database would give it back."""
    found: list[RemoteRecord] = []
    while True:
        page = await client.pull(PullRequest(mode, cursor))
        found += page.records
        cursor = dict(page.cursor)
        if page.done:
            return found, cursor


def item(config: Mapping[str, Any], lead_id: int, record_id: str | None = None, **registers: Any) -> PushItem:
    fields = CONNECTORS["custom"].mapping(config).outbound(registers)
    return PushItem(lead_id, record_id, f"MPP-{lead_id}", fields, fields, email=registers.get("email"))
