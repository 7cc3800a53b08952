"""Three REST CRMs that nobody ever heard of, each worked by a configuration alone."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from hub.contracts.connector import ClientSettings, CrmClient
from hub.contracts.grants import FixedToken
from hub.contracts.pulling import PullMode
from hub.registry import CONNECTORS

from .crms import CRMS, Records, served
from .dealings import item, read


@pytest.fixture(params=list(CRMS))
async def crm(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Records, CrmClient, dict[str, Any]]]:
    """Each of the CRMs in turn, with a client that knows only its configuration."""
    make, credentials, header = CRMS[request.param]
    records = Records()
    routes, config = make(records)
    async with AsyncExitStack() as stack:
        base_url = await stack.enter_async_context(served(routes, header))
        document = {"crm_type": "custom", "auth_type": "api_key", "base_url": base_url, **config}
        CONNECTORS["custom"].check_config(document)
        client = CONNECTORS["custom"].client(
            ClientSettings(document, FixedToken(credentials), egress_allow=("127.0.0.0/8",), timeout=5.0)
        )
        stack.push_async_callback(client.close)
        yield records, client, document


async def test_everything_is_read_once(crm: tuple[Records, CrmClient, dict[str, Any]]) -> None:
    records, client, _ = crm
    ids = [records.put({"email": f"p{number}@example.com", "mail": f"p{number}@example.com"}) for number in range(130)]
    await client.test()
    found, _ = await read(client, PullMode.FULL)
    assert [record.record_id for record in found] == ids


async def test_changes_are_read_from_where_the_last_reading_ended(
    crm: tuple[Records, CrmClient, dict[str, Any]],
) -> None:
    records, client, config = crm
    for number in range(90):
        records.put({"email": f"p{number}@example.com"})
    _, cursor = await read(client, PullMode.FULL)
    for _ in range(40):
        next(records._moments)
    records.put({"given": "Ann", "first_name": "Ann"}, "r000007")
    changed, cursor = await read(client, PullMode.CHANGES, cursor)
    assert "r000007" in {record.record_id for record in changed}
    assert len(changed) < 20 or "incremental" not in config
    mapping = CONNECTORS["custom"].mapping(config)
    (ann,) = [record for record in changed if record.record_id == "r000007"]
    assert mapping.inbound(ann.fields).registers["first_name"] == "Ann"


async def test_what_is_pushed_is_there_and_found(crm: tuple[Records, CrmClient, dict[str, Any]]) -> None:
    records, client, config = crm
    items = [item(config, number, email=f"n{number}@example.com", first_name="Ann") for number in range(1, 60)]
    results = await client.push(items)
    assert [(result.ok, result.action) for result in results] == [(True, "create")] * 59
    ids = [str(result.external_id) for result in results]
    assert sorted(ids) == records.alive()
    assert await client.find("MPP-7", "n7@example.com") == ids[6]
    assert await client.find("MPP-777", "n777@example.com") is None
    (updated,) = await client.push([item(config, 7, ids[6], email="n7@example.com", first_name="Anna")])
    assert (updated.ok, updated.action) == (True, "update")
    assert "Anna" in records.rows[ids[6]].values()


async def test_records_are_fetched_and_gone_ones_are_told(crm: tuple[Records, CrmClient, dict[str, Any]]) -> None:
    records, client, _ = crm
    one, two = records.put({"email": "a@example.com"}), records.put({"email": "b@example.com"})
    records.drop(two)
    fetched = {record.record_id: record for record in await client.fetch([one, two, "never"])}
    assert [fetched[each].deleted for each in (one, two, "never")] == [False, True, True]
    assert fetched[one].fields["email"] == "a@example.com"


async def test_its_fields_are_described(crm: tuple[Records, CrmClient, dict[str, Any]]) -> None:
    records, client, _ = crm
    records.put({"email": "a@example.com", "score": 5, "vip": True})
    described = {field.name: field.type for field in await client.describe()}
    assert described.items() >= {"email": "text", "score": "number", "vip": "boolean"}.items()
