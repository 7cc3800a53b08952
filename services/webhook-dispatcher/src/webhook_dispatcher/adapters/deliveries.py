"""Subscriptions and deliveries in PostgreSQL."""

import time
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta

import asyncpg

from hub.contracts.ids import new_id
from webhook_dispatcher.adapters.queries import (
    CLAIM,
    LETTERS,
    PURGE,
    RELEASE,
    SCHEDULE,
    SETTLE,
    SUBSCRIBED,
    SUBSCRIBERS,
)
from webhook_dispatcher.domain.delivery import Delivery, Payload, Result, Subscriber

_PURGE_ROWS = 5000


class PostgresDeliveries:
    """Everything this service keeps: who hears of what, what is still to be delivered, what came of it."""

    def __init__(self, pool: asyncpg.Pool, lease_seconds: float) -> None:
        self._pool = pool
        self._lease = timedelta(seconds=lease_seconds)

    async def subscribed(self, accounts: Collection[int]) -> set[int]:
        """Those of the accounts that have an active subscription."""
        return {row["account_id"] for row in await self._pool.fetch(SUBSCRIBED, list(accounts))}

    async def subscribers(self, accounts: Sequence[int]) -> list[Subscriber]:
        """The active subscriptions of some accounts."""
        rows = await self._pool.fetch(SUBSCRIBERS, accounts)
        return [Subscriber(row["account_id"], row["id"], frozenset(row["events"])) for row in rows]

    async def schedule(self, due: Sequence[tuple[Payload, Sequence[Subscriber]]]) -> None:
        """Keep payloads and make a delivery of each for each of its subscribers; what exists already stays as it is."""
        payloads = [payload for payload, _ in due]
        deliveries = [(to, payload.event_id) for payload, subscribers in due for to in subscribers]
        await self._pool.execute(
            SCHEDULE,
            [payload.account_id for payload in payloads],
            [payload.event_id for payload in payloads],
            [payload.event for payload in payloads],
            [payload.body for payload in payloads],
            [payload.traceparent for payload in payloads],
            [subscriber.account_id for subscriber, _ in deliveries],
            [subscriber.subscription_id for subscriber, _ in deliveries],
            [event_id for _, event_id in deliveries],
        )

    async def claim(self, allowances: Mapping[int, int], usual: int, most: int) -> list[Delivery]:
        """Take up to ``most`` due deliveries: per subscription its allowance (by id), or ``usual`` when it has none."""
        claim, good_until = new_id(), time.monotonic() + self._lease.total_seconds()
        taken = await self._pool.fetch(
            CLAIM, list(allowances.keys()), list(allowances.values()), usual, most, claim, self._lease
        )
        if not taken:
            return []
        letters = await self._pool.fetch(LETTERS, *zip(*taken, strict=True))
        return [
            Delivery(
                row["account_id"],
                row["subscription_id"],
                row["event_id"],
                claim,
                good_until,
                row["step"],
                row["webhook_url"],
                row["secret"],
                row["event"],
                row["body"],
                row["traceparent"],
            )
            for row in letters
        ]

    async def settle(self, results: Sequence[Result]) -> int:
        """Write results down; returns how many counted (the others' claims had run out and were taken over)."""
        ordered = sorted(results, key=lambda result: _key(result.delivery))
        settled: int = await self._pool.fetchval(SETTLE, *zip(*map(_row, ordered), strict=True))
        return settled

    async def release(self, deliveries: Sequence[Delivery]) -> None:
        """Give deliveries back untried."""
        keys = [(*_key(delivery), delivery.claim) for delivery in deliveries]
        await self._pool.execute(RELEASE, *zip(*keys, strict=True))

    async def purge(self, older_than: timedelta) -> int:
        """Delete what is older; returns how many rows went."""
        gone = 0
        for statement in PURGE:
            while deleted := int((await self._pool.execute(statement, older_than, _PURGE_ROWS)).rpartition(" ")[2]):
                gone += deleted
        return gone


def _key(delivery: Delivery) -> tuple[int, int, str]:
    return delivery.account_id, delivery.subscription_id, delivery.event_id


def _row(result: Result) -> tuple[object, ...]:
    verdict, answer = result.verdict, result.answer
    return (
        *_key(result.delivery),
        result.delivery.claim,
        verdict.state.value,
        timedelta(seconds=verdict.wait),
        verdict.step,
        answer.status,
        verdict.error,
        answer.duration_ms,
        verdict.gone,
    )
