"""HubSpot's webhooks v3: an array of events, for all portals at one address, signed with the app's secret.

https://developers.hubspot.com/docs/api-reference/webhooks-webhooks-v3/guide, and …/apps/…/request-validation for the
three versions of signatures. Events carry no record, at most one property: what changed is read from HubSpot, so
neither their order nor their repetition matters.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from hub.connectors.hubspot import wire
from hub.contracts.errors import Invalid, Malformed, Unauthenticated
from hub.contracts.ids import rfc3339
from hub.contracts.webhooks import Headers, WebhookAnswer, WebhookRecord, WebhookRequest, WebhookTrust

SIGNATURE, VERSION = "X-HubSpot-Signature", "X-HubSpot-Signature-Version"
SIGNATURE_V3, TIMESTAMP = "X-HubSpot-Signature-v3", "X-HubSpot-Request-Timestamp"
TOLERANCE_MS = 300_000  # both ways; HubSpot names the past alone
MOST_EVENTS = 1000  # HubSpot sends up to 100

_ESCAPES = {
    "%3A": ":", "%2F": "/", "%3F": "?", "%40": "@", "%21": "!", "%24": "$", "%27": "'", "%28": "(", "%29": ")",
    "%2A": "*", "%2C": ",", "%3B": ";",
}  # fmt: skip
_ESCAPE = re.compile("|".join(_ESCAPES), re.IGNORECASE)  # decoded before hashing; other escapes stay
_CHANGED = frozenset({"creation", "propertyChange", "restore"})
_CLOCKWORK = (wire.MODIFIED, wire.CREATED, "hs_lastmodifieddate")  # changes with every other change
_DELETED = frozenset({"deletion", "privacyDeletion"})


class HubSpotWebhook:
    """See ``WebhookParser``."""

    content_types = ("application/json",)
    per_app = True
    accepted: WebhookAnswer | None = None

    def verify(self, trust: WebhookTrust, request: WebhookRequest) -> None:
        """Version 3 where its header is there, and nothing less then; else 1 or 2, unless the mode wants timestamps."""
        if request.headers.getall(SIGNATURE_V3, []):
            _verify_v3(trust.secret, request)
            return
        if trust.mode == "timestamped":
            raise Unauthenticated(f"the header {SIGNATURE_V3} is missing", header=SIGNATURE_V3)
        given = _single(request.headers, SIGNATURE)
        versions = request.headers.getall(VERSION, ["v1"])
        if versions == ["v1"]:
            signed = trust.secret + request.body
        elif versions == ["v2"]:
            signed = trust.secret + f"{request.method.upper()}{request.url}".encode() + request.body
        else:
            raise Unauthenticated("the signature's version is neither v1 nor v2", header=VERSION)
        _compare(hashlib.sha256(signed).hexdigest(), given, SIGNATURE)

    def parse(self, trust: WebhookTrust, request: WebhookRequest) -> list[WebhookRecord]:
        """Contacts' events. Raises Malformed or Invalid, naming the field."""
        try:
            document = orjson.loads(request.body)
        except orjson.JSONDecodeError:
            raise Malformed("the body is not JSON in UTF-8") from None
        events = [document] if isinstance(document, dict) else document
        if not isinstance(events, list) or len(events) > MOST_EVENTS:
            raise Invalid(f"must be an array of at most {MOST_EVENTS} events", field="")
        records: list[WebhookRecord] = []
        for at, event in enumerate(events):
            records.extend(_records(event, f"[{at}]"))
        return _joined(records)


def _verify_v3(secret: bytes, request: WebhookRequest) -> None:
    given, stamp = _single(request.headers, SIGNATURE_V3), _single(request.headers, TIMESTAMP)
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 16):
        raise Unauthenticated("the timestamp is not in milliseconds", header=TIMESTAMP)
    if abs(request.now * 1000 - int(stamp)) > TOLERANCE_MS:
        raise Unauthenticated("the timestamp is more than 5 minutes off", header=TIMESTAMP)
    url = _ESCAPE.sub(lambda found: _ESCAPES[found.group().upper()], request.url)
    signed = f"{request.method.upper()}{url}".encode() + request.body + stamp.encode()
    _compare(base64.b64encode(hmac.digest(secret, signed, "sha256")).decode(), given, SIGNATURE_V3)


def _compare(expected: str, given: str, header: str) -> None:
    if not hmac.compare_digest(expected.encode(), given.encode("utf-8", "surrogateescape")):
        raise Unauthenticated("the signature does not match", header=header)


def _single(headers: Headers, name: str) -> str:
    values = headers.getall(name, [])
    if len(values) != 1:
        raise Unauthenticated(f"the header {name} is {'repeated' if values else 'missing'}", header=name)
    return values[0]


def _records(event: Any, place: str) -> Iterable[WebhookRecord]:
    """What one event tells; nothing when it is about something else than contacts, or about nothing of ours."""
    if not isinstance(event, dict):
        raise Invalid("must be an object", field=place)
    kind = event.get("subscriptionType", event.get("eventType"))
    if not isinstance(kind, str):
        raise Invalid("must be text", field=f"{place}.subscriptionType")
    subject, _, what = kind.partition(".")
    contact = subject == "contact" or (subject == "object" and event.get("objectTypeId") == wire.CONTACT_TYPE_ID)
    if not contact or what not in _CHANGED | _DELETED | {"merge"} or _own_echo(event):
        return
    tenant, moment = _identifier(event, "portalId", place), _moment(event, place)
    key = _replay_key(event, kind, tenant)
    if what == "merge":
        yield from _merged(event, place, tenant, moment, key)
        return
    if what == "propertyChange" and event.get("propertyName") in _CLOCKWORK:
        return
    name = "lead.deleted" if what in _DELETED else "lead.changed"
    yield WebhookRecord(name, _identifier(event, "objectId", place), {}, key, moment, tenant)


def _merged(
    event: Mapping[str, Any], place: str, tenant: str, moment: str | None, key: bytes
) -> Iterable[WebhookRecord]:
    """Those that were merged live on in the survivor, which may be a new record."""
    primary = _identifier(event, "primaryObjectId", place)
    survivor = _identifier(event, "newObjectId", place) if event.get("newObjectId") else primary
    losers = event.get("mergedObjectIds")
    if not isinstance(losers, list) or len(losers) > MOST_EVENTS:
        raise Invalid("must be an array", field=f"{place}.mergedObjectIds")
    gone = [_text_id(each, f"{place}.mergedObjectIds") for each in losers]
    for loser in dict.fromkeys([*gone, primary]):
        if loser != survivor:
            mark = key + b"|" + loser.encode()
            yield WebhookRecord("lead.merged", loser, {}, mark, moment, tenant, merged_into=survivor)
    yield WebhookRecord("lead.changed", survivor, {}, key, moment, tenant)


def _own_echo(event: Mapping[str, Any]) -> bool:
    """Our own write coming back: the hub knows it already, and reading it again would double the calls of a push."""
    app, source = event.get("appId"), event.get("sourceId")
    return event.get("changeSource") == "INTEGRATION" and app is not None and str(source) == str(app)


def _replay_key(event: Mapping[str, Any], kind: str, tenant: str) -> bytes:
    """Without ``attemptNumber``; ``eventId`` alone is not unique."""
    names = ("objectId", "primaryObjectId", "eventId", "occurredAt", "propertyName")
    return "|".join([tenant, kind, *(str(event.get(name, "")) for name in names)]).encode("utf-8", "replace")


def _joined(records: list[WebhookRecord]) -> list[WebhookRecord]:
    """One reading of a record serves all of a body's hints at it."""
    joined: dict[tuple[str | None, str], WebhookRecord] = {}
    others: list[WebhookRecord] = []
    for record in records:
        name = (record.tenant, record.record_id)
        if record.event != "lead.changed":
            others.append(record)
        elif before := joined.get(name):
            before.replay_key += b"\n" + record.replay_key
            before.observed_at = max(filter(None, (before.observed_at, record.observed_at)), default=None)
        else:
            joined[name] = record
    return [*others, *joined.values()]


def _moment(event: Mapping[str, Any], place: str) -> str | None:
    stamp = event.get("occurredAt")
    if stamp is None:
        return None
    if isinstance(stamp, int | float) and not isinstance(stamp, bool):
        try:
            return rfc3339(datetime.fromtimestamp(stamp / 1000, UTC))
        except (ValueError, OverflowError, OSError):
            pass
    raise Invalid("must be milliseconds since 1970", field=f"{place}.occurredAt")


def _identifier(event: Mapping[str, Any], name: str, place: str) -> str:
    return _text_id(event.get(name), f"{place}.{name}")


def _text_id(value: Any, place: str) -> str:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not wire.is_record_id(text):
        raise Invalid("must be an id in digits", field=place)
    return text
