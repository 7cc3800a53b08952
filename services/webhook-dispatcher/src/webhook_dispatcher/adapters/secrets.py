"""Subscriptions' signing secrets, opened by the vault and kept in memory while they are in use."""

from collections import OrderedDict

from hub.vault import Vault
from webhook_dispatcher.domain.delivery import Delivery

_KEPT = 10_000


class VaultSecrets:
    """Opens a sealed secret once; a rotated one is another ciphertext, so it is opened anew."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._opened: OrderedDict[tuple[int, bytes], bytes] = OrderedDict()

    async def of(self, delivery: Delivery) -> bytes:
        """The secret that signs this delivery. Raises Unreadable when the vault cannot open it."""
        key = (delivery.subscription_id, delivery.secret)
        secret = self._opened.get(key)
        if secret is None:
            place = f"subscription:{delivery.subscription_id}:secret"
            secret = await self._vault.open(delivery.account_id, place, delivery.secret)
            self._opened[key] = secret
            if len(self._opened) > _KEPT:
                self._opened.popitem(last=False)
        return secret
