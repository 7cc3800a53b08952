"""Opaque cursors for paging: what the next page starts after."""

import base64
import binascii

from hub.contracts.errors import Invalid


def encode_cursor(position: int | str) -> str:
    """A cursor that continues after ``position``."""
    return base64.urlsafe_b64encode(f"v1:{position}".encode()).decode().rstrip("=")


def decode_cursor(text: str) -> str:
    """The position in a cursor of ours. Raises Invalid."""
    try:
        version, _, position = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii").partition(":")
    except (binascii.Error, ValueError):
        version = position = ""
    if version != "v1" or not position:
        raise Invalid("The cursor is not one that this API gave out", code="INVALID_CURSOR", field="cursor")
    return position


def decode_number_cursor(text: str) -> int:
    """The position when it is a bigint. Raises Invalid."""
    position = decode_cursor(text)
    if not (position.isascii() and position.isdigit() and len(position) <= 18):
        raise Invalid("The cursor is not one that this API gave out", code="INVALID_CURSOR", field="cursor")
    return int(position)
