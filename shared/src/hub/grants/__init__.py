"""OAuth carried out: the hub's own apps from the settings, and the calls to vendors' OAuth servers."""

from hub.grants.apps import OAuthApps
from hub.grants.exchange import OAuthServers
from hub.grants.proof import challenge_of, digest, new_secret

__all__ = ["OAuthApps", "OAuthServers", "challenge_of", "digest", "new_secret"]
