"""What the CRM accepts as a lead, and how it words a refusal."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

TEXT_FIELDS = {
    "first_name": 255, "last_name": 255, "email": 255, "phone": 50, "status": 50, "external_id": 255, "owner": 255,
    "source": 255, "company": 255, "address": 1000, "city": 255, "state": 255, "postal_code": 50, "country": 255,
    "date_of_birth": 50, "notes": 4000,
}  # fmt: skip
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+\Z")
_MANAGED = ("id", "created_at", "updated_at")


class Refused(Exception):
    """The CRM says no: an HTTP status, a code, a message and maybe a field."""

    def __init__(self, status: int, code: str, message: str, field: str | None = None) -> None:
        self.status, self.code, self.field = status, code, field
        super().__init__(message)

    def body(self) -> dict[str, Any]:
        """The CRM's error format."""
        return {"error": {"code": self.code, "message": str(self), "field": self.field}}


def checked(fields: Any) -> dict[str, Any]:
    """The fields of a request, without what the CRM manages itself. Raises Refused (422) naming the bad one."""
    if not isinstance(fields, dict):
        raise Refused(422, "NOT_AN_OBJECT", "send a JSON object")
    for name, value in fields.items():
        limit = TEXT_FIELDS.get(name)
        if limit is None or value is None:
            continue
        if not isinstance(value, str):
            raise Refused(422, "INVALID_TYPE", f"{name} must be text", name)
        if len(value) > limit:
            raise Refused(422, "TOO_LONG", f"{name} is longer than {limit} characters", name)
    email = fields.get("email")
    if email and not _EMAIL.match(email):
        raise Refused(422, "INVALID_EMAIL", "not an e-mail address", "email")
    return {name: value for name, value in fields.items() if name not in _MANAGED}


def new_record(number: int, fields: Mapping[str, Any]) -> dict[str, Any]:
    """A record as the CRM first stores it."""
    at = now()
    return {"id": f"EXT-{number}", **fields, "created_at": at, "updated_at": at}


def changed_record(old: Mapping[str, Any], fields: Mapping[str, Any], *, replace: bool) -> dict[str, Any]:
    """The record after PATCH (told fields change) or PUT (what is not told is gone)."""
    kept = {"id": old["id"], "created_at": old["created_at"]}
    return {**(kept if replace else old), **fields, "updated_at": now()}


def now() -> str:
    """RFC 3339 in UTC with microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
