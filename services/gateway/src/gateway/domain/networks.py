"""Lists of networks, as settings and configurations write them."""

from collections.abc import Iterable
from ipaddress import ip_network

from gateway.domain.access import Network


def parse_networks(listed: str | Iterable[str]) -> tuple[Network, ...]:
    """Networks of a comma-separated text or a list. Raises ValueError, naming what is not one."""
    texts = listed.split(",") if isinstance(listed, str) else listed
    return tuple(ip_network(text.strip(), strict=False) for text in texts if text.strip())
