"""Registers as connectors fill them: what the design document's names mean, and which values a register can hold."""

from typing import Any

from hub.contracts.connector import FieldProblem
from hub.contracts.records import CUSTOM_PREFIX, STANDARD_FIELDS, LeadStatus

# The design document's names for the hub's fields, where they are not just the register in camel case.
MPP_NAMES = {"assignedAgentId": "agent_id", "source": "lead_source"}

LONG_TEXT = frozenset({"address", "notes"})
MAX_SHORT, MAX_LONG = 255, 4000
MAX_CUSTOM_NAME = 100
SAFE_INTEGER = 2**53
STATUSES = frozenset(LeadStatus)


def _camel(register: str) -> str:
    head, *rest = register.split("_")
    return head + "".join(part.capitalize() for part in rest)


_REGISTER_BY_NAME = (
    {_camel(name): name for name in STANDARD_FIELDS} | {name: name for name in STANDARD_FIELDS} | MPP_NAMES
)


def register_for(mpp_name: str) -> str:
    """The register that a name of ``mpp_fields`` means: firstName → first_name, memberType → custom.memberType."""
    if mpp_name.startswith(CUSTOM_PREFIX):
        return mpp_name
    return _REGISTER_BY_NAME.get(mpp_name) or CUSTOM_PREFIX + mpp_name


def folded(value: Any) -> Any:
    """A value to compare choices by: people are careless about case and blanks."""
    return value.strip().casefold() if isinstance(value, str) else repr(value)


def held(remote: str, register: str, value: Any) -> tuple[Any, FieldProblem | None]:
    """The value as the register may hold it, or what is wrong with it; ``remote`` is the CRM's name of the field."""
    if value is None:
        return None, None
    if isinstance(value, dict | list):
        return None, FieldProblem(remote, "UNSUPPORTED_VALUE", "objects and lists are not stored")
    if isinstance(value, int | float) and not -SAFE_INTEGER <= value <= SAFE_INTEGER:
        return None, FieldProblem(remote, "OUT_OF_RANGE", "the number is larger than 2^53")
    limit = MAX_SHORT
    if register.startswith(CUSTOM_PREFIX):
        if not len(CUSTOM_PREFIX) < len(register) <= MAX_CUSTOM_NAME + len(CUSTOM_PREFIX) or "\x00" in register:
            return None, FieldProblem(remote, "BAD_NAME", "a custom field's name has 1 to 100 characters")
        limit = MAX_LONG
    else:
        value, limit = str(value), MAX_LONG if register in LONG_TEXT else MAX_SHORT
    return _text(remote, register, value, limit) if isinstance(value, str) else (value, None)


def _text(remote: str, register: str, value: str, limit: int) -> tuple[Any, FieldProblem | None]:
    text = value.strip()
    if len(text) > limit:
        return None, FieldProblem(remote, "TOO_LONG", f"longer than {limit} characters")
    if "\x00" in text:
        return None, FieldProblem(remote, "NUL_CHARACTER", "NUL characters are not stored")
    if register == "status":
        text = text.casefold()
        if text not in STATUSES:
            return None, FieldProblem(remote, "UNKNOWN_VALUE", "not a status; add it to custom_transformations")
    return text, None
