"""HTTP sessions that can only reach what the policy permits.

Names are resolved once per connection, and the addresses that the resolver returned are the ones connected to, so a
name cannot change its meaning in between (DNS rebinding). The socket factory is the last gate, for literals too.
"""

import socket
from collections.abc import Mapping

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import AddrInfoType

from hub.egress.policy import EgressPolicy, literal_address

USER_AGENT = "mypremierplans-crm-hub/1"


class EgressRefused(OSError):
    """The host is, or resolves to, an address that the hub must not call."""


class VettingResolver(AbstractResolver):
    """The system's resolver; addresses that are not permitted are left out."""

    def __init__(self, policy: EgressPolicy) -> None:
        self._policy = policy
        self._system = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The permitted addresses of a name. Raises EgressRefused when it has only others."""
        found = await self._system.resolve(host, port, family)
        permitted = [result for result in found if _permits(self._policy, result["host"])]
        if found and not permitted:
            raise EgressRefused(f"{host} does not resolve to a public address")
        return permitted

    async def close(self) -> None:
        """Nothing is held."""
        await self._system.close()


def _permits(policy: EgressPolicy, host: str) -> bool:
    address = literal_address(host)
    return address is not None and policy.permits(address)


def open_session(
    policy: EgressPolicy, *, connections: int, timeout: float, headers: Mapping[str, str] | None = None
) -> aiohttp.ClientSession:
    """A session for user-given URLs: no proxies or credentials from the environment, no cookies kept.

    ``connections`` bounds sockets, ``timeout`` (seconds) a whole call. Pass ``allow_redirects=False`` with every call.
    """

    def vetted_socket(info: AddrInfoType) -> socket.socket:
        if not _permits(policy, str(info[4][0])):
            raise EgressRefused(f"{info[4][0]} is not a public address")
        return socket.socket(info[0], info[1], info[2])

    connector = aiohttp.TCPConnector(
        resolver=VettingResolver(policy),
        limit=connections,
        ttl_dns_cache=30,
        socket_factory=vetted_socket,
        keepalive_timeout=60,
    )
    return aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=timeout, sock_connect=min(timeout, 5.0)),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        headers={"User-Agent": USER_AGENT, **(headers or {})},
    )


def refused(error: BaseException) -> EgressRefused | None:
    """The refusal inside a connection error of aiohttp, if that is what it was."""
    cause = getattr(error, "os_error", error)
    return cause if isinstance(cause, EgressRefused) else None
