"""Entries in the text format of COPY: one string a row, where arrays for ``unnest`` take twelve encodings.

The format: https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-FILE-FORMATS
"""

import re
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache

from audit.domain.entry import Entry

_NULL = "\\N"
_SPECIAL = re.compile(r"[\\\t\n\r]")
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def copy_text(entries: Iterable[Entry]) -> bytes:
    """Rows of ``audit.entry``. The entries' texts hold no NUL: ``entry_of`` has seen to it."""
    return "".join(map(_line, entries)).encode()


_stamp = lru_cache(maxsize=1_000)(datetime.isoformat)  # a batch of the transformer's has one time


def _line(entry: Entry) -> str:
    account, event_id, event, at, actor, crm, action, fields, address, subject, cause, details = entry
    told = details.decode()
    texts = (event, actor, crm or "", action, fields, address or "", subject, cause or "", told)
    if _SPECIAL.search("".join(texts)):
        event, actor, action, fields, subject, told = (
            text.translate(_ESCAPES) for text in (event, actor, action, fields, subject, told)
        )
        crm, address, cause = (text and text.translate(_ESCAPES) for text in (crm, address, cause))
    return (
        f"{account}\t{event_id}\t{event}\t{_stamp(at)}\t{actor}\t{_NULL if crm is None else crm}\t{action}\t{fields}\t"
        f"{_NULL if address is None else address}\t{subject}\t{_NULL if cause is None else cause}\t"
        f"{_NULL if told == '{}' else told}\n"
    )
