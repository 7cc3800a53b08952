"""Internal systems that publish CloudEvents straight to the bus, as docs/events.md tells them to."""

import json
import uuid
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aio_pika
import pytest

from hub.contracts.cloudevents import CONTENT_TYPE
from hub.contracts.events import LEAD_RECEIVED
from hub.contracts.ids import new_id
from hub.contracts.topology import EXCHANGE, TRANSFORMER
from hub.local.hub import LocalHub
from hubctl.session import bus
from hubctl.trial.eventually import eventually
from hubctl.trial.tenant import Tenant, target_of, tenant


@pytest.fixture
async def agency(rabbitmq_hub: LocalHub) -> AsyncIterator[Tenant]:
    async with tenant(rabbitmq_hub, f"agency {new_id()}") as found:
        yield found


@pytest.fixture
async def exchange(rabbitmq_hub: LocalHub) -> AsyncIterator[aio_pika.abc.AbstractExchange]:
    """The hub's exchange, as a client sees it that knows nothing of the hub's code."""
    connection = await aio_pika.connect(rabbitmq_hub.bus_url)
    async with connection:
        channel = await connection.channel(publisher_confirms=True)
        yield await channel.get_exchange(EXCHANGE)


def received(agency: Tenant, name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": "quoting",
        "accountid": str(agency.account_id),
        "type": LEAD_RECEIVED,
        "subject": f"quote/{name}",
        "data": {
            "origin": {"kind": "bus", "source": "quoting"},
            "actor": {"user": "quoting"},
            "external_id": name,
            "fields": fields,
        },
    }


async def publish(exchange: aio_pika.abc.AbstractExchange, document: Any, content_type: str) -> None:
    body = json.dumps(document).encode()
    message = aio_pika.Message(body, content_type=content_type, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
    await exchange.publish(message, LEAD_RECEIVED, mandatory=True)


async def names(agency: Tenant) -> set[str]:
    return {lead["first_name"] for lead in (await agency.get("/api/v1/external/leads"))["leads"]}


async def test_a_single_event_becomes_a_lead(agency: Tenant, exchange: aio_pika.abc.AbstractExchange) -> None:
    event = received(
        agency, "Q-1", {"first_name": "Jane", "email": "JANE@example.com", "custom_fields": {"plan": "Gold"}}
    )
    await publish(exchange, event, "application/cloudevents+json")
    await eventually(lambda: names(agency))
    (lead,) = (await agency.get("/api/v1/external/leads"))["leads"]
    assert (lead["email"], lead["custom_fields"]) == ("jane@example.com", {"plan": "Gold"})
    history = (await agency.get(f"/api/v1/external/leads/{lead['id']}/history"))["history"]
    assert history[0]["source"] == "bus/quoting"


async def test_a_batch_and_its_repetition_are_applied_once(
    agency: Tenant, exchange: aio_pika.abc.AbstractExchange
) -> None:
    batch = [received(agency, f"Q-{n}", {"first_name": f"N{n}", "email": f"n{n}@example.com"}) for n in range(3)]
    await publish(exchange, batch, CONTENT_TYPE)
    await publish(exchange, batch, CONTENT_TYPE)
    await publish(exchange, received(agency, "Q-last", {"first_name": "Last"}), "application/cloudevents+json")

    async def last() -> bool:
        return "Last" in await names(agency)

    await eventually(last)
    leads = (await agency.get("/api/v1/external/leads"))["leads"]
    assert sorted(lead["first_name"] for lead in leads) == ["Last", "N0", "N1", "N2"]
    assert {lead["version"] for lead in leads} == {1}


async def test_what_breaks_the_contract_is_kept_apart_and_harms_nobody_else(
    rabbitmq_hub: LocalHub, agency: Tenant, exchange: aio_pika.abc.AbstractExchange
) -> None:
    bad = received(agency, "Q-bad", {"first_name": ["not", "text"]})
    good = received(agency, "Q-good", {"first_name": "Good"})
    await publish(exchange, [bad, good], CONTENT_TYPE)
    await publish(exchange, "this is no event", "application/json")

    async def arrived() -> bool:
        return "Good" in await names(agency)

    await eventually(arrived)
    async with bus(target_of(rabbitmq_hub)) as line:

        async def both_dead() -> bool:
            letters = await line.dead_letters(TRANSFORMER, 1000)
            unreadable = any(letter.body == b'"this is no event"' for letter in letters)
            return unreadable and any(letter.id == bad["id"] for letter in letters)

        await eventually(both_dead)
    assert await names(agency) == {"Good"}
