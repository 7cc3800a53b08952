"""Salesforce's names, paths and versions, and the configuration of a connection, in one place.

https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from hub.connectors.configs import Choices, Name, checked

DEFAULT_VERSION = "v60.0"
OLDEST_VERSION = 46  # upserts tell created from updated, and collections can upsert, from there on
CLIENT_NAME = "mypremierplans"  # as changes of the hub show up in change events

COLLECTION = 200  # records of one collections call
QUERY_PAGE = 2000  # records of one query
LONGEST_URL = 12_000  # bytes; the limit is 16,384 with everything around it
PLACEHOLDER = "[not provided]"  # Salesforce's own word (Web-to-Lead) where a required field is not known

REFUSED_SESSION = "INVALID_SESSION_ID"
LIMIT_HEADER = "Sforce-Limit-Info"
DAILY = "daily"

_API_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}\Z", re.ASCII)
_RECORD_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?\Z", re.ASCII)
_VERSION = re.compile(r"v?([1-9][0-9]{1,2})(?:\.0)?\Z", re.ASCII)


def is_record_id(text: object) -> bool:
    """Whether it has the form of a record's id, of 15 or 18 characters."""
    return isinstance(text, str) and _RECORD_ID.match(text) is not None


def is_api_name(text: str) -> bool:
    """Whether a field or object can be called that."""
    return _API_NAME.match(text) is not None and not text.endswith("_") and "___" not in text


def _version(text: str) -> str:
    found = _VERSION.match(text)
    if not found or int(found.group(1)) < OLDEST_VERSION:
        raise ValueError(f"must be a version from v{OLDEST_VERSION}.0 on, as v57.0")
    return f"v{found.group(1)}.0"


def _name(text: str) -> str:
    if not is_api_name(text):
        raise ValueError("must be an API name, as Member_Type__c")
    return text


def _host(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an https address")
    if parts.username is not None or parts.query or parts.fragment or parts.path not in ("", "/"):
        raise ValueError("must be the address of a host alone, without credentials, path or query")
    return text.rstrip("/")


def _owner(text: str) -> str:
    if not is_record_id(text):
        raise ValueError("must be the id of a Salesforce user or queue, as 005Dn000001AbCdIAK")
    return text


ApiName = Annotated[str, AfterValidator(_name)]
Host = Annotated[str, Field(max_length=300), AfterValidator(_host)]


class Objects(BaseModel):
    """The design document's ``objects``; without contact or opportunity (null) none is kept."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    lead: ApiName = "Lead"
    contact: ApiName | None = "Contact"
    opportunity: ApiName | None = "Opportunity"


class FieldMappings(BaseModel):
    """The design document's ``field_mappings``: hub name → Salesforce field, and value tables per hub field."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    mpp_fields: dict[Name, ApiName] = {}
    custom_transformations: dict[Name, Choices] = {}


class OpportunityConfig(BaseModel):
    """What a new opportunity is given beside its name."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    stage: Name = "Closed Won"
    close_days: Annotated[int, Field(ge=0, le=3650)] = 0  # after the enrolment was first pushed
    amount_field: Name = "premium"  # hub field (custom field) that holds the amount


class SalesforceConfig(BaseModel):
    """The configuration of a Salesforce connection; other keys (retry_config, …) are other parts' business."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    crm_type: Literal["salesforce"] = "salesforce"
    auth_type: Literal["oauth2"] = "oauth2"
    instance_url: Host | None = None
    login_url: Host | None = None
    api_version: Annotated[str, AfterValidator(_version)] = DEFAULT_VERSION
    scopes: tuple[Name, ...] = ("api", "refresh_token")
    objects: Objects = Objects()
    external_id_field: ApiName | None = "MPP_Id__c"
    field_mappings: FieldMappings = FieldMappings()
    custom_transformations: dict[Name, Choices] = {}
    owners: dict[Name, Annotated[str, AfterValidator(_owner)]] = {}
    owners_by_email: bool = True
    required_defaults: dict[ApiName, Name] = {"LastName": PLACEHOLDER, "Company": PLACEHOLDER}
    duplicates: Literal["link", "allow", "refuse"] = "link"
    look_up_by_email: bool = False
    auto_assign: bool = False
    opportunity: OpportunityConfig = OpportunityConfig()
    daily_limit: Annotated[int, Field(ge=100)] = 15_000
    bulk_threshold: Annotated[int, Field(ge=1)] = 2000
    bulk_seconds: Annotated[float, Field(ge=1, le=3600)] = 600.0
    pull_overlap: Annotated[int, Field(ge=0, le=86_400)] = 120

    def transformations(self) -> dict[str, Choices]:
        """Value tables, whether they stand inside ``field_mappings`` (as in the design document) or beside it."""
        return {**self.custom_transformations, **self.field_mappings.custom_transformations}

    def data(self, path: str) -> str:
        """A path of the REST API."""
        return f"/services/data/{self.api_version}{path}"


def read_config(config: Mapping[str, Any]) -> SalesforceConfig:
    """The configuration, checked. Raises Invalid naming the first bad field."""
    return checked(SalesforceConfig, config)


def check_config(config: Mapping[str, Any]) -> None:
    """Raise Invalid unless the configuration can be used."""
    read_config(config)
