"""Which records belong together."""

from collections.abc import Iterator
from typing import Any

from simulators.hubspot.catalogue import Kind
from simulators.hubspot.errors import validation

Node = tuple[str, int]  # object type, id
# (from, to) → the id of the type from there to here, HubSpot's default first
DEFAULTS = {
    ("contacts", "companies"): (279, 1), ("companies", "contacts"): (280, 2), ("deals", "contacts"): (3,),
    ("contacts", "deals"): (4,), ("deals", "companies"): (341, 5), ("companies", "deals"): (342, 6),
    ("leads", "contacts"): (578, 608), ("contacts", "leads"): (579, 609), ("leads", "companies"): (610,),
    ("companies", "leads"): (611,), ("tickets", "contacts"): (16,), ("contacts", "tickets"): (15,),
    ("tickets", "companies"): (339,), ("companies", "tickets"): (340,), ("contacts", "contacts"): (449,),
}  # fmt: skip


class Associations:
    """Links between records, kept from both ends."""

    def __init__(self) -> None:
        self._links: dict[Node, dict[Node, set[int]]] = {}

    def known(self, start: str, end: str) -> tuple[int, ...]:
        """The type ids between two object types."""
        return DEFAULTS.get((start, end), ())

    def types(self, start: Kind, end: Kind, wish: Any) -> set[int]:
        """The type ids that a request names; none named: the default. Raises HubSpotRefused."""
        known = self.known(start.name, end.name)
        rows = [] if wish is None else wish
        if not isinstance(rows, list) or not all(
            isinstance(each, dict) and each.get("associationTypeId") in known for each in rows
        ):
            raise validation(f"invalid association types {wish} for {start.singular.upper()}_TO_{end.singular.upper()}")
        if not known:
            raise validation(f"{start.name} cannot be associated with {end.name}")
        named = {int(each["associationTypeId"]) for each in rows}
        return named or {known[0]}

    def link(self, start: Node, end: Node, types: set[int]) -> bool:
        """Link two records; whether that is new."""
        there = self._links.setdefault(start, {}).setdefault(end, set())
        back = self._links.setdefault(end, {}).setdefault(start, set())
        new = not types <= there
        there |= types
        pairs = zip(DEFAULTS[start[0], end[0]], DEFAULTS[end[0], start[0]], strict=True)
        back |= {theirs for ours, theirs in pairs if ours in types}
        return new

    def unlink(self, start: Node, end: Node) -> bool:
        """Part two records; whether they were linked."""
        self._links.get(end, {}).pop(start, None)
        return self._links.get(start, {}).pop(end, None) is not None

    def of(self, start: Node, kind: str) -> Iterator[tuple[int, list[int]]]:
        """The linked records of a type: id and type ids."""
        for (name, number), types in self._links.get(start, {}).items():
            if name == kind:
                yield number, sorted(types)

    def move(self, old: Node, new: Node) -> None:
        """Give one record's links to another."""
        for end, types in list(self._links.pop(old, {}).items()):
            self._links.get(end, {}).pop(old, None)
            if end != new:
                self.link(new, end, set(types))

    def forget(self, node: Node) -> None:
        """Part a record from all others."""
        for end in self._links.pop(node, {}):
            self._links.get(end, {}).pop(node, None)
