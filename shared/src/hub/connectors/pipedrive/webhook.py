"""Pipedrive's webhooks, v2 and v1. Nothing is signed: there is HTTP Basic, its password the connection's secret.

https://pipedrive.readme.io/docs/guide-for-webhooks-v2
"""

import base64
import binascii
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson

from hub.connectors.pipedrive.mapping import PipedriveFieldMap
from hub.connectors.pipedrive.person import primary
from hub.connectors.pipedrive.wire import EMAIL, OWNER, PHONE, read_config
from hub.contracts.errors import Invalid, Malformed, Unauthenticated
from hub.contracts.ids import rfc3339
from hub.contracts.webhooks import WebhookAnswer, WebhookRecord, WebhookRequest, WebhookTrust

AUTHORIZATION = "Authorization"
_ACTIONS = {"create": "create", "added": "create", "change": "change", "updated": "change", "delete": "delete",
            "deleted": "delete", "merged": "delete"}  # fmt: skip
_SILENT = frozenset({"update_time", "label_ids", "visible_to", "picture_id", "label", "last_activity_date",
                     "next_activity_date", "marketing_status", "org_id"})  # fmt: skip
_MAX_ID = 255


class PipedriveWebhook:
    """See the module. A person whose change is not wholly in the body is told as ``lead.changed``: it is fetched."""

    content_types = ("application/json",)
    per_app = False
    accepted: WebhookAnswer | None = None

    def verify(self, trust: WebhookTrust, request: WebhookRequest) -> None:
        """Raise Unauthenticated unless the password is the secret (or user and password are, as ``user:password``)."""
        given = request.headers.getall(AUTHORIZATION, [])
        if len(given) != 1:
            raise Unauthenticated(f"the header {AUTHORIZATION} is {'repeated' if given else 'missing'}")
        pair = _basic(given[0])
        password = pair.partition(b":")[2]
        whole = hmac.compare_digest(pair, trust.secret) and b":" in trust.secret
        if not trust.secret or not (hmac.compare_digest(password, trust.secret) or whole):
            raise Unauthenticated("the password is not the connection's webhook secret", header=AUTHORIZATION)

    def parse(self, trust: WebhookTrust, request: WebhookRequest) -> list[WebhookRecord]:
        """The person in a body; other things (deals, activities, …) are not the hub's business."""
        try:
            document = orjson.loads(request.body)
        except orjson.JSONDecodeError:
            raise Malformed("the body is not JSON in UTF-8") from None
        meta = document.get("meta") if isinstance(document, dict) else None
        if not isinstance(meta, dict):
            raise Invalid("must be an object", field="meta")
        action = _ACTIONS.get(str(meta.get("action")))
        if action is None:
            raise Invalid("must be create, change or delete", field="meta.action")
        company = str(meta.get("company_id") or "")
        if trust.tenant and company != trust.tenant:
            raise Unauthenticated("the webhook is of another company than the connection's")
        if (meta.get("entity") or meta.get("object")) != "person":
            return []
        return [_record(trust, document, meta, action, company or None)]


def _record(
    trust: WebhookTrust, document: Mapping[str, Any], meta: Mapping[str, Any], action: str, company: str | None
) -> WebhookRecord:
    record_id = meta.get("entity_id", meta.get("id"))  # in v1 ``id`` is the record's
    if isinstance(record_id, bool) or not isinstance(record_id, str | int) or not _is_number(str(record_id)):
        raise Invalid("must be a person's number", field="meta.entity_id")
    key, observed = _key(document, meta, str(record_id)), _observed_at(meta)
    if action == "delete":
        winner = meta.get("merged_to_id")
        merged = str(winner) if isinstance(winner, str | int) and _is_number(str(winner)) else None
        event = "lead.merged" if merged else "lead.deleted"
        return WebhookRecord(event, str(record_id), {}, key, observed, company, merged)
    fields = _told(trust, document) if action == "change" and "entity" in meta else None
    if fields:
        return WebhookRecord("lead.updated", str(record_id), fields, key, observed, company)
    return WebhookRecord("lead.changed", str(record_id), {}, key, observed, company)


def _told(trust: WebhookTrust, document: Mapping[str, Any]) -> dict[str, Any] | None:
    """What changed, when the body alone says it: addresses, numbers and owners that the configuration knows.

    Custom fields come by key and option id, and names without what tells first from last: those are read.
    """
    data, before = document.get("data"), document.get("previous")
    if not isinstance(data, dict) or not isinstance(before, dict):
        return None
    fields: dict[str, Any] = {}
    for name in before:
        if name in _SILENT:
            continue
        if name == "emails" and isinstance(data.get(name), list):
            fields[EMAIL] = primary(data[name])
        elif name == "phones" and isinstance(data.get(name), list):
            fields[PHONE] = primary(data[name])
        elif name == "owner_id" and _mapping(_frozen(trust.config)).knows_owner(data.get(name)):
            fields[OWNER] = data[name]
        else:
            return None
    return _storable(fields)


def _frozen(config: Mapping[str, Any]) -> bytes:
    return orjson.dumps(dict(config), option=orjson.OPT_SORT_KEYS)


@lru_cache(maxsize=256)
def _mapping(config: bytes) -> PipedriveFieldMap:
    return PipedriveFieldMap(read_config(orjson.loads(config)))


def _key(document: Mapping[str, Any], meta: Mapping[str, Any], record_id: str) -> bytes:
    """Equal for all attempts: v2 names each event; v1 names a moment to the microsecond."""
    event = meta.get("id")
    if "entity" in meta and isinstance(event, str) and 0 < len(event) <= _MAX_ID:
        return f"pipedrive:{event}:{record_id}".encode()
    told = [document.get("event"), record_id, meta.get("timestamp_micro"), meta.get("timestamp")]
    return orjson.dumps([*told, document.get("current")] if told[2] is None else told)


def _observed_at(meta: Mapping[str, Any]) -> str | None:
    stamp = meta.get("timestamp")
    try:
        if isinstance(stamp, str):
            moment = datetime.fromisoformat(stamp)
            return rfc3339(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
        if isinstance(stamp, int | float) and not isinstance(stamp, bool):
            return rfc3339(datetime.fromtimestamp(stamp, UTC))
    except (ValueError, OverflowError, OSError):
        return None
    return None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 18


def _storable(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value.replace("\x00", "") if isinstance(value, str) else value for name, value in fields.items()}


def _basic(header: str) -> bytes:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        raise Unauthenticated("HTTP Basic is wanted", header=AUTHORIZATION)
    try:
        return base64.b64decode(encoded.strip(), validate=True)
    except (ValueError, binascii.Error):
        raise Unauthenticated("HTTP Basic is wanted, in base64", header=AUTHORIZATION) from None
