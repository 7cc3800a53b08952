"""The simulated HubSpot under HubSpot's own Python client, which knows nothing of a simulator."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hubspot import HubSpot
from hubspot.crm.associations.v4 import AssociationSpec
from hubspot.crm.contacts import (
    ApiException,
    BatchInputSimplePublicObjectBatchInput,
    BatchInputSimplePublicObjectBatchInputForCreate,
    BatchInputSimplePublicObjectBatchInputUpsert,
    BatchInputSimplePublicObjectId,
    BatchReadInputSimplePublicObjectId,
    PublicGdprDeleteInput,
    PublicMergeInput,
    PublicObjectSearchRequest,
    SimplePublicObjectInput,
    SimplePublicObjectInputForCreate,
)
from hubspot.crm.properties import PropertyCreate, PropertyUpdate
from hubspot.oauth import ApiException as OAuthException
from hubspot.webhooks import SettingsChangeRequest, SubscriptionCreateRequest, SubscriptionPatchRequest

from simulators.kit.serving import Running

TOKEN = "pat-na1-hub"


@pytest.fixture
def hubspot(crm: Running) -> HubSpot:
    """The client, by private token."""
    return HubSpot(access_token=TOKEN, host=crm.url)


async def threaded(work: Callable[[], Any]) -> Any:
    """The client blocks; the simulator must run meanwhile."""
    return await asyncio.to_thread(work)


def contact(**properties: str) -> SimplePublicObjectInputForCreate:
    return SimplePublicObjectInputForCreate(properties=properties)


async def test_a_contact_s_life(hubspot: HubSpot) -> None:
    def work() -> None:
        api = hubspot.crm.contacts.basic_api
        made = api.create(contact(email="Zoe.K@Example.com", firstname="Zoë", lifecyclestage="lead"))
        assert made.properties["email"] == "zoe.k@example.com"
        assert made.properties["hs_object_id"] == made.id
        assert made.archived is False

        read = api.get_by_id(made.id, properties=["phone", "lifecyclestage", "no_such_property"])
        assert set(read.properties) == {"phone", "lifecyclestage", "createdate", "hs_object_id", "lastmodifieddate"}
        assert (read.properties["phone"], read.properties["lifecyclestage"]) == (None, "lead")
        assert api.get_by_id("ZOE.K@example.com", id_property="email").id == made.id

        change = SimplePublicObjectInput(properties={"phone": "210-555-0123", "firstname": ""})
        changed = api.update(made.id, change)
        assert (changed.properties["phone"], changed.properties["firstname"]) == ("210-555-0123", None)
        assert changed.updated_at > made.updated_at

        past = api.get_by_id(made.id, properties_with_history=["firstname"]).properties_with_history["firstname"]
        assert [each.value for each in past] == ["", "Zoë"]

        api.archive(made.id)
        with pytest.raises(ApiException) as gone:
            api.get_by_id(made.id)
        assert gone.value.status == 404
        archived = api.get_by_id(made.id, archived=True)
        assert archived.archived is True
        assert archived.archived_at is not None

    await threaded(work)


async def test_all_pages(crm: Running, hubspot: HubSpot) -> None:
    ids = crm.world.seed("contacts", 250, None, 1)

    def work() -> None:
        assert [each.id for each in hubspot.crm.contacts.get_all()] == ids
        page = hubspot.crm.contacts.basic_api.get_page(limit=100, after=ids[149])
        assert [each.id for each in page.results] == ids[150:]
        assert page.paging is None
        hubspot.crm.contacts.basic_api.archive(ids[7])
        left = hubspot.crm.contacts.get_all()
        assert len(left) == 249
        assert [each.id for each in hubspot.crm.contacts.basic_api.get_page(archived=True).results] == [ids[7]]

    await threaded(work)


async def test_batches(hubspot: HubSpot) -> None:
    def work() -> None:
        api = hubspot.crm.contacts.batch_api
        rows = [{"properties": {"email": f"p{each}@example.com"}, "associations": []} for each in range(100)]
        made = api.create(BatchInputSimplePublicObjectBatchInputForCreate(inputs=rows))
        assert (made.status, len(made.results)) == ("COMPLETE", 100)

        wishes = [{"id": f"p{each}@example.com", "idProperty": "email", "properties": {"firstname": f"F{each}"}}
                  for each in range(99, 102)]  # fmt: skip
        upserted = api.upsert(BatchInputSimplePublicObjectBatchInputUpsert(inputs=wishes))
        assert {each.properties["email"]: each.new for each in upserted.results} == {
            "p99@example.com": False, "p100@example.com": True, "p101@example.com": True}  # fmt: skip

        first, second = made.results[0].id, made.results[1].id
        update = [{"id": first, "properties": {"city": "Austin"}}, {"id": "999", "properties": {"city": "Austin"}}]
        updated = api.update(BatchInputSimplePublicObjectBatchInput(inputs=update))
        assert [(each.category, each.context) for each in updated.errors] == [("OBJECT_NOT_FOUND", {"ids": ["999"]})]
        assert [each.id for each in updated.results] == [first]

        wanted = {"inputs": [{"id": "p0@example.com"}, {"id": "x@example.com"}], "id_property": "email",
                  "properties": ["city"], "properties_with_history": []}  # fmt: skip
        read = api.read(BatchReadInputSimplePublicObjectId(**wanted))
        assert [each.properties["city"] for each in read.results] == ["Austin"]
        assert read.errors[0].context == {"ids": ["x@example.com"]}

        api.archive(BatchInputSimplePublicObjectId(inputs=[{"id": first}, {"id": second}, {"id": "999"}]))
        assert len(hubspot.crm.contacts.get_all()) == 100

    await threaded(work)


async def test_search_pages_by_offset(crm: Running, hubspot: HubSpot) -> None:
    ids = crm.world.seed("contacts", 450, None, 1)

    def work() -> None:
        found, after = [], None
        while True:
            request = PublicObjectSearchRequest(
                filter_groups=[{"filters": [{"propertyName": "lastmodifieddate", "operator": "GTE", "value": "0"}]}],
                sorts=[{"propertyName": "lastmodifieddate", "direction": "ASCENDING"}],
                properties=["email"], limit=200, after=after,
            )  # fmt: skip
            page = hubspot.crm.contacts.search_api.do_search(request)
            assert page.total == 450
            found += page.results
            if page.paging is None:
                break
            after = page.paging.next.after
        assert [each.id for each in found] == ids
        text = PublicObjectSearchRequest(query=found[3].properties["email"], limit=10)
        assert [each.id for each in hubspot.crm.contacts.search_api.do_search(text).results] == [ids[3]]

    await threaded(work)


async def test_errors_reach_the_client(hubspot: HubSpot) -> None:
    def work() -> None:
        api = hubspot.crm.contacts.basic_api
        known = api.create(contact(email="a@example.com"))
        with pytest.raises(ApiException) as twice:
            api.create(contact(email="A@example.com"))
        assert twice.value.status == 409
        assert f"Contact already exists. Existing ID: {known.id}" in twice.value.body
        with pytest.raises(ApiException) as bad:
            api.create(contact(email="nonsense", colour="red", lifecyclestage="wizard"))
        assert bad.value.status == 400
        for code in ("INVALID_EMAIL", "PROPERTY_DOESNT_EXIST", "INVALID_OPTION"):
            assert code in bad.value.body
        with pytest.raises(ApiException) as stranger:
            HubSpot(access_token="wrong", host=hubspot.config["host"]).crm.contacts.basic_api.get_page()
        assert (stranger.value.status, "INVALID_AUTHENTICATION" in stranger.value.body) == (401, True)

    await threaded(work)


async def test_merge_and_forget(hubspot: HubSpot) -> None:
    def work() -> None:
        api = hubspot.crm.contacts.basic_api
        one = api.create(contact(email="one@example.com", firstname="One"))
        two = api.create(contact(email="two@example.com", city="Austin"))
        merged = api.merge(PublicMergeInput(primary_object_id=one.id, object_id_to_merge=two.id))
        assert merged.id == one.id
        read = api.get_by_id(two.id, properties=["city", "email", "hs_additional_emails", "hs_merged_object_ids"])
        assert (read.id, read.properties["city"], read.properties["email"]) == (one.id, "Austin", "one@example.com")
        assert read.properties["hs_additional_emails"] == "two@example.com"
        assert read.properties["hs_merged_object_ids"] == two.id
        with pytest.raises(ApiException) as taken:
            api.create(contact(email="two@example.com"))
        assert f"Existing ID: {one.id}" in taken.value.body
        api.purge(PublicGdprDeleteInput(object_id="one@example.com", id_property="email"))
        for archived in (False, True):
            with pytest.raises(ApiException):
                api.get_by_id(one.id, archived=archived)

    await threaded(work)


async def test_properties_owners_pipelines(hubspot: HubSpot) -> None:
    def work() -> None:
        core = hubspot.crm.properties.core_api
        names = {each.name: each for each in core.get_all("contacts").results}
        assert names["lastmodifieddate"].modification_metadata.read_only_value is True
        assert {each.value for each in names["lifecyclestage"].options} >= {"lead", "customer"}
        wish = PropertyCreate(name="mpp_id", label="MPP id", type="string", field_type="text",
                              group_name="contactinformation", has_unique_value=True, options=[])  # fmt: skip
        assert core.create("contacts", wish).has_unique_value is True
        assert core.update("0-1", "mpp_id", PropertyUpdate(label="Ours")).label == "Ours"
        api = hubspot.crm.contacts
        api.basic_api.create(contact(mpp_id="MPP-1"))
        assert api.basic_api.get_by_id("MPP-1", id_property="mpp_id").properties["lastname"] is None
        with pytest.raises(ApiException) as taken:
            api.basic_api.create(contact(mpp_id="MPP-1"))
        assert "already has that value" in taken.value.body
        core.archive("contacts", "mpp_id")
        assert "mpp_id" in {each.name for each in core.get_all("contacts", archived=True).results}

        owners = hubspot.crm.owners.owners_api.get_page().results
        assert hubspot.crm.owners.owners_api.get_by_id(owners[0].id).email == owners[0].email
        pipelines = hubspot.crm.pipelines.pipelines_api.get_all("deals").results
        assert [each.id for each in pipelines[0].stages][-2:] == ["closedwon", "closedlost"]

    await threaded(work)


async def test_deals_belong_to_contacts(hubspot: HubSpot) -> None:
    def work() -> None:
        someone = hubspot.crm.contacts.basic_api.create(contact(email="a@example.com"))
        links = [{"to": {"id": someone.id},
                  "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 3}]}]  # fmt: skip
        wish = SimplePublicObjectInputForCreate(properties={"dealname": "Plan", "amount": "12.50"}, associations=links)
        deal = hubspot.crm.deals.basic_api.create(wish)
        read = hubspot.crm.deals.basic_api.get_by_id(deal.id, associations=["contacts"])
        assert [each.id for each in read.associations["contacts"].results] == [someone.id]
        found = hubspot.crm.associations.v4.basic_api.get_page("contacts", someone.id, "deals").results
        assert [str(each.to_object_id) for each in found] == [deal.id]
        company = hubspot.crm.companies.basic_api.create(SimplePublicObjectInputForCreate(properties={"name": "ACME"}))
        spec = [AssociationSpec(association_category="HUBSPOT_DEFINED", association_type_id=279)]
        hubspot.crm.associations.v4.basic_api.create("contacts", someone.id, "companies", company.id, spec)
        linked = hubspot.crm.companies.basic_api.get_by_id(company.id, associations=["contact"])
        assert [each.id for each in linked.associations["contacts"].results] == [someone.id]

    await threaded(work)


async def test_oauth_by_the_client(crm: Running) -> None:
    grants = crm.world.grants
    code = grants.issue_code("hub-client", "http://localhost/back", "crm.objects.contacts.read oauth")
    own = {"client_id": "hub-client", "client_secret": "hub-secret"}

    def work() -> None:
        client = HubSpot(host=crm.url)
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": "http://localhost/back", **own}
        tokens = client.oauth.tokens_api.create(**form)
        assert (tokens.expires_in, tokens.token_type) == (1800, "bearer")
        with pytest.raises(OAuthException) as used:
            client.oauth.tokens_api.create(**form)
        assert (used.value.status, "BAD_AUTH_CODE" in used.value.body) == (400, True)

        again = client.oauth.tokens_api.create(grant_type="refresh_token", refresh_token=tokens.refresh_token, **own)
        assert again.refresh_token == tokens.refresh_token
        assert again.access_token != tokens.access_token
        about = client.oauth.access_tokens_api.get(again.access_token)
        assert (about.hub_id, about.scopes) == (12345678, ["crm.objects.contacts.read", "oauth"])

        client.access_token = again.access_token
        assert client.crm.contacts.get_all() == []
        with pytest.raises(ApiException) as forbidden:
            client.crm.contacts.basic_api.create(contact(email="a@example.com"))
        assert (forbidden.value.status, "crm.objects.contacts.write" in forbidden.value.body) == (403, True)

        client.oauth.refresh_tokens_api.archive(tokens.refresh_token)
        with pytest.raises(OAuthException) as dead:
            client.oauth.tokens_api.create(grant_type="refresh_token", refresh_token=tokens.refresh_token, **own)
        assert "BAD_REFRESH_TOKEN" in dead.value.body
        assert client.crm.contacts.get_all() == []  # what lives, lives on

    await threaded(work)


async def test_webhook_settings_by_the_client(crm: Running) -> None:
    def work() -> None:
        api = HubSpot(api_key="hub-developer-key", host=crm.url).webhooks
        with pytest.raises(Exception, match="404"):
            api.settings_api.get_all(54321)
        wish = SettingsChangeRequest(target_url=crm.url + "/x", throttling={"maxConcurrentRequests": 10})
        assert api.settings_api.configure(54321, wish).target_url == crm.url + "/x"
        made = api.subscriptions_api.create(54321, SubscriptionCreateRequest(
            event_type="contact.propertyChange", property_name="email", active=True))  # fmt: skip
        assert api.subscriptions_api.update(made.id, 54321, SubscriptionPatchRequest(active=False)).active is False
        batch = {"inputs": [{"id": int(made.id), "active": True}]}
        assert api.subscriptions_api.update_batch(54321, batch).results[0].active is True
        assert [each.id for each in api.subscriptions_api.get_all(54321).results] == [made.id]
        api.subscriptions_api.archive(made.id, 54321)
        assert api.subscriptions_api.get_all(54321).results == []
        api.settings_api.clear(54321)

    await threaded(work)
