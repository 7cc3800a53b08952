"""The SELECT list: which fields, and a record as the answer shows it."""

from collections.abc import Callable, Mapping
from typing import Any

from simulators.salesforce.errors import Refused
from simulators.salesforce.schema import ObjectType
from simulators.salesforce.soql.paths import Found, Paths
from simulators.salesforce.soql.syntax import Aggregate, Path, Query
from simulators.salesforce.soql.tokens import malformed
from simulators.salesforce.store import Record

Shape = Callable[[Record], dict[str, Any]]
MOST_WITH_FIELDS = 200


def selected(query: Query, paths: Paths) -> list[Found]:
    """The fields, ``FIELDS(ALL)`` and its kin spelled out. Raises Refused."""
    found: list[Found] = []
    for item in query.items:
        if isinstance(item, Aggregate):
            complaint = "Grouped and plain fields need a GROUP BY"
            raise malformed(query.text, item.path.at if item.path else 0, complaint)
        if item.text.startswith("FIELDS("):
            found += [paths.resolve(Path(name, item.at)) for name in _all(query, paths.kind, item)]
        else:
            found.append(paths.resolve(item))
    names = [(*each.steps, each.field.name) for each in found]
    double = next((name for name in names if names.count(name) > 1), None)
    if double:
        raise Refused("MALFORMED_QUERY", f"duplicate field selected: {'.'.join(double)}")
    return found


def shape(fields: list[Found], paths: Paths, version: str) -> Shape:
    """A function that shows a record with those fields."""
    kind = paths.kind
    base = f"/services/data/v{version}/sobjects/"
    plain = [(each.field.name, each.fetch) for each in fields if each.direct]
    if len(plain) == len(fields):
        own = f"{base}{kind.name}/"
        return lambda record: {
            "attributes": {"type": kind.name, "url": own + record["Id"]},
            **{name: fetch(record) for name, fetch in plain},
        }

    def nested(record: Record) -> dict[str, Any]:
        shown: dict[str, Any] = {"attributes": _attributes(kind, record["Id"], base)}
        for each in fields:
            _place(shown, each, record, paths, base)
        return shown

    return nested


def _place(shown: dict[str, Any], found: Found, record: Record, paths: Paths, base: str) -> None:
    references: list[str] = []
    kind = paths.kind
    for step in found.steps:
        by = kind.relations[step.lower()]
        references.append(by.name)
        related = paths.follow(record, references)
        if related is None:
            shown.setdefault(by.relationship or step, None)
            return
        kind = paths.type_of(related)
        shown = shown.setdefault(by.relationship or step, {"attributes": _attributes(kind, related["Id"], base)})
    shown[found.field.name] = found.fetch(record)


def _attributes(kind: ObjectType, record_id: str, base: str) -> Mapping[str, str]:
    return {"type": kind.name, "url": f"{base}{kind.name}/{record_id}"}


def _all(query: Query, kind: ObjectType, item: Path) -> list[str]:
    which = item.text[7:-1]
    if which not in ("ALL", "STANDARD", "CUSTOM"):
        raise malformed(query.text, item.at, f"unexpected token: '{which}'")
    if which != "STANDARD" and (query.limit is None or query.limit > MOST_WITH_FIELDS):
        complaint = f"The SOQL FIELDS function must have a LIMIT of at most {MOST_WITH_FIELDS}"
        raise malformed(query.text, item.at, complaint)
    fields = kind.fields.values()
    return [each.name for each in fields if which == "ALL" or each.custom == (which == "CUSTOM")]
