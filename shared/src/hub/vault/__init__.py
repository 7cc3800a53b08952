"""Secrets at rest: AES-256-GCM with a data key per account, wrapped by a key ring that the database never sees."""

from hub.vault.keyring import Keyring
from hub.vault.vault import Vault

__all__ = ["Keyring", "Vault"]
