"""An event as one row of the audit trail: the design document's shape."""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from audit.domain.describe import describe
from hub.contracts.cloudevents import Event
from hub.store.arrays import text_array

SYSTEM = "system"  # the actor of what nobody in particular did
_HEX = "[0-9a-fA-F]"
_IS_UUID = re.compile(f"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}").fullmatch
_CRM_ORIGINS = frozenset(("crm", "import"))  # their source names a CRM; that of an API call or the bus: one of ours


class Unrecordable(Exception):
    """The event is not what its type promises, and cannot be written down."""


class Entry(NamedTuple):
    """One row of ``audit.entry``, in column order; ``at`` is in UTC."""

    account_id: int
    event_id: str
    event: str
    at: datetime
    actor: str
    crm: str | None
    action: str
    fields_changed: str  # a PostgreSQL array literal
    ip_address: str | None
    subject: str
    causation_id: str | None
    details: bytes  # JSON


def entry_of(event: Event) -> Entry:
    """The row of an event. Raises Unrecordable, which says what is wrong with it.

    Data are read as they come: a validated model costs more than the whole row, and our own services publish them.
    """
    try:
        return _entry(event)
    except (AttributeError, TypeError, ValueError, KeyError) as error:
        raise Unrecordable(f"{type(error).__name__}: {error}") from error


def _entry(event: Event) -> Entry:
    if not _IS_UUID(event.id):
        raise ValueError("the event id is not a UUID")
    told, data = describe(event.type), event.data
    actor = data.get("actor") or {}
    user, address, crm = actor.get("user") or SYSTEM, actor.get("ip_address"), _crm(data)
    action = told.action or data["action"]
    _check_texts(user, action, event.subject, crm, address, event.causation_id)
    details = orjson.dumps(told.details(data))
    if b"\\u0000" in details:
        raise ValueError("NUL in the details")
    return Entry(
        event.account_id,
        event.id,
        told.name,
        moment(event.time),
        user,
        crm,
        action,
        array_literal(tuple(data.get("fields_changed") or ())),
        address,
        event.subject,
        event.causation_id,
        details,
    )


def _crm(data: Any) -> str | None:
    crm: str | None = data.get("crm_type")
    if crm is None and (origin := data.get("origin")):
        return origin.get("source") if origin.get("kind") in _CRM_ORIGINS else None
    return crm or data.get("source")  # an import says its source itself


def _check_texts(*texts: str | None) -> None:
    # PostgreSQL refuses NUL, and the refusal would take the whole batch with it. Joining also refuses other types.
    if "\x00" in "".join(["" if text is None else text for text in texts]):
        raise ValueError("NUL in a text")


@lru_cache(maxsize=1_000)  # what the transformer made of one batch has one time
def moment(text: str) -> datetime:
    """An event's time in UTC. ValueError when it is none, has no zone, or is no time in UTC."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("the event's time has no zone")
    try:
        return at.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("the event's time is out of range") from error


@lru_cache(maxsize=10_000)  # the same few sets of fields change again and again
def array_literal(fields: tuple[str, ...]) -> str:
    """Field names as a ``text[]`` literal: arrays of arrays cannot be sent to ``unnest``, their literals can."""
    _check_texts(*fields)
    return text_array(fields)
