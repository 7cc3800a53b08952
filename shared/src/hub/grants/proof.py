"""Random secrets of an authorisation, and what is shown or kept of them. Pure but for the randomness."""

import base64
import hashlib
import secrets

_BYTES = 32  # 256 bits


def new_secret() -> str:
    """A state, a browser session or a PKCE verifier (RFC 7636 wants 43 characters at least: these are 43)."""
    return secrets.token_urlsafe(_BYTES)


def digest(secret: str) -> bytes:
    """SHA-256: what the database keeps. A slow hash would add nothing, for the secret is random."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a verifier."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
