"""The keys that wrap data keys: from a file or the environment, never from the database."""

import base64
import binascii
import json
import os
from dataclasses import dataclass
from pathlib import Path

KEY_BYTES = 32


class UnusableKeyring(Exception):
    """The key ring is missing or not what ``hubctl keys new`` writes."""


@dataclass(frozen=True, slots=True)
class Keyring:
    """Keys by id; new data keys are wrapped with the current one, older ones can still be opened."""

    current: str
    keys: dict[str, bytes]

    def __repr__(self) -> str:
        return f"Keyring(current={self.current!r}, {len(self.keys)} keys)"

    @staticmethod
    def generate(key_id: str = "k1") -> "Keyring":
        """A ring with one fresh random key."""
        return Keyring(key_id, {key_id: os.urandom(KEY_BYTES)})

    def dumps(self) -> str:
        """The ring as the JSON that ``loads`` reads: ``{"current": "k1", "keys": {"k1": "<base64>"}}``."""
        return json.dumps(
            {"current": self.current, "keys": {name: base64.b64encode(key).decode() for name, key in self.keys.items()}}
        )

    @staticmethod
    def loads(text: str) -> "Keyring":
        """Read a ring; raises UnusableKeyring, which says what is wrong but never shows a key."""
        try:
            raw = json.loads(text)
            keys = {str(name): base64.b64decode(key, validate=True) for name, key in raw["keys"].items()}
            ring = Keyring(str(raw["current"]), keys)
        except (ValueError, KeyError, TypeError, AttributeError, binascii.Error):
            raise UnusableKeyring("the key ring is not valid JSON of the expected shape") from None
        if ring.current not in keys or any(len(key) != KEY_BYTES for key in keys.values()):
            raise UnusableKeyring(f"the current key is missing, or a key is not {KEY_BYTES} bytes")
        return ring

    @staticmethod
    def load(path: str, inline: str) -> "Keyring":
        """The ring that the settings name: the file if given, else the inline text."""
        if path:
            try:
                return Keyring.loads(Path(path).read_text(encoding="utf-8"))
            except OSError as error:
                raise UnusableKeyring(f"the key ring file cannot be read: {error.strerror}") from error
        if inline:
            return Keyring.loads(inline)
        raise UnusableKeyring("set HUB_KEYRING_FILE or HUB_KEYRING (hubctl keys new makes one)")
