"""What can be told of a message without decoding it: a few scans cost a tenth of making five hundred events."""

import re
from collections.abc import Collection
from typing import NamedTuple

_KEY = b'"accountid"'
_ACCOUNT = re.compile(rb'"accountid"[ \t\n\r]*:[ \t\n\r]*"([0-9]{1,18})"')
# Printable ASCII may be written as an escape too, and would then hide a key, a digit or an event type from a scan.
_HIDDEN = re.compile(rb"\\u00[2-7]")


class Glance(NamedTuple):
    """What a message body may hold: never less than ``decode_batch`` finds in it, perhaps more."""

    accounts: frozenset[int]
    events: int  # exact, unless some event's data use the word accountid as a key or value too


def glance(body: bytes, always: Collection[bytes] = ()) -> Glance | None:
    """Accounts and number of the events in a body. None: only decoding can tell.

    The body is given plain, not compressed. None too when one of ``always`` occurs anywhere in it: event types whose
    messages are always decoded. A body that is not a batch of events may pass unnoticed, since nothing here parses it.
    """
    if _cannot_be_scanned(body) or any(text in body for text in always):
        return None
    events = body.count(_KEY)
    first = _ACCOUNT.search(body)
    if first is None:
        return None
    if body.count(first.group()) == events:  # the usual case, and much faster than finding them one by one
        return Glance(frozenset((int(first[1]),)), events)
    accounts = _ACCOUNT.findall(body)
    if len(accounts) != events:
        return None  # some account is written in another way, or the word is used for something else
    return Glance(frozenset(map(int, set(accounts))), events)


def _cannot_be_scanned(body: bytes) -> bool:
    # A body without any backslash, the usual one, is known by a scan that costs next to nothing.
    return b"\\" in body and _HIDDEN.search(body) is not None
