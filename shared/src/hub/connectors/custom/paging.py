"""How a custom CRM's list goes on. Pure: an answer in, the next page's address out."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import orjson

from hub.connectors.calls import Answer
from hub.connectors.custom.paths import MISSING, at, first
from hub.connectors.custom.wire import CustomConfig, Paging
from hub.contracts.failures import CrmFailure, FailureKind, RecordError

_NEXT_LINK = re.compile(r'<([^>]*)>\s*;[^,]*\brel\s*=\s*"?next"?', re.IGNORECASE)
_USUAL_LINKS = ("next", "links.next", "meta.next", "paging.next.link", "_links.next.href", "next_page_url")
MAX_PLACE = 2000  # characters of a cursor or link


def filtered(path: str, query: str) -> str:
    """A path with more in its query (encoded)."""
    return f"{path}{'&' if '?' in path else '?'}{query}" if query else path


def address(list_path: str, paging: Paging, place: Any) -> str:
    """The path of the page at a place: None for the first, else what ``following`` said."""
    if isinstance(place, str) and place.startswith("/"):
        return place
    query: dict[str, Any] = {}
    if paging.size_param:
        query[paging.size_param] = paging.size
    if paging.kind == "offset":
        query[paging.param or "offset"] = place or 0
    elif paging.kind == "page":
        query[paging.param or "page"] = paging.first if place is None else place
    elif paging.kind == "cursor" and place is not None:
        query[paging.param or "cursor"] = place
    return filtered(list_path, urlencode(query, quote_via=quote))


def following(config: CustomConfig, answer: Answer, document: Any, count: int, place: Any) -> Any:
    """Where the page after this one is; None when this was the last. ``count``: records on this page."""
    paging = config.paging
    if paging.kind == "none" or (count == 0 and paging.kind != "cursor"):
        return None
    if paging.kind == "offset":
        after = (place or 0) + count
        return after if _more(document, paging, after) else None
    if paging.kind == "page":
        number = paging.first if place is None else place
        return number + 1 if _more(document, paging, (number - paging.first + 1) * paging.size) else None
    if paging.kind == "cursor":
        value = first(document, paging.cursor_path)
        return None if value is MISSING or value in ("", False) else _bounded(value)
    return _link(config, answer, document)


def _more(document: Any, paging: Paging, read: int) -> bool:
    total = at(document, paging.total_path) if paging.total_path else MISSING
    return read < total if isinstance(total, int) else True


def _link(config: CustomConfig, answer: Answer, document: Any) -> str | None:
    header = _NEXT_LINK.search(answer.headers.get("Link", ""))
    link: Any = header[1] if header else MISSING
    if link is MISSING and isinstance(document, dict):
        usual = _USUAL_LINKS if config.paging.kind == "auto" else (config.paging.cursor_path, *_USUAL_LINKS)
        link = first(document, *usual)
    if not isinstance(link, str) or not link:
        return None
    return _own(config, _bounded(link))


def _own(config: CustomConfig, link: str) -> str:
    """The link as a path below ``base_url``: the key is sent to no other host, whatever a CRM says."""
    base, there = urlsplit(config.base_url), urlsplit(link)
    if there.scheme or there.netloc:
        same = (there.scheme.lower(), there.netloc.lower()) == (base.scheme.lower(), base.netloc.lower())
        if not same:
            told = "the link to the next page leads to another host; it is not followed"
            raise CrmFailure(FailureKind.VALIDATION, RecordError("FOREIGN_HOST", told))
    path = there.path if there.path.startswith("/") else f"/{there.path}"
    if base.path and path.startswith(f"{base.path}/"):
        path = path[len(base.path) :]
    elif base.path:
        told = "the link to the next page leads outside base_url; it is not followed"
        raise CrmFailure(FailureKind.VALIDATION, RecordError("FOREIGN_HOST", told))
    return f"{path}?{there.query}" if there.query else path


def _bounded(place: Any) -> Any:
    if not isinstance(place, str | int) or isinstance(place, bool) or len(str(place)) > MAX_PLACE:
        raise CrmFailure(FailureKind.SERVER, RecordError("BAD_CURSOR", "the place of the next page is no cursor"))
    return place


def digest(rows: list[Mapping[str, Any]]) -> str:
    """Tells a page from the one before it: a pager that does not move would be read for ever."""
    return hashlib.blake2b(orjson.dumps(rows, default=str), digest_size=12).hexdigest()
