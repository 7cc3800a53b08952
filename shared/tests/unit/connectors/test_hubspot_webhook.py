"""HubSpot's webhooks: its published signature vectors, tampering, and what events mean."""

import base64
import hashlib
import hmac
from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from hub.connectors.hubspot.webhook import HubSpotWebhook
from hub.contracts.errors import Invalid, Malformed, Unauthenticated
from hub.contracts.webhooks import WebhookMode, WebhookRecord, WebhookRequest, WebhookTrust

# https://developers.hubspot.com/docs/apps/legacy-apps/authentication/validating-requests and its official clients
SECRET = b"yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
URL = "https://www.example.com/webhook_uri"
V1_BODY = (
    b'[{"eventId":1,"subscriptionId":12345,"portalId":62515,"occurredAt":1564113600000,'
    b'"subscriptionType":"contact.creation","attemptNumber":0,"objectId":123,"changeSource":"CRM","changeFlag":"NEW",'
    b'"appId":54321}]'
)
V1 = "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de"
V2_GET = "eee2dddcc73c94d699f5e395f4b9d454a069a6855fbfa152e91e88823087200e"
V2_POST = "9569219f8ba981ffa6f6f16aa0f48637d35d728c7e4d93d0d52efaa512af7900"
V3_BODY = b"{'example_field':'example_value'}"
V3 = [
    ("1693657560000", "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y="),
    ("1700000300000", "RnbPH7+UMKVkbV32P8bz450N4M56aPmcru1+D3kSDtw="),
]
PARSER = HubSpotWebhook()


def trust(mode: WebhookMode = "simple", **config: Any) -> WebhookTrust:
    return WebhookTrust(mode, SECRET, config)


def request(body: bytes, *headers: tuple[str, str], now: float = 0.0, url: str = URL, method: str = "POST") -> Any:
    return WebhookRequest(method, url, CIMultiDict(headers), body, now)


def signed(*values: str, version: str | None = "v1") -> list[tuple[str, str]]:
    pairs = [("X-HubSpot-Signature", value) for value in values]
    return [*pairs, ("X-HubSpot-Signature-Version", version)] if version else pairs


def signed_v3(stamp: str, signature: str) -> list[tuple[str, str]]:
    return [("x-hubspot-request-timestamp", stamp), ("x-hubspot-signature-v3", signature)]


def test_published_vectors_pass() -> None:
    PARSER.verify(trust(), request(V1_BODY, *signed(V1)))
    PARSER.verify(trust(), request(V1_BODY, *signed(V1, version=None)))
    PARSER.verify(trust(), request(b"", *signed(V2_GET, version="v2"), method="GET"))
    PARSER.verify(trust(), request(b'{"example_field":"example_value"}', *signed(V2_POST, version="v2")))
    for stamp, signature in V3:
        fresh = request(V3_BODY, *signed_v3(stamp, signature), now=int(stamp) / 1000 + 299)
        PARSER.verify(trust("simple"), fresh)
        PARSER.verify(trust("timestamped"), fresh)


def test_of_the_urls_escapes_only_some_are_decoded_before_hashing() -> None:
    stamp, hashed = "1700000300000", "https://h.example/a:b?x=%20&y=@"
    signature = hmac.new(SECRET, f"POST{hashed}".encode() + b"[]" + stamp.encode(), hashlib.sha256).digest()
    called = "https://h.example/a%3ab?x=%20&y=%40"
    given_headers = signed_v3(stamp, base64.b64encode(signature).decode())
    PARSER.verify(trust(), request(b"[]", *given_headers, now=1700000300.0, url=called))


STAMP, GOOD = V3[0]
NOW = int(STAMP) / 1000


@pytest.mark.parametrize(
    ("headers", "body", "now", "mode"),
    [
        ([], V3_BODY, NOW, "simple"),
        (signed(V1[:-1] + "0"), V1_BODY, NOW, "simple"),
        (signed(V1), V1_BODY + b" ", NOW, "simple"),
        (signed(V1, version="v2"), V1_BODY, NOW, "simple"),
        (signed(V1, version="v9"), V1_BODY, NOW, "simple"),
        (signed(V1, V1), V1_BODY, NOW, "simple"),
        (signed("é" * 64), V1_BODY, NOW, "simple"),
        (signed(V1), V1_BODY, NOW, "timestamped"),  # no timestamp, no trust
        (signed_v3(STAMP, GOOD), V3_BODY, NOW + 301, "simple"),
        (signed_v3(STAMP, GOOD), V3_BODY, NOW - 301, "simple"),
        (signed_v3(STAMP, GOOD), V3_BODY + b" ", NOW, "simple"),
        (signed_v3(STAMP, GOOD[:-2] + "X="), V3_BODY, NOW, "simple"),
        (signed_v3(str(int(STAMP) + 1), GOOD), V3_BODY, NOW, "simple"),
        (signed_v3("yesterday", GOOD), V3_BODY, NOW, "simple"),
        (signed_v3("9" * 40, GOOD), V3_BODY, NOW, "simple"),
        ([("X-HubSpot-Signature-v3", GOOD)], V3_BODY, NOW, "simple"),
        ([*signed_v3(STAMP, GOOD), ("X-HubSpot-Signature-v3", GOOD)], V3_BODY, NOW, "simple"),
    ],
)
def test_tampered_stale_future_and_doubled_requests_are_refused(
    headers: list[tuple[str, str]], body: bytes, now: float, mode: WebhookMode
) -> None:
    with pytest.raises(Unauthenticated):
        PARSER.verify(trust(mode), request(body, *headers, now=now))


def test_a_bad_version_3_does_not_fall_back_to_a_good_version_1() -> None:
    with pytest.raises(Unauthenticated):
        PARSER.verify(trust(), request(V1_BODY, *signed(V1), *signed_v3(STAMP, GOOD), now=NOW))


def event(kind: str = "contact.propertyChange", **changes: Any) -> dict[str, Any]:
    return {
        "eventId": 1,
        "subscriptionId": 12345,
        "portalId": 62515,
        "appId": 54321,
        "occurredAt": 1564113600000,
        "subscriptionType": kind,
        "attemptNumber": 0,
        "objectId": 123,
        "changeSource": "CRM_UI",
        **changes,
    }


def parse(*events: Any, **config: Any) -> list[WebhookRecord]:
    return PARSER.parse(trust(**config), request(orjson.dumps(list(events))))


def test_a_creation_is_something_to_read() -> None:
    (record,) = PARSER.parse(trust(), request(V1_BODY))
    assert (record.event, record.record_id, record.fields, record.tenant) == ("lead.changed", "123", {}, "62515")
    assert record.observed_at == "2019-07-26T04:00:00.000000Z"


def test_hints_at_one_record_are_one_reading() -> None:
    first = event(propertyName="firstname", propertyValue="Ana")
    second = event(propertyName="phone", propertyValue="1", occurredAt=1564113601000, eventId=2)
    records = parse(first, event(objectId=9, propertyName="phone"), second, event("contact.creation"))
    assert [(each.event, each.record_id) for each in records] == [("lead.changed", "123"), ("lead.changed", "9")]
    assert records[0].observed_at == "2019-07-26T04:00:01.000000Z"


def test_deletions_and_merges() -> None:
    assert [each.event for each in parse(event("contact.deletion"), event("contact.privacyDeletion"))] == [
        "lead.deleted",
        "lead.deleted",
    ]
    ids = {"primaryObjectId": 5, "mergedObjectIds": [7, 8], "numberOfPropertiesMoved": 3}
    into_primary = parse(event("contact.merge", objectId=5, newObjectId=5, **ids))
    assert [(each.event, each.record_id, each.merged_into) for each in into_primary] == [
        ("lead.merged", "7", "5"),
        ("lead.merged", "8", "5"),
        ("lead.changed", "5", None),
    ]
    into_another = parse(event("contact.merge", objectId=9, newObjectId=9, **ids))
    assert [(each.record_id, each.merged_into) for each in into_another] == [
        ("7", "9"),
        ("8", "9"),
        ("5", "9"),
        ("9", None),
    ]
    assert len({each.replay_key for each in into_another}) == 4


@pytest.mark.parametrize(
    "ignored",
    [
        event("deal.creation"),
        event("company.propertyChange", propertyName="name"),
        event("contact.associationChange"),
        event("object.propertyChange", objectTypeId="0-3", propertyName="amount"),
        event(propertyName="lastmodifieddate"),
        event(propertyName="phone", changeSource="INTEGRATION", sourceId="54321"),
        event("conversation.creation"),
    ],
)
def test_what_is_not_ours_is_passed_over(ignored: dict[str, Any]) -> None:
    assert parse(ignored) == []


def test_what_is_ours_is_not() -> None:
    assert len(parse(event("object.propertyChange", objectTypeId="0-1", propertyName="phone"))) == 1
    assert len(parse(event(propertyName="hs_lead_status"))) == 1
    assert len(parse(event(propertyName="hs_language"))) == 1  # nobody subscribes to what does not matter
    assert len(parse(event(changeSource="INTEGRATION", sourceId="another-app", propertyName="phone"))) == 1
    assert len(PARSER.parse(trust(), request(orjson.dumps(event("contact.restore"))))) == 1


def test_a_repetition_has_the_same_key_and_another_event_a_different_one() -> None:
    (one,), (again,) = parse(event(propertyName="phone")), parse(event(propertyName="phone", attemptNumber=3))
    assert one.replay_key == again.replay_key
    for change in ({"eventId": 2}, {"occurredAt": 1564113600001}, {"portalId": 1}, {"propertyName": "email"}):
        (other,) = parse(event(**{"propertyName": "phone"} | change))
        assert other.replay_key != one.replay_key


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'"text"', ""),
        (b"[1]", "[0]"),
        (orjson.dumps([event(subscriptionType=5)]), "[0].subscriptionType"),
        (orjson.dumps([event(), event(objectId=None)]), "[1].objectId"),
        (orjson.dumps([event(objectId="../1")]), "[0].objectId"),
        (orjson.dumps([event(portalId=None)]), "[0].portalId"),
        (orjson.dumps([event(occurredAt="soon")]), "[0].occurredAt"),
        (orjson.dumps([event(occurredAt=2**63)]), "[0].occurredAt"),
        (orjson.dumps([event("contact.merge", primaryObjectId=1, mergedObjectIds=5)]), "[0].mergedObjectIds"),
        (orjson.dumps([{}] * 1001), ""),
    ],
)
def test_the_bad_field_is_named(body: bytes, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        PARSER.parse(trust(), request(body))
    assert caught.value.details == {"field": field}


def test_what_is_not_json_is_malformed() -> None:
    with pytest.raises(Malformed):
        PARSER.parse(trust(), request(b"[{"))


VALUES = st.recursive(st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(), st.lists, max_leaves=4)


@given(st.dictionaries(st.sampled_from(sorted(event(propertyName="", mergedObjectIds=[], newObjectId=1))), VALUES))
def test_any_event_is_read_or_refused_by_name(changes: dict[str, Any]) -> None:
    for kind in ("contact.merge", "contact.propertyChange", "contact.deletion"):
        with suppress(Invalid):
            parse(event(kind) | changes)
