"""Contacts pushed to a HubSpot: in batches, by reference, each with its own outcome, repeated without doubles."""

from typing import Any

import pytest

from hub.contracts.failures import FailureKind

from .leads import lead, pushed
from .portal import HubSpot, Item, Open


async def test_a_thousand_creates_and_updates_cost_eleven_calls(hubspot: HubSpot, client: Open, item: Item) -> None:
    api = client()
    await api.test()
    await pushed(api, [item(0, **lead(0))])  # the lead source is offered from here on
    hubspot.calls()
    created = await pushed(api, [item(number, **lead(number)) for number in range(1, 1001)])
    assert {result.action for result in created} == {"create"}
    assert sum(hubspot.calls().values()) == 10

    fresh = client()  # knows nothing of the portal yet
    updates = [item(n, r.external_id, first_name="Anna") for n, r in enumerate(created, 1)]
    assert {result.action for result in await pushed(fresh, updates)} == {"update"}
    assert sum(hubspot.calls().values()) == 11

    mixed = [item(n, r.external_id, status="contacted") for n, r in enumerate(created[:450], 1)]
    mixed += [item(number, **lead(number)) for number in range(2001, 2551)]
    await pushed(client(), mixed)
    assert sum(hubspot.calls().values()) <= 12
    contacts = hubspot.contacts()
    assert len(contacts) == 1551
    stored = contacts[created[6].external_id]
    assert (stored["firstname"], stored["mpp_id"], stored["lifecyclestage"]) == (
        "Anna",
        "MPP-7",
        "marketingqualifiedlead",
    )
    assert stored["hs_lead_status"] == "Website"


async def test_every_row_has_its_own_error(hubspot: HubSpot, client: Open, item: Item) -> None:
    api = client()
    items = [item(n, **lead(n, **({"email": "not-an-address"} if n % 50 == 0 else {}))) for n in range(1, 201)]
    for policy in ("trace", "whole"):
        hubspot.world.options.batch_errors = policy
        results = await api.push(items)
        assert [n for n, result in enumerate(results, 1) if not result.ok] == [50, 100, 150, 200]
        bad = results[49]
        assert bad.error is not None
        assert (bad.kind, bad.error.code, bad.error.field) == (FailureKind.VALIDATION, "INVALID_EMAIL", "email")
        assert (bad.error.attempted_value, bad.unknown_outcome) == ("not-an-address", False)
    assert len(hubspot.contacts()) == 196


async def test_a_status_that_the_portal_does_not_have_is_the_records_own_error(
    hubspot: HubSpot, client: Open, item: Item
) -> None:
    config = {"crm_type": "hubspot", "custom_transformations": {"status": {"qualified": "Hot"}}}
    hubspot.world.options.batch_errors = "whole"
    items = [item(n, config=config, **lead(n, status="qualified" if n in (3, 4) else "new")) for n in range(1, 60)]
    results = await client(**config).push(items)
    assert [n for n, result in enumerate(results, 1) if not result.ok] == [3, 4]
    assert results[2].error is not None
    assert (results[2].error.code, results[2].error.attempted_value) == ("INVALID_OPTION", "Hot")


async def test_a_batch_that_is_refused_for_no_reason_given_is_tried_in_parts(
    hubspot: HubSpot, client: Open, item: Item
) -> None:
    api = client()
    await api.test()
    hubspot.faults({"kind": "batch_refused", "times": 2, "message": "Something went wrong"})
    await pushed(api, [item(number, **lead(number)) for number in range(1, 101)])
    hubspot.calls()
    hubspot.faults({"kind": "batch_refused", "message": "Nothing goes"})
    results = await api.push([item(number, **lead(number)) for number in range(101, 201)])
    assert {result.error.message for result in results if result.error} == {"Nothing goes"}
    assert sum(hubspot.calls().values()) < 35  # not two hundred


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "lost_answer", "probability": 0.3},
        {"kind": "status", "status": 502, "probability": 0.3},
        {"kind": "reset", "probability": 0.3},
        {"kind": "truncate", "probability": 0.3},
        {"kind": "html", "probability": 0.3},
        {"kind": "rate_limit", "probability": 0.3},
        {"kind": "locked", "probability": 0.3},
        {"kind": "row_error", "probability": 0.02, "category": "RATE_LIMITS"},
    ],
    ids=lambda rule: rule["kind"],
)
async def test_repetition_after_any_fault_loses_and_doubles_nothing(
    hubspot: HubSpot, client: Open, item: Item, rule: dict[str, Any]
) -> None:
    api = client()
    await api.test()
    hubspot.faults({"match": {"path": "/batch/"}, **rule}, seed=3)
    waiting = {n: item(n, **lead(n, status="enrolled" if n % 10 == 0 else "new")) for n in range(1, 501)}
    kinds: set[FailureKind | None] = set()
    for _ in range(60):
        results = await api.push(list(waiting.values()))
        kinds |= {result.kind for result in results}
        for number, result in zip(list(waiting), results, strict=True):
            if result.ok:
                del waiting[number]
        if not waiting:
            break
    assert not waiting
    assert kinds & {FailureKind.NETWORK, FailureKind.SERVER, FailureKind.RATE_LIMIT}
    contacts = hubspot.contacts()
    assert sorted(each["mpp_id"] for each in contacts.values()) == sorted(f"MPP-{n}" for n in range(1, 501))
    assert len(hubspot.deals()) == 50


async def test_failures_of_the_road_have_names(hubspot: HubSpot, client: Open, item: Item) -> None:
    api = client(timeout=0.5)
    await api.test()
    for rule, kind, code, unknown in (
        ({"kind": "lost_answer"}, FailureKind.NETWORK, "CONNECTION_LOST", True),
        ({"kind": "truncate"}, FailureKind.NETWORK, "CONNECTION_LOST", True),
        ({"kind": "latency", "seconds": 2}, FailureKind.NETWORK, "TIMEOUT", True),
        ({"kind": "html"}, FailureKind.SERVER, "HTML_ANSWER", True),
        ({"kind": "status", "status": 503}, FailureKind.SERVER, "HTTP_503", True),
        ({"kind": "status", "status": 200, "body": "{}"}, FailureKind.SERVER, "UNEXPECTED_ANSWER", True),
        ({"kind": "status", "status": 200, "body": '{"status":"error","category":"X"}'}, FailureKind.SERVER, "X", True),
        ({"kind": "status", "status": 302, "headers": {"Location": "https://evil.example"}}, FailureKind.SERVER,
         "REDIRECT_REFUSED", True),
        ({"kind": "migrating", "seconds": 9}, FailureKind.SERVER, "HTTP_477", False),
        ({"kind": "locked"}, FailureKind.SERVER, "LOCKED", False),
        ({"kind": "rate_limit", "policy": "DAILY"}, FailureKind.RATE_LIMIT, "DAILY", False),
        ({"kind": "revoked_token"}, FailureKind.AUTH, "INVALID_AUTHENTICATION", False),
    ):  # fmt: skip
        hubspot.faults({"match": {"path": "/batch/"}, "times": 1, **rule})
        (result,) = await api.push([item(1, **lead(1))])
        assert result.error is not None
        assert (result.kind, result.error.code, result.unknown_outcome) == (kind, code, unknown), rule
        assert "pat-na1-hub" not in repr(result)
    hubspot.faults()
    await pushed(api, [item(1, **lead(1))])
    assert len(hubspot.contacts()) == 1


async def test_a_contact_with_the_leads_email_is_linked_unless_it_is_anothers(
    hubspot: HubSpot, client: Open, item: Item
) -> None:
    api = client()
    bare = hubspot.world.create("contacts", {"email": "ana1@example.com", "firstname": "A", "city": "Waco"})["id"]
    for policy in ("trace", "whole"):
        hubspot.world.options.batch_errors = policy
        results = await api.push([item(number, **lead(number)) for number in range(1, 21)])
        assert all(result.ok for result in results)
        assert results[0].external_id == bare
    assert (results[0].action, results[1].action) == ("link", "link")  # the second time all of them are there
    stored = hubspot.contacts()[bare]
    assert (stored["mpp_id"], stored["firstname"], stored["city"]) == ("MPP-1", "Ana1", "Waco")
    other, taken = await api.push([item(99, **lead(1)), item(2, results[1].external_id, email="ana3@example.com")])
    assert other.error is not None
    assert (other.kind, other.error.code, other.error.field) == (FailureKind.VALIDATION, "CONFLICT", "email")
    assert other.error.attempted_value == "ana1@example.com"
    assert taken.error is not None
    assert (taken.error.code, taken.error.field) == ("CONFLICT", "email")
    assert len(hubspot.contacts()) == 20


async def test_leads_that_share_an_email_or_a_contact_do_not_sink_the_batch(
    hubspot: HubSpot, client: Open, item: Item
) -> None:
    api = client()
    first, second, third = await api.push([item(1, **lead(1)), item(2, **lead(1)), item(3, **lead(3))])
    assert (first.ok, second.ok, third.ok) == (True, False, True)
    assert second.error is not None
    assert second.error.code == "CONFLICT"
    one = first.external_id
    results = await pushed(
        api, [item(1, one, first_name="Bea"), item(1, one, last_name="Cruz"), item(4, one, city="Rome")]
    )
    assert {result.external_id for result in results} == {one}
    stored = hubspot.contacts()[one]
    assert (stored["firstname"], stored["lastname"], stored["city"]) == ("Bea", "Cruz", "Rome")


async def test_a_contact_that_came_from_hubspot_gets_the_reference_with_its_first_update(
    hubspot: HubSpot, client: Open, item: Item
) -> None:
    api = client()
    one, two = (hubspot.world.create("contacts", {"email": f"{name}@example.com"})["id"] for name in "ab")
    (result,) = await pushed(api, [item(5, one, first_name="Ana")])
    assert hubspot.contacts()[one]["mpp_id"] == "MPP-5"
    assert await api.find("MPP-5", None) == one
    # A second contact of the same lead is updated all the same, without the reference.
    (result,) = await pushed(api, [item(5, two, first_name="Ana")])
    assert (result.external_id, hubspot.contacts()[two].get("mpp_id")) == (two, None)
    assert hubspot.contacts()[two]["firstname"] == "Ana"


async def test_records_that_are_gone_say_so(hubspot: HubSpot, client: Open, item: Item) -> None:
    api = client()
    kept, gone = await pushed(api, [item(1, **lead(1)), item(2, **lead(2))])
    hubspot.world.delete("contacts", gone.external_id)
    ids = [kept.external_id, gone.external_id, "999999999", "not-an-id"]
    results = await api.push([item(n, each, city="Rome") for n, each in enumerate(ids, 1)])
    assert [(result.ok, result.gone) for result in results] == [
        (True, False),
        (False, True),
        (False, True),
        (False, True),
    ]


async def test_a_merged_contact_is_updated_where_it_lives_on(hubspot: HubSpot, client: Open, item: Item) -> None:
    api = client()
    one, two = await pushed(api, [item(1, **lead(1)), item(2, **lead(2))])
    hubspot.world.merge("contacts", one.external_id, [two.external_id])
    (result,) = await pushed(api, [item(2, two.external_id, city="Rome")])
    assert result.external_id == one.external_id
    assert hubspot.contacts()[one.external_id]["city"] == "Rome"


async def test_deleting_twice_is_done(hubspot: HubSpot, client: Open, item: Item) -> None:
    api = client()
    created = await pushed(api, [item(n, **lead(n)) for n in range(1, 131)])
    items = [item(n, result.external_id) for n, result in enumerate(created, 1)]
    for _ in range(2):
        assert {(result.ok, result.action) for result in await api.delete([*items, item(7)])} == {(True, "delete")}
    assert hubspot.contacts() == {}
    hubspot.faults({"kind": "status", "status": 500})
    (failed,) = await api.delete(items[:1])
    assert (failed.ok, failed.kind, failed.unknown_outcome) == (False, FailureKind.SERVER, True)


async def test_results_in_another_order_find_their_items(hubspot: HubSpot, client: Open, item: Item) -> None:
    hubspot.world.options.shuffle_results = True
    results = await pushed(client(), [item(n, **lead(n)) for n in range(1, 101)])
    contacts = hubspot.contacts()
    assert [contacts[result.external_id]["mpp_id"] for result in results] == [f"MPP-{n}" for n in range(1, 101)]


async def test_finding(hubspot: HubSpot, client: Open, item: Item) -> None:
    api = client()
    (mine,) = await pushed(api, [item(1, **lead(1))])
    bare = hubspot.world.create("contacts", {"email": "b+1@example.com"})["id"]
    assert await api.find("MPP-1", None) == mine.external_id
    assert await api.find("MPP-2", "B+1@example.com") == bare
    assert await api.find("MPP-2", "ana1@example.com") is None  # another lead's
    assert await api.find("MPP-2", "who@example.com") is None
    assert await api.find("MPP-2", None) is None


async def test_dated_paths(hubspot: HubSpot, client: Open, item: Item) -> None:
    api = client(api_version="2026-03")
    identity = await api.test()
    assert identity.tenant == "12345678"
    (result,) = await pushed(api, [item(1, **lead(1))])
    assert [record.record_id for record in await api.fetch([str(result.external_id)])] == [result.external_id]
    assert not [route for route in hubspot.calls() if "/v3" in route or ":v3" in route]
