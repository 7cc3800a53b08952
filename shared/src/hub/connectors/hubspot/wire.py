"""HubSpot's names, paths and versions, and the configuration of a connection, in one place.

https://developers.hubspot.com/docs/api-reference/overview. Two generations of paths live side by side: ``v3``, and one
per dated release (``2026-03``), each of which HubSpot supports for about 18 months.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from hub.connectors.configs import Choices, Name, checked

CRM_TYPE = "hubspot"
API_URL, APP_URL = "https://api.hubapi.com", "https://app.hubspot.com"
CONTACTS, DEALS = "contacts", "deals"
CONTACT_TYPE_ID = "0-1"

BATCH = 100  # inputs of one batch call
LIST_PAGE, SEARCH_PAGE, OWNERS_PAGE = 100, 200, 100
LONGEST_SEARCH = 3000  # characters of a search's body
LONGEST_QUERY = 6000  # characters of a list's URL; HubSpot names no limit, proxies do

OBJECT_ID, MODIFIED, CREATED = "hs_object_id", "lastmodifieddate", "createdate"
MERGED = "hs_merged_object_ids"  # on the record that lives on: those that were merged into it, by semicolons
LIFECYCLE, LEAD_STATUS, OWNER, EMAIL = "lifecyclestage", "hs_lead_status", "hubspot_owner_id", "email"
SYSTEM_PREFIX = "hs_"  # HubSpot's own working properties
REFERENCE_LABEL = "MPP ID"

DAILY, BURST, SEARCH = "daily", "burst", "search"  # windows of the meter
MOST_CHOICES = 200  # of one property, before the hub adds no more

_PROPERTY = re.compile(r"[a-z][a-z0-9_]{0,99}\Z", re.ASCII)
_DATED = re.compile(r"20[0-9]{2}-(?:03|09)\Z", re.ASCII)
_DIGITS = re.compile(r"[0-9]{1,20}\Z", re.ASCII)


def is_property(name: str) -> bool:
    """Whether a property can be called that."""
    return _PROPERTY.match(name) is not None


def is_record_id(text: object) -> bool:
    """Whether it has the form of a record's id."""
    return isinstance(text, str) and _DIGITS.match(text) is not None


def _property(text: str) -> str:
    name = text.lower()  # HubSpot has no capitals in internal names
    if not is_property(name):
        raise ValueError("must be the internal name of a HubSpot property, as member_type")
    return name


def _digits(value: object) -> object:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not is_record_id(text):
        raise ValueError("must be an id in digits")
    return text


def _version(text: str) -> str:
    if text != "v3" and not _DATED.match(text):
        raise ValueError("must be v3 or a dated version, as 2026-03")
    return text


def _oauth_version(text: str) -> str:
    return text if text == "v1" else _version(text)


Property = Annotated[str, AfterValidator(_property)]
Digits = Annotated[str, BeforeValidator(_digits)]


class FieldMappings(BaseModel):
    """The design document's ``field_mappings``: hub name → HubSpot property, and value tables per hub field."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    mpp_fields: dict[Name, Property] = {}
    custom_transformations: dict[Name, Choices] = {}


class DealConfig(BaseModel):
    """The deal of an enrolment."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    pipeline: Name = "default"
    stage: Name = "closedwon"
    amount_field: Name = "premium"  # hub field (custom field) that holds the amount


class HubSpotConfig(BaseModel):
    """The configuration of a HubSpot connection; other keys (retry_config, …) are other parts' business."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    crm_type: Literal["hubspot"] = "hubspot"
    auth_type: Literal["oauth2", "api_key"] = "oauth2"
    portal_id: Digits | None = None
    scopes: tuple[Name, ...] = ("crm.objects.contacts.read", "crm.objects.contacts.write")
    optional_scopes: tuple[Name, ...] = (
        "crm.schemas.contacts.read",
        "crm.schemas.contacts.write",
        "crm.objects.owners.read",
        "crm.objects.deals.read",
        "crm.objects.deals.write",
        "crm.schemas.deals.read",
        "crm.schemas.deals.write",
    )
    api_version: Annotated[str, AfterValidator(_version)] = "v3"
    oauth_version: Annotated[str, AfterValidator(_oauth_version)] = "2026-03"
    reference_property: Property = "mpp_id"
    create_properties: bool = True  # the reference, and custom fields that HubSpot does not have yet
    add_choices: bool = True  # lead sources and custom values that HubSpot's property does not offer yet
    property_group: Property = "contactinformation"
    field_mappings: FieldMappings = FieldMappings()
    custom_transformations: dict[Name, Choices] = {}
    owners: dict[Name, Digits] = {}
    owners_by_email: bool = True
    deal: DealConfig | None = DealConfig()  # null: none is kept
    burst_limit: Annotated[int, Field(ge=10)] | None = None  # calls in 10 s; None: as the kind of app has
    daily_limit: Annotated[int, Field(ge=1000)] = 250_000  # private apps; the answers tell the real one
    pull_overlap: Annotated[int, Field(ge=0, le=86_400)] = 120  # seconds that HubSpot's index may lag

    def transformations(self) -> dict[str, Choices]:
        """Value tables, whether they stand inside ``field_mappings`` (as in the design document) or beside it."""
        return {**self.custom_transformations, **self.field_mappings.custom_transformations}

    def objects(self, kind: str, rest: str = "") -> str:
        """The path of an object type's records."""
        return self._crm("objects") + f"/{kind}{rest}"

    def properties(self, kind: str, rest: str = "") -> str:
        """The path of an object type's properties."""
        return self._crm("properties") + f"/{kind}{rest}"

    def owners_path(self) -> str:
        """The path of owners."""
        return self._crm("owners")

    def associations(self, of: str, to: str) -> str:
        """Where records are associated in batches, with the usual label (v4 is v3's sibling for associations)."""
        root = self._crm("associations").replace("/crm/v3/", "/crm/v4/")
        return f"{root}/{of}/{to}/batch/associate/default"

    def account(self) -> str:
        """The path of the portal's own details."""
        return f"/account-info/{self.api_version}/details"

    def oauth(self, rest: str = "") -> str:
        """The path of the token endpoint."""
        return f"/oauth/{self.oauth_version}/token{rest}"

    def _crm(self, area: str) -> str:
        return f"/crm/v3/{area}" if self.api_version == "v3" else f"/crm/{area}/{self.api_version}"


def read_config(config: Mapping[str, Any]) -> HubSpotConfig:
    """The configuration, checked. Raises Invalid naming the first bad field."""
    return checked(HubSpotConfig, config)


def check_config(config: Mapping[str, Any]) -> None:
    """Raise Invalid unless the configuration can be used."""
    read_config(config)
