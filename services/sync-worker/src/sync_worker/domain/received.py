"""A CRM's record as an event. Pure."""

import hashlib
from typing import Any

import orjson

from hub.contracts.cloudevents import Event
from hub.contracts.events import CRM_RECORD_RECEIVED
from hub.contracts.pulling import RemoteRecord

SOURCE = "sync-worker"
LONGEST_VALUE = 8_000  # characters; longer than any field of the hub, so that the transformer names what it refuses
MOST_FIELDS = 500


def received(account_id: int, connection_id: int, crm_type: str, record: RemoteRecord, reading: str) -> Event:
    """``crm.record_received``. The same record read twice has the same event id, so that it is applied once.

    A CRM that keeps no modification times may show the same values again after others: there ``reading`` (a run's id)
    tells one reading from the next.
    """
    event = "lead.merged" if record.merged_into else "lead.deleted" if record.deleted else "lead.updated"
    fields = bounded(record.fields)
    return Event(
        CRM_RECORD_RECEIVED,
        account_id,
        f"connection/{connection_id}/record/{record.record_id}",
        {
            "connection_id": connection_id,
            "crm_type": crm_type,
            "event": event,
            "record_id": record.record_id,
            "record": fields,
            "observed_at": record.modified_at,
            "actor": {"user": crm_type, "ip_address": None},
            "merged_into": record.merged_into,
        },
        SOURCE,
        _event_id(connection_id, event, record, fields, reading),
    )


def bounded(fields: Any) -> dict[str, Any]:
    """At most so many fields, texts cut: a page of one CRM's careless novels must not stop the others' leads."""
    return {
        name: value[:LONGEST_VALUE] if isinstance(value, str) and len(value) > LONGEST_VALUE else value
        for name, value in list(fields.items())[:MOST_FIELDS]
    }


def _event_id(connection_id: int, event: str, record: RemoteRecord, fields: dict[str, Any], reading: str) -> str:
    told = [connection_id, event, record.record_id, record.modified_at or reading, record.merged_into, fields]
    digits = hashlib.blake2b(orjson.dumps(told, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()
    # A UUIDv8 (RFC 9562, section 5.8), as webhooks' ids are.
    return f"{digits[:8]}-{digits[8:12]}-8{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
