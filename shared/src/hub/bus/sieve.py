"""Messages that nobody here wants are done without decoding them."""

import asyncio
from collections.abc import Collection, Iterable

import structlog

from hub.bus.glance import Glance, glance
from hub.bus.protocol import ConsumerOptions
from hub.bus.running import Runner
from hub.bus.settlement import Delivery
from hub.contracts.compression import NotDecompressible, plain

_log = structlog.get_logger(__name__)


class Sieve:
    """Judges deliveries by ``ConsumerOptions.interested``. One judgement at a time, for all that wait."""

    def __init__(self, queue: str, options: ConsumerOptions, runner: Runner) -> None:
        self._queue, self._interested, self._runner = queue, options.interested, runner
        self._always = tuple(kind.encode() for kind in options.always_decoded)
        self._turn = asyncio.Lock()

    async def judge(self, deliveries: Iterable[Delivery]) -> None:
        """Mark each as wanted or passed over; leaves them as they are when the consumer was stopped meanwhile."""
        async with self._turn:
            seen = [(each, self._glance(each.body)) for each in deliveries if not each.wanted]
            asked = {account for _, found in seen if found for account in found.accounts}
            interesting = await self._among(asked) if asked else asked
        if interesting is not None:
            for delivery, found in seen:
                if found is None or not found.accounts.isdisjoint(interesting):
                    delivery.wanted = True
                else:
                    delivery.passed_over = found.events

    def _glance(self, body: bytes) -> Glance | None:
        try:
            return glance(plain(body), self._always)
        except NotDecompressible:
            return None

    async def _among(self, accounts: Collection[int]) -> Collection[int] | None:
        interested = self._interested
        if interested is None:
            return accounts
        try:
            return await self._runner.hold(lambda: interested(accounts), accounts=len(accounts))
        except Exception:  # noqa: BLE001 - a fault of the question must not cost events: the handler decides
            _log.exception("bus.interest_unknown", queue=self._queue, accounts=len(accounts))
            return accounts
