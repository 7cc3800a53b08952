"""Salesforce's notices of changes, as its documentation shows them, tampered with, and forged."""

import hashlib
import hmac
from contextlib import suppress
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from hub.connectors.salesforce.webhook import SalesforceWebhook
from hub.contracts.errors import HubError, Invalid, Malformed, Unauthenticated
from hub.contracts.webhooks import WebhookRequest, WebhookTrust

SAMPLES = Path(__file__).parents[2] / "samples" / "salesforce"
SOAP, CHANGE = (SAMPLES / "outbound_message.xml").read_bytes(), (SAMPLES / "change_event.json").read_bytes()
ORG, OWNER = "00Dx0000000BV7zEAG", "005x00000012Q9PAAU"
SECRET = b"canary-webhook-secret"
URL = "https://hub.example/api/v1/webhooks/crm/salesforce/5"
PARSER = SalesforceWebhook()


def trust(mode: Any = "simple", tenant: str | None = ORG, **config: Any) -> WebhookTrust:
    return WebhookTrust(mode, SECRET, {"crm_type": "salesforce", **config}, tenant)


def request(body: bytes, url: str = URL, *, now: float = 1000.0, **headers: Any) -> WebhookRequest:
    named = CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()})
    return WebhookRequest("POST", url, named, body, now)


def changed(**header: Any) -> bytes:
    document = orjson.loads(CHANGE)
    document["payload"]["ChangeEventHeader"] |= header
    return orjson.dumps(document)


def test_an_outbound_message() -> None:
    sure, doubtful = PARSER.parse(trust(), request(SOAP))
    assert (sure.event, sure.record_id, sure.tenant) == ("lead.updated", "00Qx0000001T8zkEAC", ORG)
    assert sure.observed_at == "2026-01-10T10:30:00.000000Z"
    assert sure.fields == {
        "Id": "00Qx0000001T8zkEAC",
        "Company": "O'Hara & Söhne",
        "Email": "ana@example.com",
        "FirstName": None,
        "LastName": "Muñoz",
        "MPP_Id__c": "MPP-42",
        "Status": "Working",
        "SystemModstamp": "2026-01-10T10:30:00.000Z",
    }
    # A number told as text: its record is read from the API, where it is one.
    assert (doubtful.event, doubtful.record_id, doubtful.fields) == ("lead.changed", "00Qx0000001T8zlEAC", {})
    assert sure.replay_key != doubtful.replay_key


def test_a_mapped_owner_is_taken_from_the_message() -> None:
    record = PARSER.parse(trust(owners={"agent123": OWNER}), request(SOAP))[0]
    assert record.fields["OwnerId"] == OWNER


def test_messages_about_other_objects_are_accepted_and_left_alone() -> None:
    assert PARSER.parse(trust(), request(SOAP.replace(b"sf:Lead", b"sf:Contact"))) == []


def test_the_acknowledgement_is_what_salesforce_waits_for() -> None:
    assert PARSER.accepted is not None
    assert PARSER.accepted.content_type.startswith("text/xml")
    root = ElementTree.fromstring(PARSER.accepted.body)  # noqa: S314 - our own
    outbound = "{http://soap.sforce.com/2005/09/outbound}"
    ack = root.find(f"{{http://schemas.xmlsoap.org/soap/envelope/}}Body/{outbound}notificationsResponse/{outbound}Ack")
    assert ack is not None
    assert ack.text == "true"


@pytest.mark.parametrize(
    ("url", "headers"),
    [(f"{URL}?token=canary-webhook-secret", {}), (URL, {"Authorization": "Bearer canary-webhook-secret"})],
)
def test_who_knows_the_secret_is_believed(url: str, headers: dict[str, Any]) -> None:
    for body in (SOAP, CHANGE):
        PARSER.verify(trust(), request(body, url, **headers))


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        (URL, {}),
        (f"{URL}?token=", {}),
        (f"{URL}?token=canary-webhook-secre", {}),
        (f"{URL}?token=canary-webhook-secret&token=canary-webhook-secret", {}),
        (f"{URL}?token=%ff%00", {}),
        (URL, {"Authorization": "Basic canary-webhook-secret"}),
        (URL, {"Authorization": "Bearer \udcff"}),
        (URL, {"X_Webhook_Signature": "sha256=00"}),
    ],
)
def test_who_does_not_is_refused(url: str, headers: dict[str, Any]) -> None:
    for body in (SOAP, CHANGE):
        with pytest.raises(Unauthenticated):
            PARSER.verify(trust(), request(body, url, **headers))


def test_a_message_of_another_org_is_refused() -> None:
    with pytest.raises(Unauthenticated):
        PARSER.parse(trust(), request(SOAP.replace(b"00Dx0000000BV7z", b"00Dx0000000BV7y")))
    assert PARSER.parse(trust(tenant=ORG[:15]), request(SOAP))


def test_the_hubs_own_signature() -> None:
    body = b'{"event":"lead.created","data":{"id":"00Q1","fields":{"Email":"a@example.com"}},"timestamp":1768041000}'
    good = "sha256=" + hmac.digest(SECRET, body, "sha256").hex()
    PARSER.verify(trust(), request(body, X_Webhook_Signature=good))
    with pytest.raises(Unauthenticated):
        PARSER.verify(trust(), request(body + b" ", X_Webhook_Signature=good))
    stamped = "sha256=" + hmac.new(SECRET, b"1000." + body, hashlib.sha256).hexdigest()
    for now, stamp in ((1299.0, "1000"), (701.0, "1000")):
        PARSER.verify(
            trust("timestamped"), request(body, now=now, X_Webhook_Signature=stamped, X_Webhook_Timestamp=stamp)
        )
    for now, stamp in ((1301.0, "1000"), (699.0, "1000"), (1000.0, "1001"), (1000.0, "x")):
        with pytest.raises(Unauthenticated):
            PARSER.verify(
                trust("timestamped"), request(body, now=now, X_Webhook_Signature=stamped, X_Webhook_Timestamp=stamp)
            )
    (record,) = PARSER.parse(trust(), request(body))
    assert (record.event, record.record_id, record.fields) == ("lead.created", "00Q1", {"Email": "a@example.com"})
    assert record.observed_at == "2026-01-10T10:30:00.000000Z"


def test_a_change_event_has_the_fields_that_changed() -> None:
    records = PARSER.parse(trust(), request(CHANGE))
    assert [(each.event, each.record_id) for each in records] == [
        ("lead.updated", "00Qx0000001T8zkEAC"),
        ("lead.updated", "00Qx0000001T8zlEAC"),
    ]
    assert records[0].fields == {
        "Id": "00Qx0000001T8zkEAC",
        "LastName": "Muñoz",
        "Email": "ana@example.com",
        "LastModifiedDate": "2026-01-10T10:30:00.000Z",
        "Phone": None,
    }
    assert records[0].observed_at == "2026-01-10T10:30:00.000000Z"
    assert len({each.replay_key for each in records}) == 2


def test_the_same_event_has_the_same_key_however_it_is_wrapped() -> None:
    wrapped = orjson.dumps([{"channel": "/data/LeadChangeEvent", "data": orjson.loads(CHANGE)}])
    keys = [[each.replay_key for each in PARSER.parse(trust(), request(body))] for body in (CHANGE, wrapped)]
    assert keys[0] == keys[1]
    assert PARSER.parse(trust(), request(changed(sequenceNumber=2)))[0].replay_key != keys[0][0]


@pytest.mark.parametrize(
    ("kind", "event"),
    [
        ("CREATE", "lead.created"),
        ("UNDELETE", "lead.changed"),
        ("GAP_UPDATE", "lead.changed"),
        ("DELETE", "lead.changed"),  # deleted or merged away: the API tells
    ],
)
def test_kinds_of_changes(kind: str, event: str) -> None:
    records = PARSER.parse(trust(), request(changed(changeType=kind)))
    assert [each.event for each in records] == [event, event]
    assert all(bool(each.fields) == (event != "lead.changed") for each in records)


def test_an_overflow_and_other_objects_name_no_leads() -> None:
    assert PARSER.parse(trust(), request(changed(changeType="GAP_OVERFLOW", recordIds=[]))) == []
    assert PARSER.parse(trust(), request(changed(entityName="Contact"))) == []


def test_a_new_owner_whom_nobody_mapped_is_asked_for() -> None:
    document = orjson.loads(CHANGE)
    document["payload"]["OwnerId"] = OWNER
    body = orjson.dumps(document)
    assert {each.event for each in PARSER.parse(trust(), request(body))} == {"lead.changed"}
    records = PARSER.parse(trust(owners={"agent123": OWNER}), request(body))
    assert {(each.event, each.fields["OwnerId"]) for each in records} == {("lead.updated", OWNER)}


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"<", Malformed),
        (SOAP[:-20], Malformed),
        (b"<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>" + SOAP.split(b"?>", 1)[1], Malformed),
        (SOAP.replace(b"UTF-8", b"no-such-code", 1), Malformed),
        (b"<a/>", Invalid),
        (b"<a>" * 20 + b"</a>" * 20, Invalid),
        (SOAP.replace(b"00Dx0000000BV7zEAG", b""), Invalid),
        (SOAP.replace(b"<sf:Id>00Qx0000001T8zkEAC</sf:Id>", b""), Invalid),
        (b"{", Malformed),
        (b"\xff", Malformed),
        (b"[]", None),
        (b"{}", Invalid),
        (b"5", Invalid),
        (changed(changeType="MOVE"), Invalid),
        (changed(recordIds=["../x"]), Invalid),
        (changed(recordIds="00Q"), Invalid),
        (CHANGE.replace(b"ana@", b"\\u0000"), Invalid),
        (b'{"payload":' + b"[" * 100 + b"]" * 100 + b"}", Invalid),
        (b'{"event":"lead.sold","data":{}}', Invalid),
        (b'{"event":"lead.created","data":{"id":5}}', Invalid),
        (b'{"event":"lead.created","data":{"id":"5","fields":[]}}', Invalid),
        (b'{"event":"lead.created","data":{"id":"5"},"timestamp":"noon"}', Invalid),
    ],
)
def test_bad_bodies_are_refused_by_name(body: bytes, error: type[HubError] | None) -> None:
    if error is None:
        assert PARSER.parse(trust(), request(body)) == []
        return
    with pytest.raises(error):
        PARSER.parse(trust(), request(body))


@given(st.binary(max_size=60), st.integers(0, len(SOAP)), st.booleans())
def test_no_body_breaks_the_parser(noise: bytes, place: int, xml: bool) -> None:
    sample = SOAP if xml else CHANGE
    body = sample[:place] + noise + sample[place + len(noise) :]
    with suppress(HubError):  # a refusal has a name and a status; anything else would be a 500
        records = PARSER.parse(trust(), request(body))
        assert all(each.record_id and each.replay_key for each in records)
