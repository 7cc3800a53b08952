"""The custom CRM as the design document describes it: its configuration, and the names in its JSON."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from hub.contracts.errors import Invalid

RECORD_ID = "id"
READ_ONLY = frozenset({"id", "created_at", "updated_at"})


def _base_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an http or https address")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("must not carry credentials, a query or a fragment")
    return text.rstrip("/")


def _path(text: str) -> str:
    if not text.startswith("/") or "//" in text or ".." in text:
        raise ValueError("must be a path that begins with /")
    return text


def _path_with_id(text: str) -> str:
    if "{id}" not in text:
        raise ValueError("must contain {id}")
    return _path(text)


Path = Annotated[str, Field(max_length=500), AfterValidator(_path)]
Name = Annotated[str, Field(min_length=1, max_length=100)]


class Endpoints(BaseModel):
    """Paths below ``base_url``."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    get_leads: Path = "/leads"
    create_lead: Path = "/leads"
    update_lead: Annotated[str, Field(max_length=500), AfterValidator(_path_with_id)] = "/leads/{id}"
    find_lead: Path | None = None  # with {reference}; by default get_leads filtered by the reference field


class FieldMappings(BaseModel):
    """The design document's ``field_mappings``: hub name → CRM name, and value tables per field."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    mpp_fields: dict[Name, Name] = {}
    custom_transformations: dict[Name, dict[str, str | int | bool]] = {}


class CustomConfig(BaseModel):
    """The configuration of a custom connection; other keys (retry_config, …) are other parts' business."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    crm_type: Literal["custom"] = "custom"
    auth_type: Literal["api_key"] = "api_key"
    base_url: Annotated[str, Field(max_length=1000), AfterValidator(_base_url)]
    endpoints: Endpoints = Endpoints()
    reference_field: Name = "external_id"
    # PUT sends the whole record, for it may replace what it is not told; PATCH sends what changed.
    update_method: Literal["PUT", "PATCH"] = "PUT"
    field_mappings: FieldMappings = FieldMappings()
    custom_transformations: dict[Name, dict[str, str | int | bool]] = {}

    def transformations(self) -> dict[str, dict[str, str | int | bool]]:
        """Value tables, whether they stand inside ``field_mappings`` (as in the design document) or beside it."""
        return {**self.custom_transformations, **self.field_mappings.custom_transformations}


def read_config(config: Mapping[str, Any]) -> CustomConfig:
    """The configuration, checked. Raises Invalid naming the first bad field."""
    try:
        return CustomConfig.model_validate(config)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        raise Invalid(f"{name}: {first['msg']}", field=name) from None


def check_config(config: Mapping[str, Any]) -> None:
    """Raise Invalid unless the configuration can be used."""
    read_config(config)
