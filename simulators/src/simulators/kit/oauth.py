"""OAuth for the simulators: the tokens are in ``grants``, the page in ``consent``."""

from simulators.kit.consent import Look, consent_routes
from simulators.kit.grants import (
    LOOPBACK,
    Client,
    Grant,
    Grants,
    Issued,
    OAuthRefused,
    TokenExpired,
    challenge_of,
)

__all__ = [
    "LOOPBACK",
    "Client",
    "Grant",
    "Grants",
    "Issued",
    "Look",
    "OAuthRefused",
    "TokenExpired",
    "challenge_of",
    "consent_routes",
]
