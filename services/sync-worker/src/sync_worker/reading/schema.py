"""The CRM's fields and owners, looked at now and then: what a mapping relies on may vanish without a word."""

from typing import Any

import structlog

from hub.contracts.connector import DONE, Capability
from hub.contracts.failures import CrmFailure
from hub.contracts.pulling import Owner
from sync_worker import metrics
from sync_worker.adapters.lines import Line
from sync_worker.adapters.schemas import Schemas
from sync_worker.domain.drift import Drift, drifts, shown

_log = structlog.get_logger()
_FRESH_SECONDS = 3000.0  # an hourly reading looks every time


async def look(line: Line, schemas: Schemas) -> None:
    """Describe, compare, keep. A CRM that does not answer is asked again after the next reading."""
    card = line.connector.manifest.scorecard
    if card[Capability.DESCRIBE] != DONE:
        return
    before, fresh = await schemas.before(line.place, _FRESH_SECONDS)
    if fresh:
        return
    try:
        fields = await line.client.describe()
        owners: list[Owner] = await line.client.owners() if card[Capability.OWNERS] == DONE else []
    except CrmFailure as failure:
        _log.warning("schema.waits", connection_id=line.place.connection_id, code=failure.error.code)
        return
    now = shown(fields)
    found: list[Drift] = []
    if line.connector.manifest.exact_fields:
        found = drifts(now, before, line.mapping.remote_fields(), _tables(line))
        vanished = {each.field for each in found if each.kind == "field_vanished"}
        now |= {name: dict(field) for name, field in (before or {}).items() if name in vanished}
    await schemas.keep(line.place, now, owners, found)
    metrics.DRIFT.labels(line.crm_type, str(line.place.connection_id)).set(len(found))
    for each in found:
        _log.warning("schema.drift", connection_id=line.place.connection_id, field=each.field, kind=each.kind)


def _tables(line: Line) -> dict[str, dict[str, Any]]:
    """The value tables of the configuration, wherever they stand in it."""
    told: list[Any] = [line.config.get("custom_transformations")]
    mappings = line.config.get("field_mappings")
    told.append(mappings.get("custom_transformations") if isinstance(mappings, dict) else None)
    return {name: table for tables in told if isinstance(tables, dict) for name, table in tables.items()}
