"""The keys that wrap data keys: from a file or the environment, never from the database."""

import base64
import binascii
import json
import os
from dataclasses import dataclass, field, replace
from pathlib import Path

KEY_BYTES = 32


class UnusableKeyring(Exception):
    """The key ring is missing or not what ``hubctl keys new`` writes."""


@dataclass(frozen=True, slots=True)
class Keyring:
    """Keys by id; new data keys are wrapped with the current one, older ones can still be opened."""

    current: str
    keys: dict[str, bytes]
    file: Path | None = field(default=None, compare=False)  # where it was read from

    def __repr__(self) -> str:
        return f"Keyring(current={self.current!r}, {len(self.keys)} keys)"

    @staticmethod
    def generate(key_id: str = "k1") -> "Keyring":
        """A ring with one fresh random key."""
        return Keyring(key_id, {key_id: os.urandom(KEY_BYTES)})

    def turned(self, key_id: str) -> "Keyring":
        """The ring with a fresh random key, which is current from now on."""
        fresh = Keyring.generate(key_id)
        return replace(self, current=key_id, keys={**self.keys, **fresh.keys})

    def only(self, key_ids: frozenset[str]) -> "Keyring":
        """The ring with the current key and those."""
        return replace(self, keys={name: key for name, key in self.keys.items() if name in key_ids | {self.current}})

    def reread(self) -> "Keyring":
        """The ring as its file has it now: a rotation may have changed it. The same, where that cannot be told."""
        try:
            return Keyring.load(str(self.file), "") if self.file else self
        except UnusableKeyring:
            return self

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
                return replace(Keyring.loads(Path(path).read_text(encoding="utf-8")), file=Path(path))
            except OSError as error:
                raise UnusableKeyring(f"the key ring file cannot be read: {error.strerror}") from error
        if inline:
            return Keyring.loads(inline)
        raise UnusableKeyring("set HUB_KEYRING_FILE or HUB_KEYRING (hubctl keys new makes one)")
