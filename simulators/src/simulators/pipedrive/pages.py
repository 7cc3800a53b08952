"""Lists of API v2: which records, in which order, and where the next page begins."""

import base64
import binascii
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

import orjson

from simulators.pipedrive.checks import is_moment, utc
from simulators.pipedrive.crm import Crm
from simulators.pipedrive.errors import invalid, missing, whole
from simulators.pipedrive.tables import ORDERS, Row

MOST, MOST_IDS, MOST_CUSTOM = 500, 100, 15
_FILTERS = {
    "person": ("owner_id", "org_id"),
    "deal": ("owner_id", "person_id", "org_id", "pipeline_id", "stage_id"),
    "organization": ("owner_id",),
}


def limit_of(query: Mapping[str, str], most: int = MOST) -> int:
    """``limit``, 100 unless told. Raises Refused."""
    text = query.get("limit", "100")
    if not (text.isascii() and text.isdigit() and len(text) < 9 and 1 <= int(text) <= most):
        raise invalid(f"limit: Expected number from 1 to {most}")
    return int(text)


def cursor_of(query: Mapping[str, str]) -> Any:
    """What an earlier answer put into its cursor; None at the beginning. Raises Refused."""
    if not query.get("cursor"):
        return None
    try:
        return orjson.loads(base64.urlsafe_b64decode(query["cursor"]))
    except (binascii.Error, ValueError):
        raise invalid("cursor: Invalid cursor") from None


def offset_of(query: Mapping[str, str]) -> int:
    """Where a cursor that counts goes on. Raises Refused."""
    start = cursor_of(query)
    if start is None:
        return 0
    if not isinstance(start, int) or not 0 <= start < 10**9:
        raise invalid("cursor: Invalid cursor")
    return int(start)


def sealed(position: Any) -> str:
    """A cursor."""
    return base64.urlsafe_b64encode(orjson.dumps(position)).decode()


def custom_keys(query: Mapping[str, str]) -> list[str] | None:
    """The custom fields asked for; None: all. Raises Refused."""
    if "custom_fields" not in query:
        return None
    keys = [each.strip() for each in query["custom_fields"].split(",") if each.strip()]
    if len(keys) > MOST_CUSTOM:
        raise invalid(f"custom_fields: at most {MOST_CUSTOM}")
    return keys


def page(crm: Crm, kind: str, query: Mapping[str, str], shelf: str = "live") -> tuple[list[Row], str | None]:
    """A page of records and the cursor of the next one. Raises Refused."""
    if "filter_id" in query:
        raise missing("Filter not found")
    limit, accept, since = limit_of(query), _accept(kind, query), _moment(query, "updated_since")
    until = _moment(query, "updated_until")
    if "deleted" in query.get("status", "").split(","):
        shelf, since = "deleted", max(since or "", crm.oldest_deleted(kind))
    rows = crm.tables[kind].rows
    if "ids" in query:
        wanted = _ids(query["ids"])
        return [rows[each] for each in wanted if each in rows and not rows[each]["is_deleted"]], None
    order, descending, after = _place(query)
    timed = order == "update_time"
    walk = crm.tables[kind].shelf(shelf, order).walk(after, descending=descending, since=since if timed else None)

    def fits(row: Row) -> bool:
        at = row["update_time"]
        return (since is None or at >= since) and (until is None or at < until) and accept(row)

    found = list(islice((rows[each] for each in walk if fits(rows[each])), limit + 1))
    if len(found) <= limit:
        return found, None
    last = found[limit - 1]
    return found[:limit], sealed([order, descending, [last[order], last["id"]]])


def _place(query: Mapping[str, str]) -> tuple[str, bool, Any]:
    cursor = cursor_of(query)
    if cursor is not None:
        match cursor:
            case ["id", bool() as descending, [int() as value, int() as record_id]]:
                return "id", descending, (value, record_id)
            case ["add_time" | "update_time" as order, bool() as descending, [str() as moment, int() as record_id]]:
                return str(order), descending, (moment, record_id)
        raise invalid("cursor: Invalid cursor")  # of another list, or made up
    order, direction = query.get("sort_by", "id"), query.get("sort_direction", "asc")
    if order not in ORDERS:
        raise invalid(f"sort_by: must be one of {', '.join(ORDERS)}")
    if direction not in ("asc", "desc"):
        raise invalid("sort_direction: must be asc or desc")
    return order, direction == "desc", None


def _accept(kind: str, query: Mapping[str, str]) -> Callable[[Row], bool]:
    wanted: dict[str, int] = {}
    for name in _FILTERS[kind]:
        if name in query:
            wanted[name] = whole(query[name], invalid(f"{name}: Expected number"))
    statuses = {each for each in query.get("status", "").split(",") if each} if kind == "deal" else set()
    if not statuses <= {"open", "won", "lost", "deleted"}:
        raise invalid("status: must be one of open, won, lost, deleted")
    states = statuses - {"deleted"}
    return lambda row: (
        all(row[name] == value for name, value in wanted.items())
        and (not states or row["status"] in states or row["is_deleted"])
    )


def _moment(query: Mapping[str, str], name: str) -> str | None:
    if name not in query:
        return None
    text = query[name].replace(" ", "+")  # a plus that was not escaped
    if not is_moment(text):
        raise invalid(f"{name}: {query[name]} is not a valid datetime")
    return utc(text)


def _ids(text: str) -> list[int]:
    parts = [each.strip() for each in text.split(",") if each.strip()]
    refusal = invalid(f"ids: Expected at most {MOST_IDS} numbers")
    if len(parts) > MOST_IDS:
        raise refusal
    return [whole(each, refusal) for each in parts]
