"""API keys: ``mpp_<id>_<secret>``. The id finds the row, the secret proves possession; only its hash is stored."""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field

_ID_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
_ID_LENGTH = 12
_KEY = re.compile(r"mpp_([a-z0-9]{12})_([A-Za-z0-9_-]{43})\Z")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key in its two parts. ``text`` is shown to its owner once."""

    id: str
    secret: str = field(repr=False)

    @property
    def text(self) -> str:
        """The key as its owner presents it."""
        return f"mpp_{self.id}_{self.secret}"

    @property
    def secret_hash(self) -> bytes:
        """What the database keeps."""
        return hash_secret(self.secret)


def generate_api_key() -> ApiKey:
    """A new key: 256 random bits behind a random id."""
    return ApiKey("".join(secrets.choice(_ID_LETTERS) for _ in range(_ID_LENGTH)), secrets.token_urlsafe(32))


def parse_api_key(text: str) -> ApiKey | None:
    """The parts of a key; None when the text has not the shape of one."""
    match = _KEY.match(text)
    return ApiKey(match.group(1), match.group(2)) if match else None


def hash_secret(secret: str) -> bytes:
    """SHA-256. A slow hash would add nothing: the secret is random, not a password."""
    return hashlib.sha256(secret.encode()).digest()


def matches(secret: str, secret_hash: bytes) -> bool:
    """Whether the secret is the one that was hashed; takes the same time whatever the difference."""
    return hmac.compare_digest(hash_secret(secret), secret_hash)
