"""All records of one kind."""

from collections.abc import Iterator, Mapping
from typing import Any

from simulators.pipedrive.orders import Order

ORDERS = ("id", "add_time", "update_time")
Row = dict[str, Any]


def shelf_of(row: Mapping[str, Any]) -> str:
    """Which lists show a record: ``live``, ``archived`` or ``deleted``."""
    if row.get("is_deleted"):
        return "deleted"
    return "archived" if row.get("is_archived") else "live"


class Table:
    """Records by id, and on their shelf in each order. Rows are never changed, only replaced."""

    def __init__(self) -> None:
        self.rows: dict[Any, Row] = {}
        self.version = 0  # moves with each change
        self._shelves = {
            name: {order: Order() for order in ORDERS} for name in ("live", "archived", "deleted")
        }  # fmt: skip
        self._sorted: dict[str, tuple[int, list[Any]]] = {}

    def put(self, row: Row) -> None:
        """Store a new record or the new state of one."""
        old = self.rows.get(row["id"])
        if old is not None and shelf_of(old) != shelf_of(row):
            self._take_down(old)
        self.rows[row["id"]] = row
        for name, order in self._shelves[shelf_of(row)].items():
            order.put(row["id"], row[name])
        self.version += 1

    def remove(self, record_id: Any) -> None:
        """Forget a record for good."""
        row = self.rows.pop(record_id, None)
        if row is not None:
            self._take_down(row)
            self.version += 1

    def shelf(self, name: str, order: str) -> Order:
        """The records on a shelf in an order."""
        return self._shelves[name][order]

    def sorted_ids(self, shelf: str, sort: str) -> list[Any]:
        """Ids on a shelf by any columns, ``"title ASC, id DESC"``; sorted anew only when something changed."""
        name, _, rest = sort.partition(" ")
        if name in ORDERS and not rest.strip().upper().startswith("DESC") and "," not in sort:
            return [key[1] for key in self.shelf(shelf, name).keys()]  # noqa: SIM118 - not a dict
        cached = self._sorted.get(f"{shelf}/{sort}")
        if cached and cached[0] == self.version:
            return cached[1]
        ids = [key[1] for key in self.shelf(shelf, "id").keys()]  # noqa: SIM118 - not a dict
        for each in reversed(sort.split(",")):
            column, _, way = each.strip().partition(" ")
            descending = way.strip().upper() == "DESC"
            values = {one: _sortable(self.rows[one].get(column)) for one in ids}
            ids.sort(key=values.__getitem__, reverse=descending)
        self._sorted = {f"{shelf}/{sort}": (self.version, ids)}
        return ids

    def everything(self, *, deleted: bool) -> Iterator[Row]:
        """All records in order of id."""
        names = ("live", "archived", "deleted") if deleted else ("live", "archived")
        ids = sorted(key[1] for name in names for key in self.shelf(name, "id").keys())  # noqa: SIM118 - not a dict
        return (self.rows[each] for each in ids)

    def _take_down(self, row: Row) -> None:
        for order in self._shelves[shelf_of(row)].values():
            order.drop(row["id"])


def _sortable(value: Any) -> tuple[int, Any]:
    """Nothing sorts first; whatever else beside its like."""
    if value is None:
        return (0, 0)
    return (1, value) if isinstance(value, int | float) else (2, str(value))
