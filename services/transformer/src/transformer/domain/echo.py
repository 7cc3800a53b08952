"""A CRM tells of our own writes too, and sometimes late: when we have written something newer since."""

from typing import Any

from transformer.domain.identity import Link
from transformer.domain.incoming import Incoming

# How much later than our last write a record may claim to be, and still be older: the clocks of two machines, or,
# where the source names no time, the time that its webhook took to reach us.
CLOCK_UNCERTAINTY = 2.0
DELAY_UNCERTAINTY = 10.0


def may_be_late(item: Incoming, link: Link) -> bool:
    """Whether the source may have held these values before our last write to it."""
    return item.moment <= link.pushed_at + (CLOCK_UNCERTAINTY if item.timed else DELAY_UNCERTAINTY)


def resurfaced(item: Incoming, link: Link) -> bool:
    """Whether the record was seen after the moment at which it is said to have gone."""
    return item.timed and item.moment < link.seen_at - CLOCK_UNCERTAINTY


def said(item: Incoming, link: Link) -> dict[str, Any]:
    """What a record says that is not merely a late echo: a value which the lead had, and which we have overwritten."""
    if not link.former or not may_be_late(item, link):
        return item.fields
    return {
        name: value
        for name, value in item.fields.items()
        if value == link.base.get(name) or value not in link.former.get(name, ())
    }
