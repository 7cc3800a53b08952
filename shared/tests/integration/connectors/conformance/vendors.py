"""The four stages."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, ClassVar

from hub.contracts.grants import FixedToken, Grant
from hub.contracts.webhooks import WebhookTrust
from simulators.custom import app as custom
from simulators.custom.records import new_record
from simulators.custom.webhooks import Target
from simulators.hubspot import app as hubspot
from simulators.hubspot.oauth import APP_ID
from simulators.hubspot.settings import Settings
from simulators.pipedrive import app as pipedrive
from simulators.salesforce import app as salesforce

from .road import Road, leading_to
from .stage import SECRET, Granted, Person, Sample, Stage

KEY = "canary-api-key"
NO_ADDRESS = {"email": "no address"}


class Simulated(Stage):
    """A stage on the simulators' kit, with a grant."""

    kind: str

    def __init__(self, road: Road, world: Any) -> None:
        super().__init__(road)
        self.world = world
        issued = world.grants.grant("hub-client", self.scope())
        grant = Grant(issued.access_token, issued.grant.refresh_token, None, road.url)
        self.tokens = Granted(self.connector, self.app, self.config, grant)

    def scope(self) -> str:
        """What was granted; nothing is everything."""
        return ""

    def delete(self, record_id: str) -> None:
        self.world.delete(self.kind, record_id)

    def merge(self, winner: str, loser: str) -> None:
        self.world.merge(self.kind, winner, [loser])

    def expire(self) -> None:
        self.world.grants.expire("all")


class Salesforce(Simulated):
    crm_type, kind, page = "salesforce", "Lead", 2000
    base: ClassVar[Mapping[str, Any]] = {}
    refused = Sample(NO_ADDRESS, "Email", ("INVALID_EMAIL_ADDRESS",))
    unknown_choice = Sample(
        {"custom.Healthcare_Plan": "Wood"}, "Healthcare_Plan__c", ("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",)
    )
    custom_name, status_field = "Member_Type__c", "Status"
    wrong: ClassVar[Any] = [{"errorCode": "UNKNOWN_EXCEPTION", "message": "An unexpected error occurred"}]

    def __init__(self, road: Road, world: Any) -> None:
        super().__init__(road, world)
        world.org.reachable(road.url)

    def scope(self) -> str:
        return "api refresh_token"

    def seed(self, count: int) -> list[str]:
        rows = [{"LastName": f"L{n}", "Company": "C", "Email": f"s{n}@example.com"} for n in range(count)]
        ids: list[str] = self.world.seed("Lead", 0, rows, 1)
        return ids

    def create(self, last_name: str, email: str) -> str:
        return str(self.world.create("Lead", {"LastName": last_name, "Company": "C", "Email": email})["Id"])

    def rename(self, record_id: str, last_name: str) -> None:
        self.world.edit("Lead", record_id, {"LastName": last_name})

    def people(self) -> dict[str, Person]:
        rows = self.world.records("Lead", deleted=False)
        return {row["Id"]: Person(row.get("LastName"), row.get("Email"), row.get("MPP_Id__c")) for row in rows}

    def companions(self) -> list[str]:
        both = [*self.world.records("Contact", deleted=False), *self.world.records("Opportunity", deleted=False)]
        return sorted(str(row.get("MPP_Id__c")) for row in both)

    async def listen(self, url: str) -> WebhookTrust:
        target = {"url": url, "secret": SECRET, "mode": "simple", "batch": 10}
        self.world.org.events.point(target)
        return WebhookTrust("simple", SECRET.encode(), self.config)


class HubSpot(Simulated):
    crm_type, kind, page = "hubspot", "contacts", 100
    base: ClassVar[Mapping[str, Any]] = {"auth_type": "oauth2"}
    refused = Sample(NO_ADDRESS, "email", ("INVALID_EMAIL",))
    unknown_choice = Sample({"lead_source": "Moon"}, "hs_lead_status", (), {"add_choices": False})
    custom_name, status_field = "member_type", "lifecyclestage"
    wrong: ClassVar[Any] = {"status": "error", "message": "internal error", "category": "INTERNAL_ERROR"}

    def seed(self, count: int) -> list[str]:
        rows = [{"lastname": f"L{n}", "email": f"s{n}@example.com"} for n in range(count)]
        ids: list[str] = self.world.seed("contacts", 0, rows, 1)
        return ids

    def create(self, last_name: str, email: str) -> str:
        return str(self.world.create("contacts", {"lastname": last_name, "email": email})["id"])

    def rename(self, record_id: str, last_name: str) -> None:
        self.world.edit("contacts", record_id, {"lastname": last_name})

    def people(self) -> dict[str, Person]:
        rows = {row["id"]: row["properties"] for row in self.world.records("contacts", deleted=False)}
        return {each: Person(row.get("lastname"), row.get("email"), row.get("mpp_id")) for each, row in rows.items()}

    def companions(self) -> list[str]:
        return sorted(str(row["properties"].get("mpp_id")) for row in self.world.records("deals", deleted=False))

    async def listen(self, url: str) -> WebhookTrust:
        app = self.world.webhooks.app(APP_ID)
        app.point({"targetUrl": url}, 1)
        for event in ("creation", "deletion", "merge", "propertyChange"):
            row = {"eventType": f"contact.{event}", "active": True}
            row |= {"propertyName": "lastname"} if event == "propertyChange" else {}
            app.subscribe(row, self.world.webhooks.next_subscription(), 1)
        return WebhookTrust("timestamped", b"hub-secret", self.config)


class Pipedrive(Simulated):
    crm_type, kind, page = "pipedrive", "persons", 500
    base: ClassVar[Mapping[str, Any]] = {"auth_type": "oauth2"}
    refused = Sample({"date_of_birth": "some day"}, "Date of Birth", ("INVALID_VALUE",))
    unknown_choice = Sample({"lead_source": "Moon"}, "Lead Source", ("NO_SUCH_OPTION",), {"create_options": False})
    custom_name, status_field = "Member Type", "Lead Status"
    wrong: ClassVar[Any] = {"success": False, "error": "something broke", "error_info": "ask us"}

    def scope(self) -> str:
        return str(self.world.options.scopes).replace(",", " ")

    def seed(self, count: int) -> list[str]:
        rows = [{"name": f"F L{n}", "emails": [{"value": f"s{n}@example.com", "primary": True}]} for n in range(count)]
        ids: list[str] = self.world.seed("persons", 0, rows, 1)
        return ids

    def create(self, last_name: str, email: str) -> str:
        person = {"name": f"F {last_name}", "emails": [{"value": email, "primary": True}]}
        return str(self.world.create("persons", person)["id"])

    def rename(self, record_id: str, last_name: str) -> None:
        self.world.edit("persons", record_id, {"name": f"F {last_name}"})

    def people(self) -> dict[str, Person]:
        return {str(row["id"]): self._person(row) for row in self.world.records("persons", deleted=False)}

    def companions(self) -> list[str]:
        key = self.world.crm.fields["deal"].key_of("MPP ID")
        return sorted(str(row["custom_fields"].get(key)) for row in self.world.records("deals", deleted=False))

    async def listen(self, url: str) -> WebhookTrust:
        wish = {"subscription_url": url, "event_action": "*", "event_object": "person", "name": "hub"}
        wish |= {"http_auth_user": "hub", "http_auth_password": SECRET}
        self.world.webhooks.subscribe(wish, user_id=1, company_id=123, client_id=None)
        return WebhookTrust("simple", SECRET.encode(), self.config, "123")

    def _person(self, row: Mapping[str, Any]) -> Person:
        key = self.world.crm.fields["person"].key_of("MPP ID")
        email = row["emails"][0]["value"] if row["emails"] else None
        return Person(row["name"].split(" ", 1)[-1], email, row["custom_fields"].get(key))


class Custom(Stage):
    crm_type, page = "custom", 10
    base: ClassVar[Mapping[str, Any]] = {}
    refused = Sample(NO_ADDRESS, "email", ("INVALID_EMAIL",))
    unknown_choice = Sample({"phone": "5" * 60}, "phone", ("TOO_LONG",))  # a CRM without choices
    custom_name, status_field = "memberKind", "status"
    wrong: ClassVar[Any] = {"success": False, "error": {"code": "BROKEN", "message": "something broke"}}

    def __init__(self, road: Road, crm: Any) -> None:
        super().__init__(road)
        self.crm, self.tokens = crm, FixedToken(KEY)

    @property
    def config(self) -> dict[str, Any]:
        endpoints = {"delete_lead": "/leads/{id}", "find_lead": "/leads?external_id={reference}"}
        incremental = {"query": "updated_since={since}", "overlap_seconds": 2}
        return {
            "crm_type": "custom", "auth_type": "api_key", "base_url": f"{self.road.url}/v2", "endpoints": endpoints,
            "paging": {"kind": "page", "size": 10, "size_param": "per_page", "total_path": "total"},
            "incremental": incremental, "deleted_path": "gone", "rate_limit": {"requests": 100},
        }  # fmt: skip

    def seed(self, count: int) -> list[str]:
        rows = [{"last_name": f"L{n}", "email": f"s{n}@example.com"} for n in range(count)]
        records = [new_record(self.crm.store.next_number(), row) for row in rows]
        self.crm.store.insert(records)
        return [str(record["id"]) for record in records]

    def create(self, last_name: str, email: str) -> str:
        return str(self.crm.create({"last_name": last_name, "email": email}, by_api=False)["id"])

    def rename(self, record_id: str, last_name: str) -> None:
        self.crm.change(record_id, {"last_name": last_name}, by_api=False)

    def delete(self, record_id: str) -> None:
        self.crm.change(record_id, {"gone": True}, by_api=False)

    def people(self) -> dict[str, Person]:
        rows = [row for row in self.crm.store.everything() if not row.get("gone")]
        return {row["id"]: Person(row.get("last_name"), row.get("email"), row.get("external_id")) for row in rows}

    async def listen(self, url: str) -> WebhookTrust:
        self.crm.webhooks.point(Target(url, SECRET, "timestamped"))
        return WebhookTrust("timestamped", SECRET.encode(), self.config)


@asynccontextmanager
async def staged(crm_type: str) -> AsyncIterator[Stage]:
    """The vendor's simulator in this process, without limits; the road to it; its stage."""
    if crm_type == "custom":
        async with custom.running(":memory:", KEY) as bare, leading_to(bare.url) as road:
            yield Custom(road, bare.crm)
        return
    made: Any = {"salesforce": Salesforce, "hubspot": HubSpot, "pipedrive": Pipedrive}[crm_type]
    simulators: Any = {
        "salesforce": salesforce.running, "hubspot": lambda: hubspot.running(Settings()),
        "pipedrive": pipedrive.running,
    }  # fmt: skip
    async with simulators[crm_type]() as simulated, leading_to(simulated.url) as road:
        if crm_type != "salesforce":
            simulated.world.limits({"off": True})
        yield made(road, simulated.world)
