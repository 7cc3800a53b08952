"""What the audit trail says of each event type: an action, and details. Never a lead's field values, never a secret."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hub.contracts import events as e

Data = Mapping[str, Any]
Details = Callable[[Data], dict[str, Any]]

MAX_MESSAGE = 500
_NAME = re.compile(r"mpp\.(?P<name>.+)\.v[0-9]+\Z")
# CRMs like to quote the offending value in their error texts; e-mail addresses and long numbers are people's data.
_PERSONAL = re.compile(r"[^\s@'\"<>()]+@[^\s@'\"<>()]+|\+?\d[\d\s().-]{5,}\d")


@dataclass(frozen=True, slots=True)
class Description:
    """One line of the table: the public name, the action (None: the event says it), the details."""

    name: str
    action: str | None
    details: Details


def public_name(event_type: str) -> str:
    """``mpp.lead.created.v1`` is ``lead.created`` to the world."""
    match = _NAME.match(event_type)
    return match["name"] if match else event_type


def without_values(message: str) -> str:
    """An error text with e-mail addresses and long numbers blanked, at most 500 characters."""
    return _PERSONAL.sub("…", message[:MAX_MESSAGE].replace("\x00", ""))


def _only(data: Data, *names: str) -> dict[str, Any]:
    return {name: value for name in names if (value := data.get(name)) is not None}


def _lead(data: Data) -> dict[str, Any]:
    lead, origin = data.get("lead") or {}, data.get("origin") or {}
    told = {"version": lead.get("version"), "import_id": origin.get("import_id")}
    told["connection_id"] = origin.get("connection_id")
    return {name: value for name, value in told.items() if value is not None}


def _rejected(data: Data) -> dict[str, Any]:
    told = _only(data, "code", "field", "external_id") | _only(data.get("origin") or {}, "import_id", "index")
    return told | {"message": without_values(str(data.get("message", "")))}


def _enrolled(data: Data) -> dict[str, Any]:
    return _only(data, "enrollment_id")


def _synced(data: Data) -> dict[str, Any]:
    return _only(data, "connection_id", "external_id", "version", "duration_ms")


def _sync_failed(data: Data) -> dict[str, Any]:
    # details may hold the refused value (the design document's "attempted_value"); only these two are safe to keep.
    told = _only(data, "connection_id", "code", "version", "attempts") | _only(
        data.get("details") or {}, "crm_error", "field"
    )
    return told | {"message": without_values(str(data.get("message", "")))}


def _import(data: Data) -> dict[str, Any]:
    return _only(data, "import_id", "source", "accepted", "rejected")


def _connection(data: Data) -> dict[str, Any]:
    return _only(data, "connection_id")


def _unlinked(data: Data) -> dict[str, Any]:
    return _only(data, "connection_id", "external_id", "reason", "merged_into", "archived")


def _finished(data: Data) -> dict[str, Any]:
    told = _only(
        data, "connection_id", "run_id", "kind", "mode", "outcome", "records", "deleted", "duration_ms", "code"
    )
    return told | ({"message": without_values(str(data["message"]))} if data.get("message") else {})


def _requested(data: Data) -> dict[str, Any]:
    return _only(data, "connection_id", "run_id")


def _nothing(_data: Data) -> dict[str, Any]:
    return {}


def _line(event_type: str, action: str | None, details: Details) -> tuple[str, Description]:
    return event_type, Description(public_name(event_type), action, details)


DESCRIPTIONS: dict[str, Description] = dict(
    (
        _line(e.LEAD_CREATED, "create", _lead),
        _line(e.LEAD_UPDATED, "update", _lead),
        _line(e.LEAD_REJECTED, "skip", _rejected),
        _line(e.ENROLLMENT_COMPLETED, "enroll", _enrolled),
        _line(e.LEAD_SYNCED, None, _synced),
        _line(e.LEAD_SYNC_FAILED, "fail", _sync_failed),
        _line(e.IMPORT_ACCEPTED, "import", _import),
        _line(e.LEAD_UNLINKED, "unlink", _unlinked),
        _line(e.SYNC_FINISHED, "pull", _finished),
        _line(e.CONNECTION_CONNECTED, "connect", _connection),
        _line(e.CONNECTION_SYNC_REQUESTED, "request_sync", _requested),
    )
)


def describe(event_type: str) -> Description:
    """The table's line; an event type younger than this service is recorded by its name alone."""
    known = DESCRIPTIONS.get(event_type)
    if known:
        return known
    name = public_name(event_type)
    return Description(name, name.rpartition(".")[2], _nothing)
