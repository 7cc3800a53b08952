"""The standard objects as a new org has them, and the custom fields of this one.

https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_lead.htm
"""

from dataclasses import dataclass

from simulators.salesforce.fields import Field, managed, number, picklist, plain, reference

LEAD_STATUSES = ("Open - Not Contacted", "Working - Contacted", "Closed - Converted", "Closed - Not Converted")
CONVERTED_STATUS = "Closed - Converted"
SOURCES = ("Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other")
STAGES = (  # name, probability, closed, won
    ("Prospecting", 10, False, False), ("Qualification", 10, False, False), ("Needs Analysis", 20, False, False),
    ("Value Proposition", 50, False, False), ("Id. Decision Makers", 60, False, False),
    ("Perception Analysis", 70, False, False), ("Proposal/Price Quote", 75, False, False),
    ("Negotiation/Review", 90, False, False), ("Closed Won", 100, True, True), ("Closed Lost", 0, True, False),
)  # fmt: skip
_INDUSTRIES = ("Agriculture", "Banking", "Construction", "Education", "Healthcare", "Insurance", "Technology", "Other")
_PLANS = ("Bronze", "Silver", "Gold", "Platinum")


@dataclass(frozen=True, slots=True)
class Definition:
    """An object before an administrator changed it."""

    name: str
    label: str
    plural: str
    prefix: str
    fields: tuple[Field, ...]
    writable: bool = True


def system_fields(*, owned: bool = True, merged: bool = False) -> tuple[Field, ...]:
    """The fields that every object has."""
    owner = reference("OwnerId", "Owner ID", ("Group", "User"), "Owner", defaulted=True)
    master = reference("MasterRecordId", "Master Record ID", (), "MasterRecord", createable=False, updateable=False)
    creator = reference("CreatedById", "Created By ID", ("User",), "CreatedBy", createable=False, updateable=False)
    editor = reference(
        "LastModifiedById", "Last Modified By ID", ("User",), "LastModifiedBy", createable=False, updateable=False
    )
    return (
        managed("Id", "Record ID", "id", length=18, id_lookup=True, required=True, defaulted=True),
        managed("IsDeleted", "Deleted", "boolean", required=True, defaulted=True),
        *((master,) if merged else ()),
        *((owner,) if owned else ()),
        managed("CreatedDate", "Created Date", "datetime", required=True, defaulted=True),
        creator,
        managed("LastModifiedDate", "Last Modified Date", "datetime", required=True, defaulted=True),
        editor,
        managed("SystemModstamp", "System Modstamp", "datetime", required=True, defaulted=True),
    )


def _person() -> tuple[Field, ...]:
    return (
        plain("LastName", "Last Name", length=80, required=True, compound="Name"),
        plain("FirstName", "First Name", length=40, compound="Name"),
        picklist("Salutation", "Salutation", ("Mr.", "Ms.", "Mrs.", "Dr.", "Prof.", "Mx."), compound="Name"),
        managed("Name", "Full Name", length=121, required=True),
        plain("Title", "Title", length=128),
        plain("Email", "Email", "email", length=80, id_lookup=True),
        plain("Phone", "Phone", "phone", length=40),
        plain("MobilePhone", "Mobile Phone", "phone", length=40),
        plain("Fax", "Fax", "phone", length=40),
        picklist("LeadSource", "Lead Source", SOURCES),
        plain("Description", "Description", "textarea", length=32000),
        plain("DoNotCall", "Do Not Call", "boolean", defaulted=True),
        plain("HasOptedOutOfEmail", "Email Opt Out", "boolean", defaulted=True),
    )


def _address(prefix: str, label: str) -> tuple[Field, ...]:
    compound = f"{prefix}Address"
    return (
        plain(f"{prefix}Street", f"{label}Street", "textarea", length=255, compound=compound),
        plain(f"{prefix}City", f"{label}City", length=40, compound=compound),
        plain(f"{prefix}State", f"{label}State/Province", length=80, compound=compound),
        plain(f"{prefix}PostalCode", f"{label}Zip/Postal Code", length=20, compound=compound),
        plain(f"{prefix}Country", f"{label}Country", length=80, compound=compound),
        managed(compound, f"{label}Address", "address"),
    )


def _external() -> tuple[Field, ...]:
    return (
        plain("ExtId__c", "External Id", length=64, external=True, id_lookup=True),
        plain("MPP_Id__c", "MyPremierPlans Id", length=64, external=True, id_lookup=True, unique=True),
    )


LEAD = Definition("Lead", "Lead", "Leads", "00Q", (
    *system_fields(merged=True), *_person(),
    plain("Company", "Company", length=255, required=True),
    *_address("", ""),
    plain("Website", "Website", "url", length=255),
    picklist("Status", "Status", LEAD_STATUSES, default=LEAD_STATUSES[0], required=True),
    picklist("Industry", "Industry", _INDUSTRIES),
    picklist("Rating", "Rating", ("Hot", "Warm", "Cold")),
    number("AnnualRevenue", "Annual Revenue", "currency", scale=0),
    number("NumberOfEmployees", "Employees", "int", precision=8, scale=0),
    managed("IsConverted", "Converted", "boolean", required=True, defaulted=True),
    managed("ConvertedDate", "Converted Date", "date"),
    reference("ConvertedAccountId", "Converted Account ID", ("Account",), "ConvertedAccount",
              createable=False, updateable=False),
    reference("ConvertedContactId", "Converted Contact ID", ("Contact",), "ConvertedContact",
              createable=False, updateable=False),
    reference("ConvertedOpportunityId", "Converted Opportunity ID", ("Opportunity",), "ConvertedOpportunity",
              createable=False, updateable=False),
    plain("IsUnreadByOwner", "Unread By Owner", "boolean", defaulted=True),
    *_external(),
    plain("Member_Type__c", "Member Type"),
    picklist("Healthcare_Plan__c", "Healthcare Plan", _PLANS, restricted=True),
    picklist("Interests__c", "Interests", ("Dental", "Vision", "Life", "Disability"), kind="multipicklist"),
    plain("Date_of_Birth__c", "Date of Birth", "date"),
    number("Household_Size__c", "Household Size", "int", precision=2, scale=0),
    plain("Next_Contact__c", "Next Contact", "datetime"),
))  # fmt: skip

CONTACT = Definition("Contact", "Contact", "Contacts", "003", (
    *system_fields(merged=True), *_person(),
    reference("AccountId", "Account ID", ("Account",), "Account"),
    reference("ReportsToId", "Reports To ID", ("Contact",), "ReportsTo"),
    *_address("Mailing", "Mailing "),
    plain("Department", "Department", length=80),
    plain("Birthdate", "Birthdate", "date"),
    *_external(),
    plain("Member_Type__c", "Member Type"),
))  # fmt: skip

ACCOUNT = Definition("Account", "Account", "Accounts", "001", (
    *system_fields(merged=True),
    plain("Name", "Account Name", length=255, required=True),
    picklist("Type", "Account Type", ("Prospect", "Customer - Direct", "Channel Partner / Reseller", "Other")),
    reference("ParentId", "Parent Account ID", ("Account",), "Parent"),
    *_address("Billing", "Billing "),
    plain("Phone", "Account Phone", "phone", length=40),
    plain("Website", "Website", "url", length=255),
    picklist("Industry", "Industry", _INDUSTRIES),
    number("NumberOfEmployees", "Employees", "int", precision=8, scale=0),
    plain("Description", "Account Description", "textarea", length=32000),
    *_external(),
))  # fmt: skip

OPPORTUNITY = Definition("Opportunity", "Opportunity", "Opportunities", "006", (
    *system_fields(),
    reference("AccountId", "Account ID", ("Account",), "Account"),
    reference("ContactId", "Contact ID", ("Contact",), None, updateable=False),
    plain("Name", "Name", length=120, required=True),
    plain("Description", "Description", "textarea", length=32000),
    picklist("StageName", "Stage", tuple(stage[0] for stage in STAGES), required=True),
    number("Amount", "Amount", "currency"),
    number("Probability", "Probability (%)", "percent", precision=3, scale=0, defaulted=True),
    plain("CloseDate", "Close Date", "date", required=True),
    picklist("Type", "Opportunity Type", ("Existing Business", "New Business")),
    plain("NextStep", "Next Step", length=255),
    picklist("LeadSource", "Lead Source", SOURCES),
    managed("IsClosed", "Closed", "boolean", required=True, defaulted=True),
    managed("IsWon", "Won", "boolean", required=True, defaulted=True),
    *_external(),
))  # fmt: skip

USER = Definition("User", "User", "Users", "005", (
    *system_fields(owned=False),
    plain("Username", "Username", length=80, required=True, id_lookup=True, unique=True),
    *(each for each in _person() if each.name in ("LastName", "FirstName", "Name", "Title", "Phone")),
    plain("Email", "Email", "email", length=128, required=True),
    plain("Alias", "Alias", length=8),
    plain("IsActive", "Active", "boolean", defaulted=True),
    picklist("UserType", "User Type", ("Standard", "PowerPartner", "Guest")),
    plain("FederationIdentifier", "SAML Federation ID", length=512, id_lookup=True),
), writable=False)  # fmt: skip

GROUP = Definition("Group", "Group", "Groups", "00G", (
    *system_fields(owned=False), plain("Name", "Name", length=40, required=True),
    plain("DeveloperName", "Developer Name", length=80), picklist("Type", "Type", ("Regular", "Queue", "Role")),
    plain("Email", "Email", "email", length=255),
), writable=False)  # fmt: skip

ORGANIZATION = Definition("Organization", "Organization", "Organizations", "00D", (
    *system_fields(owned=False), plain("Name", "Name", length=80), plain("IsSandbox", "Is Sandbox", "boolean"),
    plain("InstanceName", "Instance Name", length=5), plain("OrganizationType", "Edition", length=40),
    plain("LanguageLocaleKey", "Language", length=40), plain("TimeZoneSidKey", "Time Zone", length=40),
), writable=False)  # fmt: skip

OPPORTUNITY_STAGE = Definition("OpportunityStage", "Opportunity Stage", "Opportunity Stages", "01J", (
    *system_fields(owned=False), plain("MasterLabel", "Master Label"), plain("ApiName", "API Name"),
    plain("IsActive", "Active", "boolean"), number("SortOrder", "Sort Order", "int", precision=9, scale=0),
    plain("IsClosed", "Closed", "boolean"), plain("IsWon", "Won", "boolean"),
    number("DefaultProbability", "Default Probability (%)", "percent", precision=3, scale=0),
), writable=False)  # fmt: skip

LEAD_STATUS = Definition("LeadStatus", "Lead Status Value", "Lead Status Value", "01J", (
    *system_fields(owned=False), plain("MasterLabel", "Master Label"), plain("ApiName", "API Name"),
    number("SortOrder", "Sort Order", "int", precision=9, scale=0), plain("IsDefault", "Default", "boolean"),
    plain("IsConverted", "Converted", "boolean"),
), writable=False)  # fmt: skip

OBJECTS = (
    LEAD, CONTACT, ACCOUNT, OPPORTUNITY, USER, GROUP, ORGANIZATION, OPPORTUNITY_STAGE, LEAD_STATUS
)  # fmt: skip
