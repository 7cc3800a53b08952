"""Statements whose conditions depend on the filters that were given: only those asked for, so that indexes are used."""

from dataclasses import dataclass, field
from typing import Any

_LEADS = "SELECT id, version, fields, created_at, updated_at FROM leads.lead WHERE {} ORDER BY id {} LIMIT {}"
_AUDIT = """
    SELECT event_id::text AS event_id, event, at, actor, crm, action, fields_changed, ip_address, subject, causation_id,
           details
    FROM audit.entry WHERE {} ORDER BY event_id DESC LIMIT {}"""

# Filter name -> condition; {} is the parameter's place.
LEAD_FILTERS = {
    "after": "id > {}",
    "before": "id < {}",
    "status": "status = {}",
    "email": "email = {}",
    "phone": "phone = {}",
    "updated_since": "updated_at >= {}",
    "updated_before": "updated_at < {}",
    "id": "id = {}",
    "archived": "({} OR NOT fields ? 'archived')",  # without a CRM that holds them: only if asked for
    "words": "(fields ->> 'first_name' || ' ' || (fields ->> 'last_name') ILIKE {0} OR fields ->> 'last_name' ILIKE {0}"
    " OR fields ->> 'first_name' ILIKE {0} OR email ILIKE {0} OR fields ->> 'company' ILIKE {0})",
}
AUDIT_FILTERS = {
    "before": "event_id < {}",
    "after": "event_id > {}",
    "event": "event = {}",
    "crm": "crm = {}",
    "actor": "actor = {}",
    "action": "action = {}",
    "subject": "subject = {}",
    "from": "at >= {}",
    "to": "at < {}",
}


@dataclass(slots=True)
class _Where:
    values: list[Any] = field(default_factory=list)
    conditions: list[str] = field(default_factory=list)

    def add(self, condition: str, value: Any) -> None:
        self.values.append(value)
        self.conditions.append(condition.format(f"${len(self.values)}"))

    def place(self, value: Any) -> str:
        self.values.append(value)
        return f"${len(self.values)}"


def _where(account_id: int, known: dict[str, str], filters: dict[str, Any]) -> _Where:
    where = _Where()
    where.add("account_id = {}", account_id)
    for name, value in filters.items():
        if value is not None:
            where.add(known[name], value)
    return where


def leads_statement(
    account_id: int, filters: dict[str, Any], limit: int, *, newest_first: bool
) -> tuple[str, list[Any]]:
    """A page of leads by id, and its parameters."""
    where = _where(account_id, LEAD_FILTERS, filters)
    place = where.place(limit)
    return _LEADS.format(" AND ".join(where.conditions), "DESC" if newest_first else "ASC", place), where.values


def audit_statement(account_id: int, filters: dict[str, Any], limit: int) -> tuple[str, list[Any]]:
    """A page of the audit trail, newest first, and its parameters."""
    where = _where(account_id, AUDIT_FILTERS, filters)
    place = where.place(limit)
    return _AUDIT.format(" AND ".join(where.conditions), place), where.values


def like_pattern(text: str) -> str:
    """A text that the words filter looks for, anywhere in a value."""
    for special in ("\\", "%", "_"):
        text = text.replace(special, "\\" + special)
    return f"%{text}%"
