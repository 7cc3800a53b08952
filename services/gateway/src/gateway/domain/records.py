"""A lead as somebody sends it, checked and brought to the hub's field names."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from gateway.domain.problems import Code, Problem, printable, problem_of
from hub.contracts.ids import rfc3339
from hub.contracts.records import STANDARD_FIELDS, LeadFields

EXTERNAL_ID = "external_id"
UPDATED_AT = "updated_at"
CUSTOM_FIELDS = "custom_fields"
_IDENTITY = ("email", "phone", "first_name", "last_name", "company")
_KEY_LENGTH = 255
_EXACT = 2**53


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


_NAMES = (*STANDARD_FIELDS, EXTERNAL_ID, UPDATED_AT, CUSTOM_FIELDS)
# Every spelling of a field that JSON may use; the last line is the design document's mapping table.
_KNOWN = {name: name for name in _NAMES} | {_camel(name): name for name in _NAMES}
_KNOWN |= {"source": "lead_source", "assignedAgentId": "agent_id", "assigned_agent_id": "agent_id"}
_validate = LeadFields.__pydantic_validator__.validate_python


@dataclass(frozen=True, slots=True)
class Record:
    """A record that is in order. ``fields`` is ``LeadFields`` as plain JSON, holding only what was said."""

    fields: dict[str, Any]
    external_id: str | None
    observed_at: str | None


def read_record(raw: Any, *, needs_identity: bool = True) -> Record | Problem:
    """Check one decoded JSON record. Scalars under names that are not fields become custom fields."""
    if type(raw) is not dict:
        return Problem(Code.WRONG_TYPE, "A record is a JSON object")
    fields: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    for key, value in raw.items():
        name = _KNOWN.get(key)
        if name is None:
            extra[key] = value
        else:
            fields[name] = value
    if extra:
        own = fields.get(CUSTOM_FIELDS)
        if own is None or type(own) is dict:
            fields[CUSTOM_FIELDS] = {**extra, **(own or {})}
    return _checked(fields, needs_identity)


def _checked(fields: dict[str, Any], needs_identity: bool) -> Record | Problem:
    external_id = fields.pop(EXTERNAL_ID, None)
    observed_at = fields.pop(UPDATED_AT, None)
    if external_id is not None:
        external_id = _key(external_id)
        if isinstance(external_id, Problem):
            return external_id
    if observed_at is not None:
        observed_at = _moment(observed_at, external_id)
        if isinstance(observed_at, Problem):
            return observed_at
    status = fields.get("status")
    if type(status) is str:
        fields["status"] = status.strip().lower() or None
    try:
        lead = _validate(fields)
    except ValidationError as error:
        found = problem_of(error)
        return Problem(found.code, found.message, found.field, external_id)
    if lead.custom_fields:
        for name, number in lead.custom_fields.items():
            # orjson reads an integer beyond 64 bits as a float, and would change its digits without a word.
            if type(number) is float and abs(number) > _EXACT:
                place = printable(f"{CUSTOM_FIELDS}.{name}")
                return Problem(Code.NUMBER_OUT_OF_RANGE, "The number is out of range", place, external_id)
    values = lead.__dict__
    said = {name: values[name] for name in lead.__pydantic_fields_set__}
    if not said or (needs_identity and not external_id and not any(said.get(name) for name in _IDENTITY)):
        needed = f"one of external_id, {', '.join(_IDENTITY)}" if needs_identity else "at least one field"
        return Problem(Code.MISSING_FIELD, f"A record needs {needed}", None, external_id)
    return Record(said, external_id, observed_at)


def _key(value: Any) -> str | Problem:
    # Many systems number their records; a number is taken as its digits.
    if type(value) is int and abs(value) < 10**30:
        return str(value)
    if type(value) is not str:
        return Problem(Code.WRONG_TYPE, "An external id is a text or a whole number", EXTERNAL_ID)
    text = value.strip()
    if not text:
        return Problem(Code.TOO_SHORT, "The external id is empty", EXTERNAL_ID)
    if len(text) > _KEY_LENGTH:
        return Problem(Code.TOO_LONG, f"The external id has more than {_KEY_LENGTH} characters", EXTERNAL_ID)
    if printable(text) != text[:200] or "\x00" in text or not _encodable(text):
        return Problem(Code.INVALID_TEXT, "The external id has characters that cannot be stored", EXTERNAL_ID)
    return text


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _moment(value: Any, external_id: str | None) -> str | Problem:
    if type(value) is not str:
        return Problem(Code.WRONG_TYPE, "A time is a text such as 2025-01-10T10:30:00Z", UPDATED_AT, external_id)
    try:
        moment = datetime.fromisoformat(value.strip())
        return rfc3339(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return Problem(Code.INVALID_TIME, "A time is a text such as 2025-01-10T10:30:00Z", UPDATED_AT, external_id)
