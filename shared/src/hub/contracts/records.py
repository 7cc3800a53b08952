"""The lead as every service and every client sees it. Field names are the design document's."""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

MAX_CUSTOM_FIELDS = 100
# A record as ``lead.received`` carries it. What it changes comes three times in ``lead.updated`` (the lead, and each
# field from and to), and that must stay below the 256,000 bytes of an event.
MAX_RECORD_BYTES = 64_000
CUSTOM_PREFIX = "custom."


def _no_control_characters(text: str) -> str:
    if "\x00" in text:
        raise ValueError("must not contain NUL characters")
    return text


Text = Annotated[str, StringConstraints(max_length=4000, strip_whitespace=True), AfterValidator(_no_control_characters)]
Short = Annotated[str, StringConstraints(max_length=255, strip_whitespace=True), AfterValidator(_no_control_characters)]
Key = Annotated[
    str, StringConstraints(min_length=1, max_length=255, strip_whitespace=True), AfterValidator(_no_control_characters)
]
CustomName = Annotated[
    str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True), AfterValidator(_no_control_characters)
]
Scalar = (
    Text | bool | Annotated[int, Field(ge=-(2**53), le=2**53)] | Annotated[float, Field(allow_inf_nan=False)] | None
)


class LeadStatus(StrEnum):
    """Where a lead stands in the sale (the design document's status table, and the two ways a lead ends)."""

    NEW = "new"
    CONTACTED = "contacted"
    QUALIFIED = "qualified"
    ENROLLED = "enrolled"
    LOST = "lost"


class LeadFields(BaseModel):
    """What may be said about a lead. A field that is absent is not touched; ``null`` clears it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    first_name: Short | None = None
    last_name: Short | None = None
    email: Short | None = None
    phone: Short | None = None
    status: LeadStatus | None = None
    agent_id: Short | None = None
    lead_source: Short | None = None
    company: Short | None = None
    address: Text | None = None
    city: Short | None = None
    state: Short | None = None
    postal_code: Short | None = None
    country: Short | None = None
    date_of_birth: Short | None = None
    notes: Text | None = None
    custom_fields: Annotated[dict[CustomName, Scalar], Field(max_length=MAX_CUSTOM_FIELDS)] | None = None

    def registers(self) -> dict[str, Any]:
        """The fields that were set, flat: custom field ``x`` is the register ``custom.x``."""
        flat = self.model_dump(mode="json", exclude_unset=True, exclude={"custom_fields"})
        for name, value in (self.custom_fields or {}).items():
            flat[CUSTOM_PREFIX + name] = value
        return flat


# Registers that the hub keeps for itself; no CRM is told of them.
ARCHIVED = "archived"  # true: no CRM holds the lead any more; it is kept, and comes back when one does
MERGED_INTO = "merged_into"  # MPP-123: a CRM merged its record into that lead's
INTERNAL_FIELDS = frozenset({ARCHIVED, MERGED_INTO})
STANDARD_FIELDS = tuple(name for name in LeadFields.model_fields if name != "custom_fields")


class Lead(BaseModel):
    """A golden lead, as reads and events show it."""

    model_config = ConfigDict(extra="allow", frozen=True)

    id: int
    external_id: str
    version: int
    created_at: str
    updated_at: str
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    phone: str | None = None
    status: str | None = None
    agent_id: str | None = None
    custom_fields: dict[str, Any] = {}


def lead_document(
    lead_id: int, version: int, fields: dict[str, Any], created_at: str, updated_at: str
) -> dict[str, Any]:
    """The public JSON of a lead from its registers (``fields`` is flat, as stored)."""
    document: dict[str, Any] = {"id": lead_id, "external_id": f"MPP-{lead_id}", "version": version}
    custom: dict[str, Any] = {}
    for name, value in fields.items():
        if name.startswith(CUSTOM_PREFIX):
            custom[name[7:]] = value
        else:
            document[name] = value
    document["custom_fields"] = custom
    document["created_at"] = created_at
    document["updated_at"] = updated_at
    return document
