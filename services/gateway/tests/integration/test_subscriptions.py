"""Outgoing webhooks: the design document's configuration, and the log of deliveries."""

from typing import Any

from gateway.web import models_out as told
from hub.contracts.ids import new_id
from hub.vault import Vault

ADDRESS = "/api/v1/webhooks/subscriptions"
DESIGN: dict[str, Any] = {
    "webhook_url": "https://crm.example.com/webhooks/mpp",
    "events": ["lead.created", "lead.updated", "enrollment.completed"],
    "secret": "webhook_secret_key",
}


async def test_subscribe_list_and_leave(hub: Any) -> None:
    async with hub.client.post(ADDRESS, json=DESIGN) as answer:
        assert answer.status == 201
        text = await answer.text()
        assert DESIGN["secret"] not in text
        added = told.Subscription.model_validate_json(text)
    row = await hub.pool.fetchrow("SELECT * FROM webhooks.subscription")
    opened = await Vault(hub.pool, hub.keyring).open(hub.account_id, f"subscription:{added.id}:secret", row["secret"])
    assert opened.decode() == DESIGN["secret"]
    async with hub.client.get(ADDRESS) as answer:
        assert told.SubscriptionList.model_validate(await answer.json()).subscriptions == [added]
    async with hub.client.delete(f"{ADDRESS}/{added.id}") as answer:
        assert answer.status == 204
    async with hub.client.delete(f"{ADDRESS}/{added.id}") as answer:
        assert answer.status == 404
    async with hub.client.get(ADDRESS) as answer:
        assert await answer.json() == {"subscriptions": []}


async def test_configurations_that_are_refused(hub: Any) -> None:
    bad: list[tuple[dict[str, Any], str]] = [
        ({"webhook_url": "ftp://crm.example.com/"}, "webhook_url"),
        ({"webhook_url": "https://user:password@crm.example.com/"}, "webhook_url"),
        ({"webhook_url": "https://crm.example.com/#part"}, "webhook_url"),
        ({"webhook_url": "https:///path"}, "webhook_url"),
        ({"webhook_url": "https://crm.example.com:99999/"}, "webhook_url"),
        ({"webhook_url": "https://crm.example.com/a b"}, "webhook_url"),
        ({"webhook_url": 5}, "webhook_url"),
        ({"webhook_url": "http://169.254.169.254/latest/meta-data"}, "webhook_url"),
        ({"webhook_url": "http://10.0.0.1/"}, "webhook_url"),
        ({"webhook_url": "http://[::1]/"}, "webhook_url"),
        ({"webhook_url": "http://[::ffff:192.168.0.1]/"}, "webhook_url"),
        ({"webhook_url": "http://[fe80::1%25eth0]/"}, "webhook_url"),
        ({"events": []}, "events"),
        ({"events": ["lead.deleted"]}, "events.0"),
        ({"events": "lead.created"}, "events"),
        ({"secret": "short"}, "secret"),
        ({"more": 1}, "more"),
    ]
    for change, field in bad:
        async with hub.client.post(ADDRESS, json=DESIGN | change) as answer:
            body = await answer.json()
            assert (answer.status, body["error"]["details"]["field"]) == (422, field), change
    assert await hub.pool.fetchval("SELECT count(*) FROM webhooks.subscription") == 0


async def test_the_delivery_log(hub: Any) -> None:
    async with hub.client.post(ADDRESS, json=DESIGN) as answer:
        subscription_id = (await answer.json())["id"]
    ids = [new_id() for _ in range(5)]
    await hub.pool.execute(
        "INSERT INTO webhooks.delivery (account_id, subscription_id, event_id, state, attempts)"
        " SELECT $1, $2, id, CASE n WHEN 1 THEN 'delivered' ELSE 'due' END, 1"
        " FROM unnest($3::uuid[]) WITH ORDINALITY q (id, n)",
        hub.account_id,
        subscription_id,
        ids,
    )
    await hub.pool.execute(
        "INSERT INTO webhooks.attempt (account_id, subscription_id, event_id, number, at, status, duration_ms)"
        " VALUES ($1, $2, $3, 1, now(), 200, 12.5)",
        hub.account_id,
        subscription_id,
        ids[0],
    )
    address = f"{ADDRESS}/{subscription_id}/deliveries"
    async with hub.client.get(address, params={"limit": 3}) as answer:
        first = told.DeliveryPage.model_validate(await answer.json())
    async with hub.client.get(address, params={"limit": 3, "cursor": first.next_cursor}) as answer:
        second = told.DeliveryPage.model_validate(await answer.json())
    assert [each.event_id for each in first.deliveries + second.deliveries] == ids[::-1]
    assert second.deliveries[-1].attempt_log[0]["status"] == 200
    async with hub.client.get(address, params={"state": "delivered"}) as answer:
        assert [each["event_id"] for each in (await answer.json())["deliveries"]] == ids[:1]
    async with hub.client.get(f"{ADDRESS}/99/deliveries") as answer:
        assert answer.status == 404
