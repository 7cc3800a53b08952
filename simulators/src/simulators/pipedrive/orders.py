"""Records in order, without sorting for every page."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Any

Key = tuple[Any, Any]  # sort value, id


class Order:
    """Keys kept sorted. What was moved or dropped stays in the list, skipped, until it is worth cleaning."""

    def __init__(self) -> None:
        self._keys: list[Key] = []
        self._current: dict[Any, Key] = {}

    def __len__(self) -> int:
        return len(self._current)

    def put(self, record_id: Any, value: Any) -> None:
        """Insert or move a record."""
        key = (value, record_id)
        if self._current.get(record_id) == key:
            return
        self._current[record_id] = key
        if not self._keys or key > self._keys[-1]:
            self._keys.append(key)
            return
        at = bisect_left(self._keys, key)
        if self._keys[at] != key:
            self._keys.insert(at, key)

    def drop(self, record_id: Any) -> None:
        """Take a record out, if it is in."""
        self._current.pop(record_id, None)
        if len(self._keys) > 2 * len(self._current) + 1_000:
            self.keys()

    def keys(self) -> list[Key]:
        """All keys in order, cleaned; not to be changed."""
        if len(self._keys) != len(self._current):
            current = self._current
            self._keys = [key for key in self._keys if current.get(key[1]) == key]
        return self._keys

    def walk(self, after: Key | None, *, descending: bool = False, since: Any = None) -> Iterator[Any]:
        """Ids beyond ``after`` in the direction of walk; ``since``: only values from there on."""
        keys = self._keys
        lowest = bisect_left(keys, (since,)) if since is not None else 0
        if descending:
            begin = bisect_left(keys, after) - 1 if after is not None else len(keys) - 1
            places = range(begin, lowest - 1, -1)
        else:
            begin = bisect_right(keys, after) if after is not None else 0
            places = range(max(begin, lowest), len(keys))
        for place in places:
            key = keys[place]
            if self._current.get(key[1]) == key:
                yield key[1]
