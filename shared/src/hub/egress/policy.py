"""Which addresses the hub may call when somebody else chose the URL. Pure.

The list is explicit: ``ipaddress.is_global`` lets NAT64, 6to4 and mapped addresses through, and knows no metadata
services.
Source: https://www.iana.org/assignments/iana-ipv4-special-registry and …/iana-ipv6-special-registry.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from hub.contracts.errors import Invalid

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_DENIED_V4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT; also Alibaba's metadata service
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # Azure's platform service, inside a public range
        "169.254.0.0/16",  # link-local; the metadata services of most clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; Oracle's metadata service
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
_GLOBAL_V6 = IPv6Network("2000::/3")  # all that is allocated; loopback, mapped, NAT64, ULA, link-local lie outside
_DENIED_V6 = tuple(
    IPv6Network(text)
    for text in (
        "::/128",  # unspecified
        "::1/128",  # loopback
        "::/96",  # IPv4-compatible
        "::ffff:0:0/96",  # IPv4-mapped
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",  # local NAT64
        "100::/64",  # discard
        "2001::/23",  # protocol assignments; Teredo, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address inside
        "3fff::/20",  # documentation
        "5f00::/16",  # segment routing
        "fc00::/7",  # unique local; AWS's metadata service
        "fe80::/10",  # link-local
        "fec0::/10",  # site-local
        "ff00::/8",  # multicast
    )
)


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """The deny list above, minus what the operator allows."""

    allowed: tuple[Network, ...] = ()

    @staticmethod
    def read(setting: str) -> "EgressPolicy":
        """From ``HUB_EGRESS_ALLOW``: CIDRs separated by commas. Raises ValueError on anything else."""
        return EgressPolicy(tuple(ip_network(part.strip()) for part in setting.split(",") if part.strip()))

    def permits(self, address: Address) -> bool:
        """Whether a connection to the address may be opened."""
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        if any(candidate in network for network in self.allowed for candidate in (address, mapped) if candidate):
            return True
        if isinstance(address, IPv4Address):
            return not any(address in network for network in _DENIED_V4)
        return address in _GLOBAL_V6 and not any(address in network for network in _DENIED_V6)

    def check_url(self, url: str, field: str = "url") -> None:
        """Raise Invalid unless the URL may be configured. Names are vetted later, at each connection."""
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError:
            raise Invalid("is not a URL", field=field) from None
        if parts.scheme not in ("http", "https") or not host:
            raise Invalid("must be an http or https address", field=field)
        if parts.username is not None or parts.password is not None:
            raise Invalid("must not carry credentials", field=field)
        address = literal_address(host)
        if address and not self.permits(address):
            raise Invalid("the address is not public", field=field)


def literal_address(host: str) -> Address | None:
    """The address when the host is one in plain notation, else None (a name, to be resolved)."""
    try:
        return ip_address(host)
    except ValueError:
        return None
