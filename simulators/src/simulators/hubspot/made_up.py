"""Made-up records."""

from simulators.hubspot.catalogue import OWNERS
from simulators.kit.people import person

_STAGES = (
    "lead",
    "lead",
    "lead",
    "subscriber",
    "marketingqualifiedlead",
    "salesqualifiedlead",
    "opportunity",
    "customer",
)
_STATUS = ("NEW", "OPEN", "IN_PROGRESS", "CONNECTED", "ATTEMPTED_TO_CONTACT")
_DEAL_STAGES = ("appointmentscheduled", "qualifiedtobuy", "contractsent", "closedwon")


def made_up(kind: str, number: int, seed: int) -> dict[str, str]:
    """The properties of the number-th record of a type."""
    someone = person(number, seed)
    owner = OWNERS[number % len(OWNERS)][0]
    if kind == "contacts":
        return {
            "firstname": someone.first, "lastname": someone.last, "email": someone.email, "phone": someone.phone,
            "company": someone.company, "jobtitle": someone.title, "address": someone.street, "city": someone.city,
            "state": someone.state, "zip": someone.zip, "lifecyclestage": _STAGES[number % len(_STAGES)],
            "hs_lead_status": _STATUS[number % len(_STATUS)], "hubspot_owner_id": owner,
        }  # fmt: skip
    if kind == "companies":
        domain = someone.email.partition("@")[2]
        return {"name": someone.company, "domain": domain, "phone": someone.phone, "city": someone.city,
                "state": someone.state, "hubspot_owner_id": owner}  # fmt: skip
    if kind == "deals":
        return {"dealname": f"{someone.company} plan", "amount": str(500 + number % 97 * 100), "pipeline": "default",
                "dealstage": _DEAL_STAGES[number % len(_DEAL_STAGES)], "hubspot_owner_id": owner}  # fmt: skip
    if kind == "tickets":
        return {"subject": f"Question of {someone.name}", "hs_pipeline": "0", "hs_pipeline_stage": "1"}
    return {"hs_lead_name": someone.name, "hs_lead_type": "NEW_BUSINESS", "hubspot_owner_id": owner}
