"""From text to tree."""

from simulators.salesforce.soql.conditions import condition
from simulators.salesforce.soql.reader import Reader
from simulators.salesforce.soql.syntax import Aggregate, Order, Path, Query

AGGREGATES = ("COUNT", "COUNT_DISTINCT", "MIN", "MAX", "SUM", "AVG")
_AFTER_ITEM = ("FROM",)
MOST_OFFSET = 2000


def parse(text: str) -> Query:
    """The query. Raises Refused (``MALFORMED_QUERY``)."""
    read = Reader(text)
    read.keyword("SELECT")
    items, count = _items(read)
    read.keyword("FROM")
    source = read.name()
    if read.peek.kind == "name" and read.peek.word not in (
        "WHERE",
        "GROUP",
        "ORDER",
        "LIMIT",
        "OFFSET",
        "USING",
        "FOR",
    ):
        read.take()  # an alias of the object, which without joins means nothing
    where = condition(read) if read.accept("WHERE") else None
    groups = _groups(read) if read.accept("GROUP") else ()
    order = _order(read) if read.accept("ORDER") else ()
    limit = read.whole_number() if read.accept("LIMIT") else None
    at = read.peek.at
    offset = read.whole_number() if read.accept("OFFSET") else 0
    if offset > MOST_OFFSET:
        raise read.complain(f"Maximum SOQL offset allowed is {MOST_OFFSET}", at, "NUMBER_OUTSIDE_VALID_RANGE")
    if read.accept("FOR"):
        read.name()  # VIEW, REFERENCE, UPDATE: of no effect here
    read.end()
    return Query(text, items, count, source.text, source.at, where, groups, order, limit, offset)


def _items(read: Reader) -> tuple[tuple[Path | Aggregate, ...], bool]:
    items: list[Path | Aggregate] = []
    while True:
        name = read.name()
        if read.accept("("):
            if name.text.upper() == "FIELDS":
                items.append(Path(f"FIELDS({read.name().text.upper()})", name.at))
                read.keyword(")")
            elif name.text.upper() == "COUNT" and read.accept(")"):
                if items or read.peek.word != "FROM":
                    raise read.unexpected()
                return (), True
            else:
                items.append(_aggregate(read, name))
        else:
            items.append(name)
        if not read.accept(","):
            return tuple(items), False


def _aggregate(read: Reader, name: Path) -> Aggregate:
    if name.text.upper() not in AGGREGATES:
        raise read.complain(f"unexpected token: '{name.text}'", name.at)
    path = read.name()
    read.keyword(")")
    alias = read.take().text if read.peek.kind == "name" and read.peek.word not in _AFTER_ITEM else None
    return Aggregate(name.text.upper(), path, alias)


def _groups(read: Reader) -> tuple[Path, ...]:
    read.keyword("BY")
    paths = [read.name()]
    while read.accept(","):
        paths.append(read.name())
    return tuple(paths)


def _order(read: Reader) -> tuple[Order, ...]:
    read.keyword("BY")
    keys: list[Order] = []
    while True:
        path = read.name()
        descending = bool(read.accept("DESC"))
        if not descending:
            read.accept("ASC")
        nulls_last = False
        if read.accept("NULLS"):
            nulls_last = bool(read.accept("LAST"))
            if not nulls_last:
                read.keyword("FIRST")
        keys.append(Order(path, descending, nulls_last))
        if not read.accept(","):
            return tuple(keys)
