"""Salesforce's notices of changes: outbound messages (SOAP), change events (JSON), the design document's own JSON.

Salesforce signs nothing. An outbound message is believed when its address carries the connection's webhook secret
(``?token=``) and it names the connection's org; JSON, which customers send from a flow or Apex, may instead carry the
secret as a bearer token, or the hub's own signature.
"""

import hmac
import re
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson

from hub.connectors.salesforce import soap
from hub.connectors.salesforce.changes import change_records, drop_strange_owner
from hub.connectors.salesforce.mapping import KEPT, SalesforceFieldMap
from hub.connectors.salesforce.stated import SIGNATURE, stated_record, verify_signature
from hub.connectors.salesforce.times import told_moment
from hub.connectors.salesforce.wire import SalesforceConfig, is_record_id, read_config
from hub.contracts.errors import Invalid, Malformed, Unauthenticated
from hub.contracts.webhooks import WebhookAnswer, WebhookRecord, WebhookRequest, WebhookTrust

# SOAP tells every value as text: what may be a number or a truth elsewhere is read from the API, with its type.
_NOT_SURELY_TEXT = re.compile(r"true|false|[+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?|\d{4}-\d\d-\d\dT.*", re.ASCII)
_MOST_DEPTH = 16
_MODIFIED = ("SystemModstamp", "LastModifiedDate")


class SalesforceWebhook:
    """See the module."""

    content_types = ("text/xml", "application/xml", "application/soap+xml", "application/json")
    per_app = False
    accepted: WebhookAnswer | None = WebhookAnswer("text/xml; charset=UTF-8", soap.ACK)

    def verify(self, trust: WebhookTrust, request: WebhookRequest) -> None:
        """Raise Unauthenticated unless the request knows the secret."""
        signed = request.headers.getall(SIGNATURE, [])
        if signed and not _is_xml(request.body):
            verify_signature(trust, request)
        elif not _token_matches(trust.secret, request):
            raise Unauthenticated("the address must carry the connection's webhook secret: ?token=…")

    def parse(self, trust: WebhookTrust, request: WebhookRequest) -> list[WebhookRecord]:
        """The leads in a body; other objects are not the hub's business."""
        config, mapping = _compiled(orjson.dumps(dict(trust.config), option=orjson.OPT_SORT_KEYS))
        if _is_xml(request.body):
            return _messages(soap.read(request.body), trust, config, mapping)
        try:
            document = orjson.loads(request.body)
        except orjson.JSONDecodeError:
            raise Malformed("the body is neither XML nor JSON in UTF-8") from None
        _check_values(document)
        if isinstance(document, dict) and "event" in document and isinstance(document["event"], str):
            return [stated_record(document, request.body)]
        return change_records(document, config, mapping)


@lru_cache(maxsize=256)
def _compiled(config: bytes) -> tuple[SalesforceConfig, SalesforceFieldMap]:
    settings = read_config(orjson.loads(config))
    return settings, SalesforceFieldMap(settings)


def _is_xml(body: bytes) -> bool:
    return body[:200].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<"


def _token_matches(secret: bytes, request: WebhookRequest) -> bool:
    given = parse_qs(urlsplit(request.url).query).get("token", [])
    given += [value[7:] for value in request.headers.getall("Authorization", []) if value[:7].lower() == "bearer "]
    return len(given) == 1 and bool(secret) and hmac.compare_digest(given[0].encode("utf-8", "replace"), secret)


def _check_values(document: Any) -> None:
    """PostgreSQL's text and jsonb cannot hold NUL; nothing that Salesforce sends is deep."""
    waiting = [(document, 0)]
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, str) and "\x00" in value:
            raise Invalid("must not contain NUL characters", field="")
        if isinstance(value, dict | list):
            if depth >= _MOST_DEPTH:
                raise Invalid(f"nested more than {_MOST_DEPTH} deep", field="")
            inner = [*value.keys(), *value.values()] if isinstance(value, dict) else value
            waiting.extend((each, depth + 1) for each in inner)


def _messages(
    message: soap.Message, trust: WebhookTrust, config: SalesforceConfig, mapping: SalesforceFieldMap
) -> list[WebhookRecord]:
    org = message.organization_id
    if not is_record_id(org):
        raise Invalid("must be the org's id", field="OrganizationId")
    if trust.tenant and org[:15] != trust.tenant[:15]:
        raise Unauthenticated("the message is from another org than the connection's")
    return [
        _record(each, org, index, mapping)
        for index, each in enumerate(message.notifications)
        if each.object == config.objects.lead
    ]


def _record(notice: soap.Notification, org: str, index: int, mapping: SalesforceFieldMap) -> WebhookRecord:
    record_id = notice.fields.get("Id")
    if not is_record_id(record_id) or not notice.id:
        raise Invalid("must have an Id and a record with an Id", field=f"Notification.{index}")
    assert record_id
    fields: dict[str, Any] = dict(notice.fields)
    key = f"outbound:{notice.id}".encode()
    observed = next((moment for name in _MODIFIED if (moment := told_moment(fields.get(name)))), None)
    if fields.get("IsDeleted") == "true" or any(_doubtful(name, value) for name, value in fields.items()):
        return WebhookRecord("lead.changed", record_id, {}, key, observed, org)
    drop_strange_owner(fields, mapping)
    return WebhookRecord("lead.updated", record_id, fields, key, observed, org)


def _doubtful(name: str, value: Any) -> bool:
    typed = name.endswith("__c") or name in KEPT
    return typed and isinstance(value, str) and _NOT_SURELY_TEXT.fullmatch(value.strip()) is not None
