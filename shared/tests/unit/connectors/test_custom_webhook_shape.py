"""Webhooks of custom CRMs by template: signatures of several kinds, and where things are."""

import base64
import hashlib
import hmac
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from hub.connectors.custom.webhook import CustomWebhook
from hub.contracts.errors import Invalid, Malformed, Unauthenticated
from hub.contracts.webhooks import WebhookRequest, WebhookTrust

SECRET = b"whsec"
NOW = 1_767_225_600.0
BODY = b'{"type":"contact.updated","contact":{"key":17,"values":{"email":"a@example.com"}},"when":1767225590}'
SHAPE = {
    "event_path": "type",
    "events": {"contact.updated": "lead.updated", "contact.removed": "lead.deleted", "contact.joined": "lead.merged"},
    "id_path": "contact.key",
    "fields_path": "contact.values",
    "time_path": "when",
    "merged_into_path": "contact.into",
}
PARSER = CustomWebhook()


def trust(**shape: Any) -> WebhookTrust:
    return WebhookTrust("simple", SECRET, {"webhook": {**SHAPE, **shape}})


def request(body: bytes = BODY, url: str = "https://hub/webhooks/1", **headers: str) -> WebhookRequest:
    given = CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()})
    return WebhookRequest("POST", url, given, body, NOW)


def digest(signed: bytes, algorithm: str = "sha256") -> bytes:
    return hmac.digest(SECRET, signed, algorithm)


SIGNED = [
    ({"header": "X-Sig"}, {"X_Sig": digest(BODY).hex()}),
    ({"header": "X-Sig", "prefix": "sha1=", "algorithm": "hmac-sha1"}, {"X_Sig": "sha1=" + digest(BODY, "sha1").hex()}),
    ({"header": "X-Sig", "encoding": "base64"}, {"X_Sig": base64.b64encode(digest(BODY)).decode()}),
    ({"header": "X-Sig", "algorithm": "token"}, {"X_Sig": SECRET.decode()}),
    (
        {"header": "X-Sig", "signed": "v0:{timestamp}:{body}", "timestamp_header": "X-Time"},
        {"X_Sig": digest(b"v0:%d:%b" % (NOW, BODY)).hex(), "X_Time": str(int(NOW))},
    ),
    (
        {"header": "X-Sig", "signed": "{timestamp}.{method}.{url}.{body}", "timestamp_header": "X-Time"},
        {
            "X_Sig": digest(b"%d.POST.https://hub/webhooks/1.%b" % (NOW * 1000, BODY)).hex(),
            "X_Time": str(int(NOW * 1000)),
        },
    ),
]


@pytest.mark.parametrize(("signature", "headers"), SIGNED)
def test_a_good_signature_passes_and_a_changed_body_does_not(signature: dict[str, Any], headers: Any) -> None:
    PARSER.verify(trust(signature=signature), request(**headers))
    if signature.get("algorithm") == "token":
        headers, body = {"X_Sig": "other"}, BODY
    else:
        body = BODY.replace(b"17", b"18")
    with pytest.raises(Unauthenticated):
        PARSER.verify(trust(signature=signature), request(body, **headers))
    with pytest.raises(Unauthenticated):
        PARSER.verify(trust(signature=signature), request())


@pytest.mark.parametrize("off", [-301, 301, 10**9])
def test_a_stale_or_future_timestamp_is_refused(off: int) -> None:
    stamp = str(int(NOW) + off)
    signature = {"header": "X-Sig", "signed": "{timestamp}.{body}", "timestamp_header": "X-Time"}
    good = digest(b"%b.%b" % (stamp.encode(), BODY)).hex()
    with pytest.raises(Unauthenticated):
        PARSER.verify(trust(signature=signature), request(X_Sig=good, X_Time=stamp))


def test_names_in_the_body_are_not_templates() -> None:
    body = b'{"type":"{timestamp}"}'
    signature = {"header": "X-Sig"}
    PARSER.verify(trust(signature=signature), request(body, X_Sig=hmac.new(SECRET, body, hashlib.sha256).hexdigest()))


def test_parts_are_where_the_template_says() -> None:
    (record,) = PARSER.parse(trust(), request())
    assert (record.event, record.record_id, record.fields) == ("lead.updated", "17", {"email": "a@example.com"})
    assert record.observed_at is not None
    assert record.observed_at.startswith("2025-12-31T23:59:50")


def test_arrays_partial_bodies_and_merges() -> None:
    body = orjson.dumps(
        [
            {"type": "contact.updated", "contact": {"key": 1, "values": {"phone": "1"}}},
            {"type": "contact.removed", "contact": {"key": 2}},
            {"type": "contact.joined", "contact": {"key": 3, "into": 4}},
        ]
    )
    records = PARSER.parse(trust(), request(body))
    assert [(each.event, each.record_id, each.merged_into) for each in records] == [
        ("lead.updated", "1", None),
        ("lead.deleted", "2", None),
        ("lead.merged", "3", "4"),
    ]
    assert len({each.replay_key for each in records}) == 3


def test_the_event_may_be_in_the_url_and_fields_may_be_missing() -> None:
    shape = trust(event_query="e", fields_path=None)
    (record,) = PARSER.parse(shape, request(b'{"contact":{"key":"k"}}', url="https://hub/w/1?e=contact.created"))
    assert (record.event, record.record_id) == ("lead.changed", "k")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"[1]", "body.0"),
        (b'{"contact":{"key":1}}', "type"),
        (b'{"type":"contact.exploded","contact":{"key":1}}', "type"),
        (b'{"type":"contact.updated","contact":{}}', "body.0.contact.key"),
        (b'{"type":"contact.updated","contact":{"key":1,"values":[1]}}', "body.0.contact.values"),
    ],
)
def test_what_does_not_fit_is_named(body: bytes, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        PARSER.parse(trust(), request(body))
    assert caught.value.details["field"] == field


@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        PARSER.parse(trust(), request(body))
    except (Invalid, Malformed):
        return
