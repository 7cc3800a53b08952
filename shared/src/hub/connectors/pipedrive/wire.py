"""Pipedrive's names, paths, prices and limits, and the configuration of a connection, in one place.

https://developers.pipedrive.com/docs/api/v1 and https://pipedrive.readme.io/docs/core-api-concepts-rate-limiting
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeGuard

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from hub.connectors.configs import Choices, Name, checked

V2, V1 = "/api/v2", "/api/v1"
PERSONS, DEALS = f"{V2}/persons", f"{V2}/deals"
PERSON_FIELDS, DEAL_FIELDS = f"{V2}/personFields", f"{V2}/dealFields"
FIND = f"{V2}/itemSearch/field"
SEARCH_PERSONS = f"{V2}/persons/search"
LEADS, CONVERT_LEADS = f"{V1}/leads", f"{V2}/leads"
USERS, ME, RECENTS = f"{V1}/users", f"{V1}/users/me", f"{V1}/recents"

PAGE, IDS = 500, 100  # records of a list, records asked for by id in one call

# What calls cost of the company's daily tokens.
GET, LIST, WRITE, DELETE, SEARCHING = 1, 10, 5, 3, 20
V1_LIST, V1_ME, FIELDS_WRITE, LEAD_WRITE = 20, 2, 10, 10

BURST, DAILY, SEARCH = "burst", "daily", "search"
BURST_SECONDS = 2.0
SEARCHES = 10  # in the same two seconds
PLANS = {"lite": (1, 20), "growth": (2, 40), "premium": (5, 100), "ultimate": (7, 120)}  # daily factor, burst
TOKENS_PER_SEAT, OAUTH_FACTOR = 30_000, 4

# A person's own fields, as the design document calls them; a person's custom fields go by their names.
FIRST, LAST, EMAIL, PHONE, OWNER = "first_name", "last_name", "email", "phone", "user_id"
SYSTEM = (FIRST, LAST, EMAIL, PHONE, OWNER)
OWNER_EMAIL = "owner_email"
RESERVED = frozenset({*SYSTEM, OWNER_EMAIL, "id", "name", "emails", "phones", "owner_id"})

_KEY = re.compile(r"[0-9a-f]{40}\Z", re.ASCII)
_COMPANY = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z", re.ASCII)


def is_key(text: str) -> bool:
    """Whether it is a custom field's key."""
    return _KEY.match(text) is not None


def is_number(value: Any) -> TypeGuard[int]:
    """Whether it is the number of a record or user; JSON's true is none."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**53


def folded_name(name: str) -> str:
    """A field's name to compare by."""
    return name.strip().casefold()


def _company(text: str) -> str:
    if not _COMPANY.match(text):
        raise ValueError("must be the company's name in its address, as acme of acme.pipedrive.com")
    return text


def _target(text: str) -> str:
    if text in RESERVED and text not in SYSTEM:
        raise ValueError(f"must be one of {', '.join(SYSTEM)}, or the name or key of a custom field")
    return text


Target = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_target)]


class FieldMappings(BaseModel):
    """The design document's ``field_mappings``: hub name → Pipedrive field, and value tables per hub field."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    mpp_fields: dict[Name, Target] = {}
    custom_transformations: dict[Name, Choices] = {}


class DealConfig(BaseModel):
    """The deal of an enrolment."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    enabled: bool = True
    pipeline_id: Annotated[int, Field(ge=1)] | None = None  # Pipedrive's default unless named
    stage_id: Annotated[int, Field(ge=1)] | None = None
    status: Literal["open", "won"] = "won"
    amount_field: Name = "premium"  # hub field (custom field) that holds the value
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None


class PipedriveConfig(BaseModel):
    """The configuration of a Pipedrive connection; other keys (retry_config, …) are other parts' business."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    crm_type: Literal["pipedrive"] = "pipedrive"
    auth_type: Literal["oauth2", "api_key"] = "oauth2"
    company_domain: Annotated[str, AfterValidator(_company)] | None = None  # with an API token; else api.pipedrive.com
    reference_field: Name = "MPP ID"
    name_field: Name = "MPP Name"  # where first and last name meet, if their words leave it open
    field_mappings: FieldMappings = FieldMappings()
    custom_transformations: dict[Name, Choices] = {}
    create_fields: bool = True
    create_options: bool = True
    owners: dict[Name, Annotated[int, Field(ge=1)]] = {}
    owners_by_email: bool = True
    look_up_by_email: bool = False
    leads_inbox: bool = False
    visible_to: Literal[1, 3, 5, 7] | None = None
    deal: DealConfig = DealConfig()
    plan: Literal["lite", "growth", "premium", "ultimate"] = "lite"
    seats: Annotated[int, Field(ge=1, le=100_000)] = 1
    daily_tokens: Annotated[int, Field(ge=100)] | None = None  # top-ups included; else by plan and seats
    pull_overlap: Annotated[int, Field(ge=0, le=86_400)] = 60

    def transformations(self) -> dict[str, Choices]:
        """Value tables, whether they stand inside ``field_mappings`` (as in the design document) or beside it."""
        return {**self.custom_transformations, **self.field_mappings.custom_transformations}


def daily_tokens(config: PipedriveConfig, seats: int) -> int:
    """What a company of so many seats may spend in a day."""
    return config.daily_tokens or TOKENS_PER_SEAT * PLANS[config.plan][0] * seats


def read_config(config: Mapping[str, Any]) -> PipedriveConfig:
    """The configuration, checked. Raises Invalid naming the first bad field."""
    return checked(PipedriveConfig, config)


def check_config(config: Mapping[str, Any]) -> None:
    """Raise Invalid unless the configuration can be used."""
    read_config(config)
