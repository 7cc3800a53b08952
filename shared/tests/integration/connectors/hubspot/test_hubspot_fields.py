"""What is in a contact: fields, properties made for them, agents, stages, and the deal of an enrolment."""

import asyncio

from hub.contracts.failures import FailureKind
from hub.contracts.pushing import PushItem

from .leads import lead, pushed
from .portal import HubSpot, Item, Open


async def test_custom_fields_get_properties_of_their_kind(hubspot: HubSpot, client: Open, item: Item) -> None:
    api = client()
    fields = {"custom_memberType": "Gold", "custom_score": 7, "custom_vip": True, "custom_Plan Interest": "PPO"}
    (result,) = await pushed(api, [item(1, **lead(1), **fields)])
    stored = hubspot.contacts()[result.external_id]
    assert (stored["member__type"], stored["score"], stored["vip"]) == ("Gold", "7", "true")
    kinds = {spec.name: (spec.label, spec.type, spec.custom) for spec in await api.describe()}
    assert kinds["member__type"] == ("memberType", "text", True)
    assert (kinds["score"][1], kinds["vip"][1]) == ("number", "boolean")
    (record,) = await api.fetch([str(result.external_id)])
    assert (record.fields["score"], record.fields["vip"], record.fields["member__type"]) == (7, True, "Gold")


async def test_clearing_a_field_clears_it(hubspot: HubSpot, client: Open, item: Item) -> None:
    api = client()
    (result,) = await pushed(api, [item(1, **lead(1, city="Waco"))])
    await pushed(api, [item(1, result.external_id, city=None, lead_source=None)])
    stored = hubspot.contacts()[result.external_id]
    assert "city" not in stored
    assert "hs_lead_status" not in stored


async def test_what_the_portal_has_no_place_for_is_left_out_and_told(
    hubspot: HubSpot, client: Open, item: Item
) -> None:
    api = client(create_properties=False, add_choices=False)
    registers = lead(1, custom_tier="Gold", agent_id="nobody@example.com", lead_source="Radio")
    (result,) = await pushed(api, [item(1, **registers)])
    assert set(result.left_out) == {"tier", "hubspot_owner_id", "hs_lead_status"}
    stored = hubspot.contacts()[result.external_id]
    assert (stored["firstname"], stored.get("hs_lead_status"), stored.get("mpp_id")) == ("Ana1", None, None)


async def test_without_the_reference_contacts_are_upserted_by_email(hubspot: HubSpot, client: Open, item: Item) -> None:
    api = client(create_properties=False)
    items = [item(1, **lead(1)), item(2, **lead(2, email=None)), item(3, **lead(3))]
    for action in ("create", "link"):
        one, two, three = await api.push(items)
        assert (one.action, three.action) == (action, action)
        assert two.error is not None
        assert (two.kind, two.error.code, two.error.field) == (FailureKind.VALIDATION, "NO_KEY", "email")
    assert len(hubspot.contacts()) == 2
    assert await api.find("MPP-1", "ana1@example.com") == one.external_id


async def test_a_property_that_vanishes_is_made_again(hubspot: HubSpot, client: Open, item: Item) -> None:
    api = client()
    (result,) = await pushed(api, [item(1, **lead(1, custom_tier="Gold"))])
    schema = hubspot.world.portal.objects["contacts"].schema
    schema.archive("tier", 1)
    (again,) = await pushed(api, [item(1, result.external_id, custom_tier="Silver", city="Rome")])
    assert again.left_out == ("tier",)
    assert hubspot.contacts()[result.external_id]["city"] == "Rome"
    (again,) = await pushed(api, [item(1, result.external_id, custom_tier="Silver")])
    assert (again.left_out, hubspot.contacts()[result.external_id]["tier"]) == ((), "Silver")
    schema.archive("mpp_id", 1)
    (lost,) = await api.push([item(2, **lead(2))])
    assert (lost.ok, lost.kind) == (False, FailureKind.SERVER)  # tried again, not given up
    await pushed(api, [item(2, **lead(2))])


async def test_agents_are_found_by_email(hubspot: HubSpot, client: Open, item: Item) -> None:
    api = client()
    one, two = await pushed(
        api, [item(1, **lead(1, agent_id="Ana.Reyes@mpp.example.com")), item(2, **lead(2, agent_id="who@example.com"))]
    )
    assert hubspot.contacts()[one.external_id]["hubspot_owner_id"] == "41629779"
    assert "hubspot_owner_id" not in hubspot.contacts()[two.external_id]
    assert two.left_out == ("hubspot_owner_id",)
    owners = await api.owners()
    assert ("41629779", "ana.reyes@mpp.example.com") in {(owner.id, owner.email) for owner in owners}


async def test_an_enrolment_has_one_deal_of_its_contact(hubspot: HubSpot, client: Open, item: Item) -> None:
    api = client()
    (result,) = await pushed(api, [item(1, **lead(1))])
    assert hubspot.deals() == []
    enrolled = item(1, result.external_id, status="enrolled", first_name="Ana", custom_premium=120.5)
    for _ in range(2):
        await pushed(api, [enrolled])
    (deal,) = hubspot.deals()
    assert (deal["dealstage"], deal["pipeline"], deal["amount"], deal["mpp_id"]) == (
        "closedwon",
        "default",
        "120.5",
        "MPP-1-deal",
    )
    links = hubspot.world.portal.associations.of(("contacts", int(str(result.external_id))), "deals")
    assert [number for number, _ in links] == [int(deal["hs_object_id"])]
    hubspot.world.edit("deals", deal["hs_object_id"], {"dealname": "The salesperson's own"})
    again = item(1, result.external_id, city="Rome", status="enrolled")
    await pushed(api, [PushItem(1, result.external_id, "MPP-1", {"city": "Rome"}, again.record, again.companions)])
    assert hubspot.deals()[0]["dealname"] == "The salesperson's own"


async def test_a_deal_that_is_refused_is_the_records_error_though_the_contact_is_written(
    hubspot: HubSpot, client: Open, item: Item
) -> None:
    config = {"crm_type": "hubspot", "deal": {"stage": "no-such-stage"}}
    (result,) = await client(**config).push([item(1, config=config, **lead(1, status="enrolled"))])
    assert result.error is not None
    assert (result.kind, result.error.code, result.error.field) == (
        FailureKind.VALIDATION,
        "INVALID_OPTION",
        "dealstage",
    )
    assert len(hubspot.contacts()) == 1


async def test_a_step_back_in_the_lifecycle_is_written_too(hubspot: HubSpot, client: Open, item: Item) -> None:
    hubspot.world.options.lifecycle_forward_only = True
    api = client()
    created = await pushed(api, [item(n, **lead(n, status="lost")) for n in (1, 2)])
    hubspot.calls()
    await pushed(api, [item(1, created[0].external_id, status="new"), item(2, created[1].external_id, city="Rome")])
    assert hubspot.contacts()[created[0].external_id]["lifecyclestage"] == "lead"
    assert sum(hubspot.calls().values()) == 3


async def test_two_pushes_at_once_do_not_undo_each_others_choices(hubspot: HubSpot, client: Open, item: Item) -> None:
    api = client()
    pushes = [api.push([item(n, **lead(n, lead_source=f"Source {n}"))]) for n in range(1, 6)]
    assert all(result.ok and not result.left_out for (result,) in await asyncio.gather(*pushes))
    sources = {each["hs_lead_status"] for each in hubspot.contacts().values()}
    assert sources == {f"Source {n}" for n in range(1, 6)}
