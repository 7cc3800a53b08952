"""OAuth carried out: the hub's own apps from the settings, and the calls to vendors' OAuth servers."""

from hub.grants.apps import OAuthApps
from hub.grants.exchange import OAuthServers
from hub.grants.proof import challenge_of, digest, new_secret
from hub.grants.tokens import GrantTokens, OAuthParts, credentials_name

__all__ = [
    "GrantTokens",
    "OAuthApps",
    "OAuthParts",
    "OAuthServers",
    "challenge_of",
    "credentials_name",
    "digest",
    "new_secret",
]
