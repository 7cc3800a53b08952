"""What a new portal has: object types, their properties, pipelines, people who own records."""

from dataclasses import dataclass
from typing import Any

from simulators.hubspot.properties import Property


@dataclass(frozen=True, slots=True)
class Kind:
    """An object type. ``modified``/``created``: the properties that hold those moments."""

    name: str
    singular: str
    type_id: str
    modified: str
    created: str
    shown: tuple[str, ...]  # what is returned when nothing is asked for
    searched: tuple[str, ...]  # where ``query`` looks
    scope: str

    @property
    def aliases(self) -> tuple[str, ...]:
        """Every spelling that a path may use."""
        return (self.name, self.singular, self.type_id)


KINDS = (
    Kind("contacts", "contact", "0-1", "lastmodifieddate", "createdate",
         ("createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"),
         ("firstname", "lastname", "email", "phone", "company", "hs_additional_emails"), "contacts"),
    Kind("companies", "company", "0-2", "hs_lastmodifieddate", "createdate",
         ("createdate", "domain", "hs_lastmodifieddate", "hs_object_id", "name"),
         ("name", "domain", "phone", "website"), "companies"),
    Kind("deals", "deal", "0-3", "hs_lastmodifieddate", "createdate",
         ("amount", "closedate", "createdate", "dealname", "dealstage", "hs_lastmodifieddate", "hs_object_id",
          "pipeline"), ("dealname", "pipeline", "dealstage", "description", "dealtype"), "deals"),
    Kind("tickets", "ticket", "0-5", "hs_lastmodifieddate", "createdate",
         ("content", "createdate", "hs_lastmodifieddate", "hs_object_id", "hs_pipeline", "hs_pipeline_stage",
          "subject"), ("subject", "content"), "tickets"),
    Kind("leads", "lead", "0-136", "hs_lastmodifieddate", "hs_createdate",
         ("hs_createdate", "hs_lastmodifieddate", "hs_object_id"), ("hs_lead_name",), "leads"),
)  # fmt: skip

_LIFECYCLE = (
    ("subscriber", "Subscriber"), ("lead", "Lead"), ("marketingqualifiedlead", "Marketing Qualified Lead"),
    ("salesqualifiedlead", "Sales Qualified Lead"), ("opportunity", "Opportunity"), ("customer", "Customer"),
    ("evangelist", "Evangelist"), ("other", "Other"),
)  # fmt: skip
LIFECYCLE = tuple(value for value, _ in _LIFECYCLE)
_LEAD_STATUS = (
    ("NEW", "New"), ("OPEN", "Open"), ("IN_PROGRESS", "In Progress"), ("OPEN_DEAL", "Open Deal"),
    ("UNQUALIFIED", "Unqualified"), ("ATTEMPTED_TO_CONTACT", "Attempted to Contact"), ("CONNECTED", "Connected"),
    ("BAD_TIMING", "Bad Timing"),
)  # fmt: skip
_DEAL_STAGES = (
    ("appointmentscheduled", "Appointment Scheduled", "0.2"), ("qualifiedtobuy", "Qualified To Buy", "0.4"),
    ("presentationscheduled", "Presentation Scheduled", "0.6"),
    ("decisionmakerboughtin", "Decision Maker Bought-In", "0.8"),
    ("contractsent", "Contract Sent", "0.9"), ("closedwon", "Closed Won", "1.0"), ("closedlost", "Closed Lost", "0.0"),
)  # fmt: skip
_LEAD_STAGES = (
    ("new-stage-id", "New", "0.0"), ("attempting-stage-id", "Attempting", "0.2"),
    ("connected-stage-id", "Connected", "0.5"),
    ("qualified-stage-id", "Qualified", "1.0"), ("unqualified-stage-id", "Disqualified", "0.0"),
)  # fmt: skip
_TICKET_STAGES = (
    ("1", "New", "0"),
    ("2", "Waiting on contact", "0"),
    ("3", "Waiting on us", "0"),
    ("4", "Closed", "1"),
)

_TEXT = {
    "contacts": "firstname lastname company jobtitle website address city state zip country fax salutation industry "
    "numemployees annualrevenue message hs_additional_emails twitterhandle work_email",
    "companies": "name domain website address city state zip country industry description",
    "deals": "dealname description hs_next_step",
    "tickets": "subject content",
    "leads": "hs_lead_name hs_lead_disqualification_note",
}
_GROUP = {
    "contacts": "contactinformation", "companies": "companyinformation", "deals": "dealinformation",
    "tickets": "ticketinformation", "leads": "lead_information",
}  # fmt: skip
_LABELS = {"firstname": "First Name", "lastname": "Last Name", "zip": "Postal Code", "jobtitle": "Job Title"}


def groups(kind: Kind) -> list[dict[str, Any]]:
    """The property groups of a new portal."""
    name = _GROUP[kind.name]
    return [{"name": name, "label": f"{kind.singular.capitalize()} information", "displayOrder": 0, "archived": False}]


def properties(kind: Kind) -> list[Property]:
    """The properties of a new portal."""
    rows = [_made(kind, name, "string", "text") for name in _TEXT[kind.name].split()]
    for name, type_, field_type in _TYPED.get(kind.name, ()):
        rows.append(_made(kind, name, type_, field_type))
    for name, choices in _CHOICES.get(kind.name, {}).items():
        rows.append(_made(kind, name, "enumeration", "radio", [option(*each) for each in choices]))
    owner = _made(kind, "hubspot_owner_id", "enumeration", "select")
    owner.external_options = True
    system = [(kind.created, "datetime"), (kind.modified, "datetime"), ("hs_object_id", "number"),
              ("hs_merged_object_ids", "enumeration"), ("hs_object_source", "string")]  # fmt: skip
    for name, type_ in system:
        made = _made(kind, name, type_, "date" if type_ == "datetime" else "text")
        made.read_only = True
        rows.append(made)
    return [*rows, owner]


def option(value: str, label: str, *_rest: str) -> dict[str, Any]:
    """A choice of an enumeration."""
    return {"label": label, "value": value, "displayOrder": -1, "hidden": False, "description": ""}


def _made(kind: Kind, name: str, type_: str, field_type: str, options: list[dict[str, Any]] | None = None) -> Property:
    label = _LABELS.get(name, name.removeprefix("hs_").replace("_", " ").capitalize())
    return Property(
        name, label, type_, field_type, _GROUP[kind.name], f"The {kind.singular}'s {label.lower()}", options or [],
        hubspot_defined=True, form_field=kind.name == "contacts" and not name.startswith("hs_"),
    )  # fmt: skip


_TYPED = {
    "contacts": (("email", "string", "text"), ("phone", "string", "phonenumber"),
                 ("mobilephone", "string", "phonenumber"),
                 ("date_of_birth", "string", "text"), ("closedate", "datetime", "date"),
                 ("hs_email_optout", "bool", "booleancheckbox"), ("num_associated_deals", "number", "number"),
                 ("notes_last_contacted", "datetime", "date")),
    "companies": (("phone", "string", "phonenumber"), ("numberofemployees", "number", "number"),
                  ("annualrevenue", "number", "number")),
    "deals": (("amount", "number", "number"), ("closedate", "datetime", "date"),
              ("hs_priority", "string", "text")),
}  # fmt: skip
_CHOICES: dict[str, dict[str, Any]] = {
    "contacts": {"lifecyclestage": _LIFECYCLE, "hs_lead_status": _LEAD_STATUS},
    "companies": {"lifecyclestage": _LIFECYCLE, "hs_lead_status": _LEAD_STATUS},
    "deals": {"dealstage": _DEAL_STAGES, "pipeline": (("default", "Sales Pipeline"),),
              "dealtype": (("newbusiness", "New Business"), ("existingbusiness", "Existing Business"))},
    "tickets": {"hs_pipeline": (("0", "Support Pipeline"),), "hs_pipeline_stage": _TICKET_STAGES,
                "hs_ticket_priority": (("LOW", "Low"), ("MEDIUM", "Medium"), ("HIGH", "High"))},
    "leads": {"hs_lead_type": (("NEW_BUSINESS", "New business"), ("RE_ATTEMPTING", "Re-attempting"),
                               ("UPSELL", "Upsell")),
              "hs_lead_label": (("WARM", "Warm"), ("COLD", "Cold"), ("HOT", "Hot")),
              "hs_pipeline": (("lead-pipeline-id", "Lead pipeline"),), "hs_pipeline_stage": _LEAD_STAGES},
}  # fmt: skip
PIPELINES: dict[str, tuple[str, str, tuple[tuple[str, str, str], ...]]] = {
    "deals": ("default", "Sales Pipeline", _DEAL_STAGES),
    "leads": ("lead-pipeline-id", "Lead pipeline", _LEAD_STAGES),
    "tickets": ("0", "Support Pipeline", _TICKET_STAGES),
}
OWNERS = (
    ("41629779", "ana.reyes@mpp.example.com", "Ana", "Reyes", 9586504),
    ("41629780", "li.wei@mpp.example.com", "Li", "Wei", 9586505),
    ("41629781", "tom.baker@mpp.example.com", "Tom", "Baker", 9586506),
    ("41629782", "zoe.gray@mpp.example.com", "Zoë", "Gray", 9586507),
)  # fmt: skip
