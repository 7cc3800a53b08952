"""How people see a lead in each vendor's pages, and what they do there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hubctl.demo.crowd import Human

Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Desk:
    """A vendor's form for a lead, and the edits that people make; ``deal`` is where an enrolment shows."""

    entered: Callable[[Human], Fields]
    edits: tuple[Fields, ...]
    deal: str
    deal_name: str
    id_field: str = "id"


def _salesforce(human: Human) -> Fields:
    statuses = {"contacted": "Working - Contacted", "qualified": "Qualified"}
    return {
        "FirstName": human.first,
        "LastName": human.last,
        "Email": human.email,
        "Phone": human.phone,
        "Company": human.company or "[not provided]",
        "City": human.city,
        "State": human.state,
        "Status": statuses.get(human.status, "Open - Not Contacted"),
        "LeadSource": "Web",
    }


def _hubspot(human: Human) -> Fields:
    stages = {"contacted": "marketingqualifiedlead", "qualified": "salesqualifiedlead"}
    return {
        "firstname": human.first,
        "lastname": human.last,
        "email": human.email,
        "phone": human.phone,
        "company": human.company,
        "city": human.city,
        "state": human.state,
        "lifecyclestage": stages.get(human.status, "lead"),
    }


def _pipedrive(human: Human) -> Fields:
    person: dict[str, Any] = {"name": f"{human.first} {human.last}"}
    person["emails"] = [{"value": human.email, "primary": True, "label": "work"}]
    if human.phone:
        person["phones"] = [{"value": human.phone, "primary": True, "label": "mobile"}]
    return person


DESKS = {
    "salesforce": Desk(
        _salesforce,
        (
            {"Status": "Working - Contacted"},
            {"Status": "Qualified", "Description": "Wants the family plan"},
            {"Company": "Lakeside Dental"},
            {"City": "Santa Fe", "State": "NM"},
        ),
        deal="Opportunity",
        deal_name="an opportunity",
        id_field="Id",
    ),
    "hubspot": Desk(
        _hubspot,
        ({"lifecyclestage": "salesqualifiedlead"}, {"company": "García y Hijos"}, {"city": "Duluth"}),
        deal="deals",
        deal_name="a deal",
    ),
    "pipedrive": Desk(
        _pipedrive,
        (
            {"Notes": "Called, wants a quote"},
            {"Notes": "Left a message ☎"},
            {"phones": [{"value": "(360) 555-0199", "primary": True, "label": "mobile"}]},
        ),
        deal="deals",
        deal_name="a deal",
    ),
}
