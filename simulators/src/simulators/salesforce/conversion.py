"""A lead becomes a contact at an account, perhaps with an opportunity, and is no longer edited."""

from collections.abc import Mapping
from typing import Any

from simulators.salesforce.errors import RowRefused
from simulators.salesforce.records import Records
from simulators.salesforce.rules import Actor
from simulators.salesforce.standard import CONVERTED_STATUS, STAGES
from simulators.salesforce.store import Record

_PERSON = (
    "FirstName", "LastName", "Salutation", "Title", "Email", "Phone", "MobilePhone", "Fax", "LeadSource",
    "Description", "OwnerId", "Member_Type__c",
)  # fmt: skip
_ADDRESS = ("Street", "City", "State", "PostalCode", "Country")


def convert(records: Records, lead_id: str, wish: Mapping[str, Any], actor: Actor) -> dict[str, str | None]:
    """Convert. ``wish``: accountId and contactId to join, createOpportunity (default true), opportunityName,
    convertedStatus. The ids of what the lead became. Raises RowRefused."""
    lead_kind = records.schema.needed("Lead")
    with records.transaction(actor):
        lead = records.existing(records.store.table(lead_kind), lead_id)
        if lead.get("IsConverted"):
            raise RowRefused("CANNOT_CONVERT_CONVERTED_LEAD", "lead is already converted")
        account_id = wish.get("accountId") or _account(records, lead, actor)
        contact_id = wish.get("contactId") or _contact(records, lead, account_id, actor)
        opportunity_id = None
        if wish.get("createOpportunity", True):
            opportunity_id = _opportunity(records, lead, account_id, contact_id, wish, actor)
        day = records.today()
        records.touch(lead_kind, lead["Id"], {
            "IsConverted": True, "ConvertedDate": day, "ConvertedAccountId": account_id,
            "ConvertedContactId": contact_id, "ConvertedOpportunityId": opportunity_id,
            "Status": wish.get("convertedStatus") or CONVERTED_STATUS,
        }, actor, modified=True)  # fmt: skip
    return {"leadId": lead["Id"], "accountId": account_id, "contactId": contact_id, "opportunityId": opportunity_id}


def _account(records: Records, lead: Record, actor: Actor) -> str:
    kind = records.schema.needed("Account")
    address = {f"Billing{part}": lead.get(part) for part in _ADDRESS}
    draft = {"Name": lead["Company"], "Website": lead.get("Website"), "Phone": lead.get("Phone"), **address}
    return records.create(kind, draft, actor)


def _contact(records: Records, lead: Record, account_id: str, actor: Actor) -> str:
    kind = records.schema.needed("Contact")
    address = {f"Mailing{part}": lead.get(part) for part in _ADDRESS}
    person = {name: lead.get(name) for name in _PERSON if kind.field(name)}
    return records.create(kind, {**person, **address, "AccountId": account_id}, actor)


def _opportunity(
    records: Records, lead: Record, account_id: str, contact_id: str, wish: Mapping[str, Any], actor: Actor
) -> str:
    draft = {
        "Name": wish.get("opportunityName") or f"{lead['Company']}-", "StageName": STAGES[0][0],
        "CloseDate": records.today(days=90), "AccountId": account_id, "ContactId": contact_id,
        "OwnerId": lead.get("OwnerId"), "LeadSource": lead.get("LeadSource"),
    }  # fmt: skip
    return records.create(records.schema.needed("Opportunity"), draft, actor)
