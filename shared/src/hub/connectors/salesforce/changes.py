"""Change Data Capture events in JSON, as CometD, an event relay or a customer's own subscriber hands them on.

https://developer.salesforce.com/docs/atlas.en-us.change_data_capture.meta/change_data_capture/cdc_event_fields_header.htm
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from hub.connectors.salesforce.mapping import OWNER, SalesforceFieldMap
from hub.connectors.salesforce.wire import SalesforceConfig, is_record_id
from hub.contracts.errors import Invalid
from hub.contracts.ids import rfc3339
from hub.contracts.webhooks import WebhookRecord

_HEADER = "ChangeEventHeader"
_MOST_EVENTS, _MOST_RECORDS, _MOST_FIELDS = 1000, 1000, 1000
_COMPOUND = ("Name", "Address")  # objects of their parts
# What became of a deleted record (a merge deletes, too) only the API tells; a GAP event has no fields.
_TO_BE_READ = frozenset({"DELETE", "UNDELETE", "GAP_CREATE", "GAP_UPDATE", "GAP_DELETE", "GAP_UNDELETE"})
_OVERFLOW = "GAP_OVERFLOW"  # names no records; the next pull finds what changed


def change_records(document: Any, config: SalesforceConfig, mapping: SalesforceFieldMap) -> list[WebhookRecord]:
    """The leads of one event or a list of them. Raises Invalid, naming the field."""
    events = document if isinstance(document, list) else [document]
    if len(events) > _MOST_EVENTS:
        raise Invalid(f"more than {_MOST_EVENTS} events", field="")
    return [record for event in events for record in _event(event, config, mapping)]


def drop_strange_owner(fields: dict[str, Any], mapping: SalesforceFieldMap) -> None:
    """An owner that nobody mapped may be the hub's own user: only the API can tell, so a pull brings it."""
    if OWNER in fields and not mapping.knows_owner(fields[OWNER]):
        del fields[OWNER]


def _event(event: Any, config: SalesforceConfig, mapping: SalesforceFieldMap) -> Iterator[WebhookRecord]:
    inner = event.get("data", event) if isinstance(event, dict) else event
    payload = inner.get("payload", inner) if isinstance(inner, dict) else None
    header = payload.get(_HEADER) if isinstance(payload, dict) else None
    if not isinstance(payload, dict) or not isinstance(header, dict):
        raise Invalid("is neither a change event nor {event, data}", field=f"payload.{_HEADER}")
    kind, ids = header.get("changeType"), header.get("recordIds", [])
    if not isinstance(ids, list) or not all(is_record_id(each) for each in ids) or len(ids) > _MOST_RECORDS:
        raise Invalid("must be a list of record ids", field=f"payload.{_HEADER}.recordIds")
    if not isinstance(kind, str) or (kind not in _TO_BE_READ and kind not in ("CREATE", "UPDATE", _OVERFLOW)):
        raise Invalid("must be a kind of change that Salesforce has", field=f"payload.{_HEADER}.changeType")
    if header.get("entityName") != config.objects.lead or kind == _OVERFLOW:
        return
    observed, key = _committed(header.get("commitTimestamp")), _replay_key(header, event)
    fields = {} if kind in _TO_BE_READ else _fields(payload, header)
    owner_changed = kind == "UPDATE" and OWNER in fields and not mapping.knows_owner(fields[OWNER])
    what = "lead.changed" if kind in _TO_BE_READ or owner_changed else f"lead.{kind.lower()}d"
    drop_strange_owner(fields, mapping)
    for record_id in ids:
        shown = {} if what == "lead.changed" else {**fields, "Id": record_id}
        yield WebhookRecord(what, record_id, shown, key + record_id.encode(), observed)


def _fields(payload: Mapping[str, Any], header: Mapping[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in payload.items():
        if name == _HEADER:
            continue
        if name in _COMPOUND and isinstance(value, dict):
            fields |= value
        else:
            fields[name] = value
    nulled = header.get("nulledFields")
    for name in nulled if isinstance(nulled, list) else []:
        if isinstance(name, str):
            fields[name.rpartition(".")[2]] = None  # also Name.FirstName
    if len(fields) > _MOST_FIELDS:
        raise Invalid(f"more than {_MOST_FIELDS} fields", field="payload")
    return fields


def _replay_key(header: Mapping[str, Any], event: Any) -> bytes:
    transaction, sequence = header.get("transactionKey"), header.get("sequenceNumber")
    if isinstance(transaction, str) and transaction and isinstance(sequence, int):
        return f"change:{transaction}:{sequence}:".encode()
    return b"event:" + orjson.dumps(event, option=orjson.OPT_SORT_KEYS)


def _committed(milliseconds: Any) -> str | None:
    if not isinstance(milliseconds, int) or isinstance(milliseconds, bool):
        return None
    try:
        return rfc3339(datetime.fromtimestamp(milliseconds / 1000, UTC))
    except (ValueError, OverflowError, OSError):
        return None
