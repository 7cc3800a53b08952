"""The Leads Inbox, where it is kept."""

from typing import Any

import pytest

Company = Any
Item = Any
CONFIG = {"leads_inbox": True, "deal": {"pipeline_id": 2}}
LEAD = {"first_name": "Ana", "last_name": "Lee", "status": "new", "custom.premium": 90}


async def pushed(crm: Company, item: Item, external_id: str | None = None, client: Any = None, **changed: Any) -> str:
    """By a client of its own: another process."""
    lead = LEAD | changed
    push = item(5, external_id, tuple(changed) if external_id else None, config=CONFIG, **lead)
    (result,) = await (client or crm.client(**CONFIG)).push([push])
    assert result.ok, result.error
    return str(result.external_id)


async def test_an_item_becomes_the_deal(crm: Company, item: Item) -> None:
    person = await pushed(crm, item)
    for premium in (90, 95):
        await pushed(crm, item, person, status="contacted", **{"custom.premium": premium})
    (inbox,) = await crm.leads()
    assert (inbox["title"], inbox["person_id"], inbox["MPP ID"]) == ("Ana Lee enrollment", int(person), "MPP-5-lead")
    assert inbox["value"] == {"amount": 95, "currency": "USD"}
    for _ in range(2):
        await pushed(crm, item, person, status="enrolled", **{"custom.premium": 99})
    assert await crm.leads() == []
    (deal,) = await crm.deals()
    assert (deal["status"], deal["value"], deal["pipeline_id"], deal["MPP ID"]) == ("won", 99, 2, "MPP-5-deal")


async def test_a_conversion_whose_answer_was_lost(crm: Company, item: Item) -> None:
    person = await pushed(crm, item)
    await crm.faults({"match": {"path": "/convert/"}, "kind": "lost_answer", "times": 1})
    client = crm.client(**CONFIG)
    (lost,) = await client.push([item(5, person, ("status",), config=CONFIG, **LEAD | {"status": "enrolled"})])
    assert (lost.ok, lost.unknown_outcome) == (False, True)
    await pushed(crm, item, person, client, status="enrolled")
    (deal,) = await crm.deals()
    assert (deal["MPP ID"], deal["status"]) == ("MPP-5-deal", "won")


@pytest.mark.parametrize("status", ["lost", "new"])
async def test_lost_leads_are_archived_and_stay_so(crm: Company, item: Item, status: str) -> None:
    person = await pushed(crm, item)
    await pushed(crm, item, person, status="lost")
    await pushed(crm, item, person, status=status)
    (inbox,) = await crm.leads()
    assert inbox["is_archived"]


async def test_a_person_found_by_address_is_marked(crm: Company, item: Item) -> None:
    """As sync-worker does it after a create in doubt: find, then update what was found."""
    made = await crm.control("create", {"object": "person", "fields": {"name": "A", "emails": [{"value": "a@x.org"}]}})
    client = crm.client()
    await client.test()
    found = await client.find("MPP-5", "a@x.org")
    assert found == str(made["id"])
    (result,) = await client.push([item(5, found, city="Rome")])
    assert result.ok
    assert await crm.client().find("MPP-5", None) == found
