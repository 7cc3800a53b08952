"""What an org has when it is new, and made-up records."""

import random
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from simulators.kit.clock import Clock
from simulators.kit.people import person
from simulators.salesforce.ids import full_id
from simulators.salesforce.schema import Schema
from simulators.salesforce.standard import CONVERTED_STATUS, LEAD_STATUSES, SOURCES, STAGES
from simulators.salesforce.store import Record, Store
from simulators.salesforce.times import told

ORG_ID = full_id("00D5e000000HubC") or ""
AGENTS = 8
_PER_SECOND = 7  # seeded records share a second, as those of a real import do


def furnish(schema: Schema, store: Store, clock: Clock) -> str:
    """Users, queues, the organization, stages and statuses; the id of the user that the API acts as."""
    now = told(clock.now())

    def put(kind: str, fields: Mapping[str, Any], record_id: str | None = None) -> str:
        table = store.table(schema.needed(kind))
        record_id = record_id or table.new_id()
        stamps = dict.fromkeys(("CreatedDate", "LastModifiedDate", "SystemModstamp"), now)
        table.put({"Id": record_id, "IsDeleted": False, **stamps, **fields})
        return record_id

    user = put("User", _user("Integration", "User", "integration@hub.example.com"))
    for number in range(AGENTS):
        one = person(number, seed=77)
        put("User", _user(one.first, one.last, f"agent{number + 1}@hub.example.com"))
    put("User", _user("Former", "Agent", "former@hub.example.com") | {"IsActive": False})
    for name in ("Open Enrollment", "Renewals"):
        put("Group", {"Name": name, "DeveloperName": name.replace(" ", "_"), "Type": "Queue"})
    put("Organization", {"Name": "Hub Test Org", "IsSandbox": False, "InstanceName": "SIM1",
                         "OrganizationType": "Developer Edition", "LanguageLocaleKey": "en_US",
                         "TimeZoneSidKey": "America/Chicago"}, ORG_ID)  # fmt: skip
    for order, (name, probability, closed, won) in enumerate(STAGES):
        stage = {"MasterLabel": name, "ApiName": name, "IsActive": True, "SortOrder": order + 1}
        put("OpportunityStage", {**stage, "IsClosed": closed, "IsWon": won, "DefaultProbability": float(probability)})
    for order, name in enumerate(LEAD_STATUSES):
        put("LeadStatus", {"MasterLabel": name, "ApiName": name, "SortOrder": order + 1, "IsDefault": not order,
                           "IsConverted": name == CONVERTED_STATUS})  # fmt: skip
    return user


def _user(first: str, last: str, username: str) -> Record:
    return {
        "FirstName": first, "LastName": last, "Name": f"{first} {last}", "Username": username, "Email": username,
        "Alias": (first[:1] + last[:4]).lower(), "IsActive": True, "UserType": "Standard",
    }  # fmt: skip


def made_up(kind: str, count: int, seed: int, owners: list[str]) -> Iterator[Record]:
    """Fields of ``count`` plausible records. Raises KeyError for an object that nobody makes up."""
    make = {"Lead": _lead, "Contact": _contact, "Account": _account, "Opportunity": _opportunity}[kind]
    rng = random.Random(seed)
    for number in range(count):
        yield make(number, seed, rng, rng.choice(owners))


def spread(count: int, clock: Clock) -> Iterator[str]:
    """Stamps for seeded records: a few each second, until now."""
    now = clock.now()
    for number in range(count):
        yield told(now - timedelta(seconds=(count - 1 - number) // _PER_SECOND))


def _lead(number: int, seed: int, rng: random.Random, owner: str) -> Record:
    one = person(number, seed)
    return {
        "FirstName": one.first, "LastName": one.last, "Email": one.email, "Phone": one.phone, "Company": one.company,
        "Title": one.title, "Street": one.street, "City": one.city, "State": one.state, "PostalCode": one.zip,
        "Country": "United States", "Status": rng.choice((*LEAD_STATUSES[:2], LEAD_STATUSES[3])),
        "LeadSource": rng.choice(SOURCES), "OwnerId": owner,
        "Healthcare_Plan__c": rng.choice(("Bronze", "Silver", "Gold", None)),
        "Member_Type__c": rng.choice(("individual", "family", None)),
    }  # fmt: skip


def _contact(number: int, seed: int, rng: random.Random, owner: str) -> Record:
    one = person(number, seed)
    return {
        "FirstName": one.first, "LastName": one.last, "Email": one.email, "Phone": one.phone, "Title": one.title,
        "MailingStreet": one.street, "MailingCity": one.city, "MailingState": one.state,
        "MailingPostalCode": one.zip, "LeadSource": rng.choice(SOURCES), "OwnerId": owner,
    }  # fmt: skip


def _account(number: int, seed: int, _rng: random.Random, owner: str) -> Record:
    one = person(number, seed)
    return {
        "Name": one.company, "Phone": one.phone, "BillingStreet": one.street, "BillingCity": one.city,
        "BillingState": one.state, "BillingPostalCode": one.zip, "OwnerId": owner,
    }  # fmt: skip


def _opportunity(number: int, seed: int, rng: random.Random, owner: str) -> Record:
    one = person(number, seed)
    return {
        "Name": f"{one.company} – {rng.choice(('Group plan', 'Renewal', 'Dental'))}", "OwnerId": owner,
        "StageName": rng.choice(STAGES)[0], "Amount": float(rng.randrange(500, 50_000)),
        "CloseDate": f"2027-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}",
    }  # fmt: skip
