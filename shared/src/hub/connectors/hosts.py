"""Hosts that a vendor names for itself (instance_url, api_domain): tokens go only where the operator said they may."""

import re
from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from hub.contracts.failures import CrmFailure, FailureKind, RecordError

_HOST = re.compile(r"[a-z0-9.-]+\Z|[0-9a-f:.]+\Z", re.ASCII)  # no letter that a parser after us might read otherwise


def origin_within(url: object, domains: Sequence[str]) -> str | None:
    """``https://host[:port]`` of a URL whose host the domains hold, else None.

    A domain is a suffix (``.salesforce.com``) or a host. Plain http is only for loopback addresses that are named
    (``127.0.0.1``), and for hosts that are named with it (``http://crm.test``): simulators.
    """
    if not isinstance(url, str):
        return None
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return None
    if (
        not _HOST.match(host)
        or parts.username is not None
        or parts.password is not None
        or parts.query
        or parts.fragment
    ):
        return None
    if parts.path not in ("", "/") or not any(_holds(domain.strip().lower(), parts.scheme, host) for domain in domains):
        return None
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + (f":{port}" if port is not None else "")


def trusted_origin(url: object, domains: Sequence[str], what: str) -> str:
    """``origin_within``, or CrmFailure (AUTH, ``FOREIGN_HOST``): nothing may be sent there."""
    origin = origin_within(url, domains)
    if origin is None:
        message = f"the {what} that the CRM names is outside its own domains; nothing was sent there"
        raise CrmFailure(FailureKind.AUTH, RecordError("FOREIGN_HOST", message))
    return origin


def _holds(domain: str, scheme: str, host: str) -> bool:
    plain = domain.startswith("http://")
    name = domain.removeprefix("http://").removeprefix("https://").rstrip("/")
    if not name or not (host.endswith(name) if name.startswith(".") else host == name):
        return False
    return scheme == "https" or (scheme == "http" and (plain or _is_loopback(name)))


def _is_loopback(name: str) -> bool:
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
