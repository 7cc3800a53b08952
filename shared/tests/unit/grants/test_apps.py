"""The hub's registrations at vendors, from the environment; and the secrets of an authorisation."""

import base64
import hashlib
import os
from collections.abc import Iterator

import pytest

from hub.grants import OAuthApps, challenge_of, digest, new_secret


@pytest.fixture
def environment() -> Iterator[None]:
    """Variables as an operator sets them."""
    set_here = {
        "HUB_OAUTH_PIPEDRIVE_CLIENT_ID": "id",
        "HUB_OAUTH_PIPEDRIVE_CLIENT_SECRET": "canary",
        "HUB_PIPEDRIVE_OAUTH_URL": "https://oauth.test/",
        "HUB_PIPEDRIVE_DOMAINS": ".pipedrive.com, 127.0.0.1,",
    }
    os.environ.update(set_here)
    yield
    for name in set_here:
        del os.environ[name]


def test_an_app_is_read_from_the_environment_and_keeps_its_secret(environment: None) -> None:
    apps = OAuthApps()
    app = apps.of("pipedrive")
    assert app
    assert (app.client_id, app.client_secret) == ("id", "canary")
    assert app.hosts == {"oauth": "https://oauth.test", "api": "https://api.pipedrive.com"}
    assert app.domains == (".pipedrive.com", "127.0.0.1")
    assert "canary" not in repr(apps) + repr(app)


def test_hosts_are_known_where_nothing_is_registered() -> None:
    salesforce, hubspot = OAuthApps().of("salesforce"), OAuthApps().of("hubspot")
    assert salesforce
    assert hubspot
    assert (salesforce.client_id, salesforce.hosts) == ("", {"login": "https://login.salesforce.com"})
    assert salesforce.domains == (".salesforce.com", ".force.com")
    assert hubspot.hosts == {"app": "https://app.hubspot.com", "api": "https://api.hubapi.com"}
    assert OAuthApps().of("custom") is None


def test_secrets_are_long_and_the_challenge_is_rfc_7636s() -> None:
    assert len({new_secret() for _ in range(100)}) == 100
    assert 43 <= len(new_secret()) <= 128
    assert digest("state") == hashlib.sha256(b"state").digest()
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"  # RFC 7636, appendix B
    assert challenge_of(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    assert len(base64.urlsafe_b64decode(challenge_of(new_secret()) + "=")) == 32
