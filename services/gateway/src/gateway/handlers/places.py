"""Ids in addresses. What cannot be an id is simply not there."""

import re
from typing import Any
from uuid import UUID

from gateway.web.routing import Call
from hub.contracts.errors import Invalid, NotFound
from hub.contracts.ids import LEAD_PREFIX, MAX_BIGINT

_NUMBER = re.compile(r"[1-9][0-9]{0,18}\Z")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")


def number(text: str) -> int | None:
    """A positive bigint, or None."""
    value = int(text) if _NUMBER.match(text) else None
    return value if value is not None and value <= MAX_BIGINT else None


def lead_number(text: str) -> int | None:
    """The lead that ``123`` or ``MPP-123`` names, or None."""
    return number(text.removeprefix(LEAD_PREFIX))


def lead_in_path(call: Call[Any, Any]) -> int:
    """The lead that the address names. Raises NotFound."""
    lead_id = lead_number(call.path("lead_id"))
    if lead_id is None:
        raise NotFound("There is no such lead")
    return lead_id


def number_in_path(call: Call[Any, Any], name: str) -> int:
    """A number in the address. Raises NotFound."""
    value = number(call.path(name))
    if value is None:
        raise NotFound()
    return value


def uuid_in_path(call: Call[Any, Any], name: str) -> UUID:
    """A UUID in the address. Raises NotFound."""
    if not _UUID.match(call.path(name)):
        raise NotFound()
    return UUID(call.path(name))


def uuid_cursor(position: str) -> UUID:
    """A UUID in a cursor. Raises Invalid."""
    if not _UUID.match(position):
        raise Invalid("The cursor is not one that this API gave out", code="INVALID_CURSOR", field="cursor")
    return UUID(position)
