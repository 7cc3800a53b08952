"""Who is who: leads that an org has already, and agents who are its users."""

from collections.abc import Callable, Sequence
from typing import Any

from hub.contracts.connector import CrmClient
from hub.contracts.pushing import PushItem, PushResult
from hub.registry import CONNECTORS
from simulators.salesforce.rules import DuplicateRule

Open = Callable[..., CrmClient]
MAPPING = CONNECTORS["salesforce"].mapping({"crm_type": "salesforce"})


def new(number: int, **registers: Any) -> PushItem:
    registers = {"last_name": f"L{number}", "email": f"p{number}@example.com", "company": "Acme", **registers}
    fields = MAPPING.outbound(registers)
    return PushItem(number, None, f"MPP-{number}", fields, fields, email=registers["email"])


def changed(number: int, external_id: str | None, **registers: Any) -> PushItem:
    fields = MAPPING.outbound(registers)
    return PushItem(number, external_id, f"MPP-{number}", fields, fields)


async def again_and_again(api: CrmClient, items: Sequence[PushItem]) -> list[PushResult]:
    """Until all is done."""
    for _ in range(10):
        results = await api.push(items)
        if all(result.ok for result in results):
            return results
    raise AssertionError("they are never taken")


async def test_agents_are_found_by_email_and_strangers_left_out(org: Any, client: Open) -> None:
    api = client(owners={"agent123": org.crm.world.org.user})
    owners = {each.email: each.id for each in await api.owners()}
    former = owners["former@hub.example.com"]
    agents = ["Agent1@hub.example.com", "nobody@example.com", "former@hub.example.com", f"salesforce:{former}"]
    results = await api.push([new(number, agent_id=agent) for number, agent in enumerate(agents, 1)])
    assert [result.ok for result in results] == [True] * 4
    assert [result.left_out for result in results[:3]] == [(), ("OwnerId",), ("OwnerId",)]
    leads = org.by_reference()
    assert leads["MPP-1"]["OwnerId"] == owners["agent1@hub.example.com"]
    assert {leads[f"MPP-{number}"]["OwnerId"] for number in (2, 3)} == {org.crm.world.org.user}
    assert leads["MPP-4"]["OwnerId"] in (former, org.crm.world.org.user)


async def test_a_record_of_which_another_bears_the_name_is_updated_all_the_same(org: Any, client: Open) -> None:
    api = client()
    await api.push([new(1)])
    other = org.crm.world.create("Lead", {"LastName": "Other", "Company": "B"})["Id"]
    (result,) = await api.push([changed(1, other, city="Austin")])
    assert result.ok
    assert org.leads()[other]["City"] == "Austin"


async def test_an_update_names_the_record(org: Any, client: Open) -> None:
    human = org.crm.world.create("Lead", {"LastName": "Other", "Company": "B"})["Id"]
    await client().push([changed(5, human, city="Austin")])
    assert org.by_reference()["MPP-5"]["Id"] == human


async def test_duplicate_rules(org: Any, client: Open) -> None:
    create = org.crm.world.create
    same = create("Lead", {"LastName": "A", "Company": "B", "Email": "P1@example.com"})["Id"]
    create("Lead", {"LastName": "A", "Company": "B", "Email": "p2@example.com"})
    create("Lead", {"LastName": "A", "Company": "B", "Email": "p2@example.com"})
    org.crm.world.org.rules.duplicates["Lead"] = DuplicateRule(active=True)
    linked, ambiguous, unique = await client().push([new(1, city="Austin"), new(2), new(3)])
    assert (linked.ok, linked.action, linked.external_id) == (True, "link", same)
    assert org.by_reference()["MPP-1"]["City"] == "Austin"
    assert ambiguous.error
    assert (ambiguous.ok, ambiguous.error.code) == (False, "DUPLICATES_DETECTED")
    assert (unique.ok, unique.action) == (True, "create")
    (refused,) = await client(duplicates="refuse").push([new(3, email="p2@example.com") for _ in "x"])
    assert refused.ok  # MPP-3 exists: an upsert of it is no new record
    (refused,) = await client(duplicates="refuse").push([new(4, email="p2@example.com")])
    assert not refused.ok
    (allowed,) = await client(duplicates="allow").push([new(4, email="p2@example.com")])
    assert (allowed.ok, allowed.action) == (True, "create")


async def test_look_ups(org: Any, client: Open) -> None:
    api = client()
    (result,) = await api.push([new(1)])
    assert await api.find("MPP-1", None) == result.external_id
    assert await api.find("MPP-2", "p1@example.com") is None  # that is another lead
    human = org.crm.world.create("Lead", {"LastName": "O'Hara", "Company": "B", "Email": "o'hara@example.com"})["Id"]
    assert await api.find("MPP-2", "O'Hara@example.com") == human
    org.crm.world.create("Lead", {"LastName": "O'Hara", "Company": "B", "Email": "o'hara@example.com"})
    assert await api.find("MPP-2", "o'hara@example.com") is None
    assert await api.find("MPP-2' OR Name != '", None) is None


async def test_without_the_external_id_field_creates_are_looked_up_by_email(org: Any, client: Open) -> None:
    org.crm.world.org.schema.needed("Lead").drop("MPP_Id__c")
    api = client(objects={"contact": None, "opportunity": None})
    items = [new(number) for number in range(1, 101)]
    first = await again_and_again(api, items)
    org.fault("lost_answer", match={"path": "composite"}, times=1)
    items += [new(number) for number in range(101, 151)]
    again = await again_and_again(api, items)
    assert [each.external_id for each in again[:100]] == [each.external_id for each in first]
    assert len(org.leads()) == 150
    (found,) = await client(look_up_by_email=True).push([new(7, city="Austin")])
    assert (found.action, found.external_id) == ("link", first[6].external_id)
