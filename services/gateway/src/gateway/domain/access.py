"""Who is asking, and what they may do."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from hub.contracts.errors import Forbidden, Unauthenticated
from hub.contracts.scopes import Scope

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A stored key."""

    id: str
    account_id: int
    name: str
    secret_hash: bytes
    scopes: frozenset[str]
    allowed_ips: tuple[Network, ...]
    rate_per_minute: int | None
    expires_at: datetime | None
    revoked_at: datetime | None


def check_usable(key: StoredKey, ip: str | None, now: datetime) -> None:
    """Raise Unauthenticated or Forbidden when the key may not be used any more, or not from there."""
    if key.revoked_at is not None and key.revoked_at <= now:
        raise Unauthenticated("This API key was revoked")
    if key.expires_at is not None and key.expires_at <= now:
        raise Unauthenticated("This API key has expired")
    if key.allowed_ips and not within(ip, key.allowed_ips):
        raise Forbidden("This API key may not be used from this address", code="ADDRESS_NOT_ALLOWED")


def check_scope(key: StoredKey, scope: Scope) -> None:
    """Raise Forbidden when the key lacks the permission."""
    if scope not in key.scopes:
        raise Forbidden(f"This API key lacks the permission {scope}", required_scope=str(scope))


def parse_ip(text: str | None) -> IPv4Address | IPv6Address | None:
    """An address; a mapped IPv4 address as IPv4; None when it is none."""
    try:
        address = ip_address((text or "").strip())
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def within(ip: str | None, networks: Sequence[Network]) -> bool:
    """Whether the address is in one of the networks."""
    address = parse_ip(ip)
    return address is not None and any(address in network for network in networks)


def client_ip(peer: str | None, forwarded_for: Sequence[str], trusted: Sequence[Network]) -> str | None:
    """The client's address: the right-most entry of X-Forwarded-For that was not added by a proxy of ours.

    The header is believed only when the peer itself is a trusted proxy; anybody can send it.
    """
    if not trusted or not within(peer, trusted):
        return peer
    for hop in reversed([part.strip() for line in forwarded_for for part in line.split(",")]):
        if parse_ip(hop) is None:
            return peer
        peer = hop
        if not within(hop, trusted):
            break
    return peer
