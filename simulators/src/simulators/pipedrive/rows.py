"""How a record looks when it is new, and what follows from a change."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from simulators.pipedrive.checks import contacts
from simulators.pipedrive.tables import Row

OPEN_FIELDS: dict[str, dict[str, Any]] = {
    "person": {
        "name": "", "first_name": None, "last_name": None, "add_time": "", "update_time": "", "visible_to": 3,
        "owner_id": 1, "label_ids": [], "org_id": None, "is_deleted": False, "picture_id": None, "phones": [],
        "emails": [], "custom_fields": {},
    },
    "organization": {
        "name": "", "owner_id": 1, "add_time": "", "update_time": "", "is_deleted": False, "visible_to": 3,
        "address": None, "label_ids": [], "website": None, "linkedin": None, "industry": None, "annual_revenue": None,
        "employee_count": None, "custom_fields": {},
    },
    "deal": {
        "title": "", "creator_user_id": 1, "owner_id": 1, "value": 0, "person_id": None, "org_id": None,
        "stage_id": 1, "pipeline_id": 1, "currency": "USD", "archive_time": None, "add_time": "", "update_time": "",
        "stage_change_time": None, "status": "open", "is_archived": False, "is_deleted": False, "probability": None,
        "lost_reason": None, "visible_to": 3, "close_time": None, "won_time": None, "lost_time": None,
        "local_won_date": None, "local_lost_date": None, "local_close_date": None, "expected_close_date": None,
        "label_ids": [], "origin": "API", "origin_id": None, "channel": None, "channel_id": None, "acv": None,
        "arr": None, "mrr": None, "custom_fields": {},
    },
    "lead": {
        "title": "", "owner_id": 1, "creator_id": 1, "label_ids": [], "person_id": None, "organization_id": None,
        "source_name": "API", "origin": "API", "origin_id": None, "channel": None, "channel_id": None,
        "source_deal_id": None, "is_archived": False, "was_seen": False, "value": None, "expected_close_date": None,
        "next_activity_id": None, "add_time": "", "update_time": "", "visible_to": "3", "cc_email": "",
        "custom_fields": {},
    },
}  # fmt: skip


def stamp(kind: str, moment: datetime) -> str:
    """A moment as the kind's times are written: leads to the millisecond, all others to the second."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + (f".{moment.microsecond // 1000:03}Z" if kind == "lead" else "Z")


def lead_id(number: int, moment: datetime) -> str:
    """A time-based UUID, as Pipedrive's leads have."""
    ticks = int(moment.timestamp() * 10_000_000) + 0x01B21DD213814000 + number % 10
    low, middle, high = ticks & 0xFFFFFFFF, (ticks >> 32) & 0xFFFF, (ticks >> 48) & 0x0FFF
    clock = number & 0x3FFF
    fields = (low, middle, high | 0x1000, 0x80 | clock >> 8, clock & 0xFF, 0x05D71FB4_0000 | number >> 14 & 0xFFFF)
    return str(uuid.UUID(fields=fields))


def new_row(kind: str, record_id: Any, fields: Mapping[str, Any], moment: datetime, by: int) -> Row:
    """A record as it is first stored. ``fields`` are checked; custom ones under ``custom_fields``."""
    at = stamp(kind, moment)
    row: Row = {"id": record_id, **OPEN_FIELDS[kind], "owner_id": by, "add_time": at, "update_time": at}
    if kind == "deal":
        row |= {"creator_user_id": by}
    if kind == "lead":
        row |= {"creator_id": by, "cc_email": f"company+123+lead{record_id}@pipedrivemail.com"}
    return _settled(kind, {}, {**row, **fields}, at)


def changed_row(kind: str, old: Row, fields: Mapping[str, Any], moment: datetime) -> Row:
    """The record after a change; the very same object when nothing changes."""
    at = stamp(kind, moment)
    wanted = {**fields}
    if "custom_fields" in wanted:
        wanted["custom_fields"] = {**old["custom_fields"], **wanted["custom_fields"]}
    row = _settled(kind, old, {**old, **wanted}, at)
    if all(row[name] == old.get(name) for name in row):
        return old
    return row if "update_time" in fields else {**row, "update_time": at}


def _settled(kind: str, old: Mapping[str, Any], row: Row, at: str) -> Row:
    row["custom_fields"] = {key: value for key, value in row["custom_fields"].items() if value is not None}
    if kind == "person":
        if row["name"] != old.get("name"):
            row["first_name"], _, last = row["name"].strip().partition(" ")
            row["last_name"] = last.strip() or None
        row["emails"], row["phones"] = contacts(row["emails"]), contacts(row["phones"])
    if kind == "deal":
        _settle_deal(old, row, at)
    return row


def _settle_deal(old: Mapping[str, Any], row: Row, at: str) -> None:
    """Status and stage leave their times behind."""
    if old and row["stage_id"] != old["stage_id"]:
        row["stage_change_time"] = at
    if row["status"] != old.get("status", "open"):
        closed = None if row["status"] == "open" else at
        row["close_time"] = row["close_time"] if not old and row["close_time"] else closed
        row["won_time"] = at if row["status"] == "won" else None
        row["lost_time"] = at if row["status"] == "lost" else None
        if row["status"] != "lost":
            row["lost_reason"] = None
        for name in ("won", "lost", "close"):
            moment = row[f"{name}_time"]
            row[f"local_{name}_date"] = moment[:10] if moment else None
    if row["is_archived"] != old.get("is_archived", False):
        row["archive_time"] = at if row["is_archived"] else None
