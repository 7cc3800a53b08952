"""Pipedrive's webhooks as its documentation shows them, and what is no webhook of Pipedrive's."""

import base64
from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from hub.connectors.pipedrive.webhook import PipedriveWebhook
from hub.contracts.errors import HubError, Invalid, Malformed, Unauthenticated
from hub.contracts.webhooks import WebhookRecord, WebhookRequest, WebhookTrust

PARSER = PipedriveWebhook()
SECRET = b"canary-webhook-secret"
KEY = "a" * 40
META = {
    "action": "change", "entity": "person", "entity_id": "5", "company_id": "123", "user_id": "9",
    "id": "0a7e3f7e-4cf0-4b6c-9a53-6d1c3a8b5d11", "correlation_id": "c", "timestamp": "2026-01-01T00:00:00.250Z",
    "type": "general", "version": "2.0", "webhook_id": "77", "change_source": "api", "attempt": 1,
}  # fmt: skip
DATA = {
    "id": 5, "name": "Ann Lee",
    "emails": [{"value": "old@x.org", "primary": False}, {"value": "a@x.org", "primary": True}],
    "phones": [], "owner_id": 9, "custom_fields": {KEY: {"type": "enum", "id": 1}},
}  # fmt: skip


def basic(pair: bytes) -> str:
    return "Basic " + base64.b64encode(pair).decode()


def trust(secret: bytes = SECRET, tenant: str | None = "123", **config: Any) -> WebhookTrust:
    return WebhookTrust("simple", secret, {"crm_type": "pipedrive", **config}, tenant)


def request(body: Any = b"{}", **headers: str) -> WebhookRequest:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    return WebhookRequest("POST", "https://hub.example/x", CIMultiDict(headers), content, 1000.0)


def parsed(
    previous: Any = None, data: Any = DATA, told: WebhookTrust | None = None, **meta: Any
) -> list[WebhookRecord]:
    return PARSER.parse(told or trust(), request({"data": data, "previous": previous, "meta": {**META, **meta}}))


@pytest.mark.parametrize("pair", [b"hub:" + SECRET, b":" + SECRET, b"any one:" + SECRET])
def test_the_password_is_the_secret(pair: bytes) -> None:
    PARSER.verify(trust(), request(Authorization=basic(pair)))
    PARSER.verify(trust(b"me:pass:word"), request(authorization=basic(b"me:pass:word")))


@pytest.mark.parametrize(
    "header",
    [
        None, basic(SECRET), basic(b"hub:" + SECRET[:-1]), basic(b"hub:"), basic(b"hub:x" + SECRET), "Basic ?",
        "Bearer " + SECRET.decode(), "Basic", basic(b"hub:" + SECRET) + "=", "",
    ],
)  # fmt: skip
def test_others_are_refused(header: str | None) -> None:
    with pytest.raises(Unauthenticated):
        PARSER.verify(trust(), request(**({} if header is None else {"Authorization": header})))


def test_no_secret_and_two_headers_are_refused() -> None:
    with pytest.raises(Unauthenticated):
        PARSER.verify(trust(b""), request(Authorization=basic(b"hub:")))
    good = basic(b"hub:" + SECRET)
    twice = WebhookRequest("POST", "/", CIMultiDict([("Authorization", good), ("Authorization", good)]), b"{}", 1.0)
    with pytest.raises(Unauthenticated):
        PARSER.verify(trust(), twice)


def test_addresses_and_known_owners_are_told_at_once() -> None:
    (record,) = parsed({"emails": [], "phones": [{"value": "1"}], "owner_id": 3, "update_time": "x"},
                       told=trust(owners={"agent1": 9}))  # fmt: skip
    assert (record.event, record.record_id, record.tenant) == ("lead.updated", "5", "123")
    assert record.fields == {"email": "a@x.org", "phone": None, "user_id": 9}
    assert record.observed_at == "2026-01-01T00:00:00.250000Z"


@pytest.mark.parametrize(
    ("previous", "action"),
    [
        ({"name": "An"}, "change"), ({"custom_fields": {KEY: None}}, "change"), ({"owner_id": 3}, "change"),
        ({"emails": [], "name": "An"}, "change"), ({"label_ids": []}, "change"), (None, "change"), (None, "create"),
    ],
)  # fmt: skip
def test_everything_else_is_to_be_read(previous: Any, action: str) -> None:
    (record,) = parsed(previous, action=action)
    assert (record.event, record.record_id, record.fields) == ("lead.changed", "5", {})


def test_deleted_and_merged() -> None:
    (record,) = parsed(DATA, None, action="delete")
    assert (record.event, record.record_id, record.merged_into) == ("lead.deleted", "5", None)
    (record,) = parsed(DATA, None, action="delete", merged_to_id="8")
    assert (record.event, record.merged_into) == ("lead.merged", "8")
    (record,) = parsed({"emails": [], "name": "x"}, action="change", merged_from_id="5", entity_id="8")
    assert (record.event, record.record_id) == ("lead.changed", "8")


def test_attempts_are_one_event() -> None:
    first, again = parsed({"name": "x"})[0], parsed({"name": "x"}, attempt=3)[0]
    assert first.replay_key == again.replay_key
    assert parsed({"name": "x"}, id="another")[0].replay_key != first.replay_key


def test_version_one() -> None:
    meta = {"action": "updated", "object": "person", "id": 5, "company_id": 123, "timestamp": 1_767_225_600,
            "timestamp_micro": 1_767_225_600_250_000}  # fmt: skip
    body = {"v": 1, "event": "updated.person", "retry": 0, "current": {"id": 5}, "previous": {}, "meta": meta}
    (record,) = PARSER.parse(trust(), request(body))
    assert (record.event, record.record_id, record.observed_at) == ("lead.changed", "5", "2026-01-01T00:00:00.000000Z")
    (again,) = PARSER.parse(trust(), request(body | {"retry": 1}))
    assert record.replay_key == again.replay_key
    gone = body | {"meta": meta | {"action": "merged"}}
    assert PARSER.parse(trust(), request(gone))[0].event == "lead.deleted"


def test_other_things_are_not_the_hubs_business() -> None:
    assert parsed({"title": "x"}, entity="deal", entity_id="uuid") == []
    assert parsed({"title": "x"}, entity="lead", entity_id="0a7e3f7e-4cf0") == []


@pytest.mark.parametrize(
    ("meta", "field"),
    [
        ({"action": "explode"}, "meta.action"),
        ({"entity_id": "five"}, "meta.entity_id"),
        ({"entity_id": True}, "meta.entity_id"),
    ],
)
def test_nonsense_is_named(meta: Any, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        parsed({"name": "x"}, **meta)
    assert refused.value.details["field"] == field


def test_another_company_is_refused() -> None:
    with pytest.raises(Unauthenticated):
        parsed({"name": "x"}, company_id="124")
    with pytest.raises(Malformed):
        PARSER.parse(trust(), request(b"{"))
    bodies: list[Any] = [[], "x", {"meta": []}, {"meta": {}}]
    for strange in bodies:
        with pytest.raises((Invalid, Unauthenticated)):
            PARSER.parse(trust(), request(strange))


JSON = st.recursive(st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
                    max_leaves=8)  # fmt: skip


@given(JSON, JSON, st.dictionaries(st.sampled_from(list(META)), JSON, max_size=4))
def test_no_body_is_too_strange(data: Any, previous: Any, meta: Any) -> None:
    with suppress(HubError):
        for record in parsed(previous, data, trust(tenant=None), **meta):
            assert record.record_id.isdigit()
