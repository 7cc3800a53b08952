"""Webhooks as Salesforce, HubSpot and Pipedrive send them: whose they are, how they are answered, what they become."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any

import pytest
from yarl import URL

from hub.contracts.events import CRM_RECORD_CHANGED, CRM_RECORD_RECEIVED
from hub.vault import Vault

HOOKS = "/api/v1/webhooks/crm"
ORG, LEAD = "00D000000000001EAA", "00Q000000000001AAA"
PUBLIC = "https://hub.example.com"
HUBSPOT_SECRET = "hubspot-secret"  # of the app that the gateway under test has
SOAP = f"""<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
 <soapenv:Body><notifications xmlns="http://soap.sforce.com/2005/09/outbound">
  <OrganizationId>{ORG}</OrganizationId><ActionId>04k000000000001AAA</ActionId><SessionId xsi:nil="true"/>
  <Notification><Id>04l000000000001AAA</Id>
   <sObject xsi:type="sf:Lead" xmlns:sf="urn:sobject.enterprise.soap.sforce.com"><sf:Id>{LEAD}</sf:Id>
    <sf:FirstName>Ann</sf:FirstName><sf:LastName>Smith</sf:LastName></sObject>
  </Notification></notifications></soapenv:Body></soapenv:Envelope>"""


async def connection(hub: Any, crm_type: str, secret: str | None, **columns: Any) -> int:
    """A connection of the account's, its cache entry seen by the gateway."""
    row: int = await hub.pool.fetchval(
        "INSERT INTO control.connection (account_id, crm_type, name, config, tenant) VALUES ($1, $2, $3, $4, $5)"
        " RETURNING id",
        columns.get("account_id", hub.account_id),
        crm_type,
        f"{crm_type} {time.monotonic()}",
        columns.get("config", {"crm_type": crm_type}),
        columns.get("tenant"),
    )
    if secret:
        vault = Vault(hub.pool, hub.keyring)
        sealed = await vault.seal(hub.account_id, f"connection:{row}:webhook_secret", secret.encode())
        await hub.pool.execute("UPDATE control.connection SET webhook_secret = $2 WHERE id = $1", row, sealed)
    await asyncio.sleep(0.3)
    return row


def hubspot(body: bytes, path: str, secret: str = HUBSPOT_SECRET, base: str = PUBLIC, age: float = 0) -> dict[str, str]:
    """Headers of HubSpot's signature version 3."""
    stamp = str(int((time.time() - age) * 1000))
    signed = f"POST{base}{path}".encode() + body + stamp.encode()
    signature = base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()
    return {
        "Content-Type": "application/json",
        "X-HubSpot-Signature-v3": signature,
        "X-HubSpot-Request-Timestamp": stamp,
    }


def event(portal: int, contact: int, kind: str = "contact.creation", **more: Any) -> dict[str, Any]:
    moment = int(time.time() * 1000)
    head = {"eventId": 1, "portalId": portal, "appId": 1, "occurredAt": moment, "attemptNumber": 0}
    return {**head, "subscriptionType": kind, "objectId": contact, **more}


async def post(hub: Any, address: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, str, Any]:
    async with hub.client.post(
        URL(hub.url + address, encoded=True), data=body, headers={"Authorization": "", **headers}
    ) as answer:
        return answer.status, await answer.text(), answer.headers


async def test_salesforces_outbound_message_is_acknowledged_in_its_own_words(hub: Any) -> None:
    connection_id = await connection(hub, "salesforce", "secret-in-the-url", tenant=ORG)
    address = f"{HOOKS}/salesforce/{connection_id}"
    headers = {"Content-Type": "text/xml; charset=UTF-8", "SOAPAction": '""'}
    status, text, answered = await post(hub, f"{address}?token=secret-in-the-url", SOAP.encode(), headers)
    assert (status, "<Ack>true</Ack>" in text) == (200, True), text
    assert answered["Content-Type"].startswith("text/xml")
    (received,) = await hub.received(1, CRM_RECORD_RECEIVED)
    assert (received.data["record_id"], received.data["connection_id"]) == (LEAD, connection_id)
    assert received.data["record"]["LastName"] == "Smith"
    assert "id" not in received.data["record"]
    for place in (address, f"{address}?token=wrong"):
        assert (await post(hub, place, SOAP.encode(), headers))[0] == 401
    other_org = SOAP.replace(ORG, "00D000000000002EAA").encode()
    assert (await post(hub, f"{address}?token=secret-in-the-url", other_org, headers))[0] == 401
    bomb = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa">]><x>&a;</x>'
    assert (await post(hub, f"{address}?token=secret-in-the-url", bomb, headers))[0] in (400, 422)
    assert (await post(hub, address, SOAP.encode(), {"Content-Type": "text/plain"}))[0] == 415
    assert await hub.until(lambda: _heard(hub, connection_id))


async def _heard(hub: Any, connection_id: int) -> Any:
    return await hub.pool.fetchval("SELECT heard_at FROM control.connection WHERE id = $1", connection_id)


async def test_one_address_serves_all_portals(make_hub: Any, database_url: str) -> None:
    async with make_hub(database_url, public_url=PUBLIC + "/") as hub:
        first = await connection(hub, "hubspot", None, tenant="62515")
        other = await hub.pool.fetchval("INSERT INTO control.account (name) VALUES ('other') RETURNING id")
        second = await connection(hub, "hubspot", None, tenant="777", account_id=other)
        body = json.dumps([event(62515, 1), event(777, 2), event(999, 3), event(62515, 4, "contact.deletion")]).encode()
        path = f"{HOOKS}/hubspot"
        status, text, _ = await post(hub, path, body, hubspot(body, path))
        assert (status, json.loads(text)["status"]) == (200, "accepted")
        bodies = await hub.pool.fetch("SELECT body FROM bus.body")
        assert bodies
        async with hub.client.get("/metrics") as answer:
            line = 'hub_webhook_stray_records_total{crm_type="hubspot",reason="unknown_tenant"}'
            assert line in await answer.text()
        for place in (first, second):
            assert await hub.until(lambda place=place: _heard(hub, place))
        only_strangers = json.dumps([event(999, 3)]).encode()
        assert (await post(hub, path, only_strangers, hubspot(only_strangers, path)))[0] == 200


async def test_records_become_events_of_their_accounts(hub: Any) -> None:
    base = hub.url
    first = await connection(hub, "hubspot", None, tenant="62515")
    other = await hub.pool.fetchval("INSERT INTO control.account (name) VALUES ('other') RETURNING id")
    second = await connection(hub, "hubspot", None, tenant="777", account_id=other)
    merged = event(62515, 9, "contact.merge", primaryObjectId=9, mergedObjectIds=[8], newObjectId=9)
    body = json.dumps([event(62515, 1), event(777, 2), event(62515, 4, "contact.deletion"), merged]).encode()
    path = f"{HOOKS}/hubspot"
    for attempt in (body, body.replace(b'"attemptNumber": 0', b'"attemptNumber": 1')):
        assert (await post(hub, path, attempt, hubspot(attempt, path, base=base)))[0] == 200
    changed = await hub.received(3, CRM_RECORD_CHANGED)
    assert {(each.account_id, each.data["connection_id"], each.data["record_id"]) for each in changed} == {
        (hub.account_id, first, "1"), (other, second, "2"), (hub.account_id, first, "9"),
    }  # fmt: skip
    received = await hub.received(2, CRM_RECORD_RECEIVED)
    assert {(each.data["event"], each.data["record_id"], each.data.get("merged_into")) for each in received} == {
        ("lead.deleted", "4", None), ("lead.merged", "8", "9"),
    }  # fmt: skip
    assert len({each.id for each in hub.events}) == 5


@pytest.mark.parametrize("wrong", ["secret", "stale", "future", "body", "path", "version", "missing"])
async def test_hubspots_signature_is_over_the_address_as_it_called_it(
    make_hub: Any, database_url: str, wrong: str
) -> None:
    async with make_hub(database_url, public_url=PUBLIC) as hub:
        await connection(hub, "hubspot", None, tenant="62515")
        body, path = json.dumps([event(62515, 1)]).encode(), f"{HOOKS}/hubspot?x=%20a+b"
        assert (await post(hub, path, body, hubspot(body, path)))[0] == 200
        headers = hubspot(body, path)
        if wrong == "secret":
            headers = hubspot(body, path, "another")
        if wrong in ("stale", "future"):
            headers = hubspot(body, path, age=310 if wrong == "stale" else -310)
        if wrong == "body":
            headers = hubspot(body + b" ", path)
        if wrong == "path":
            headers = hubspot(body, path, base="https://127.0.0.1")
        if wrong == "version":  # a bad version 3 never falls back to a good version 1
            good = hashlib.sha256(b"hubspot-secret" + body).hexdigest()
            headers = hubspot(body, path, "another") | {"X-HubSpot-Signature": good}
        if wrong == "missing":
            headers = {"Content-Type": "application/json"}
        status, text, _ = await post(hub, path, body, headers)
        assert (status, json.loads(text)["error"]["code"]) == (401, "UNAUTHENTICATED")


async def test_pipedrives_basic_password_is_asked_for_as_basic(hub: Any) -> None:
    connection_id = await connection(hub, "pipedrive", "pipedrive-password", tenant="123")
    address = f"{HOOKS}/pipedrive/{connection_id}"
    meta = {"action": "create", "entity": "person", "entity_id": "5", "company_id": "123", "id": "e-1", "attempt": 1}
    meta["timestamp"] = "2026-01-01T00:00:00.000Z"
    body = json.dumps({"data": {"id": 5, "name": "Ann"}, "previous": None, "meta": meta}).encode()
    good = {"Content-Type": "application/json", "Authorization": _basic("hub", "pipedrive-password")}
    first = await post(hub, address, body, good)
    assert first[0] == 200, first[1]
    again = body.replace(b'"attempt": 1', b'"attempt": 2')
    assert (await post(hub, address, again, good))[1] == first[1]
    (changed,) = await hub.received(1, CRM_RECORD_CHANGED)
    assert changed.data["record_id"] == "5"
    for bad in (_basic("hub", "wrong"), "Bearer x", "Basic !"):
        status, _, headers = await post(hub, address, body, good | {"Authorization": bad})
        assert (status, headers["WWW-Authenticate"].startswith("Basic realm=")) == (401, True), bad


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
