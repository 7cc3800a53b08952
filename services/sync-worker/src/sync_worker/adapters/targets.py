"""``sync.target`` behind methods: what should be where, and what is."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

import asyncpg

from hub.contracts.cloudevents import Event
from hub.store.outbox import Outbox
from sync_worker.adapters import queries
from sync_worker.domain.plan import Claimed
from sync_worker.domain.settlement import Settlement

SEED_SLICE = 2000
Tell = Callable[[Settlement], Event | None]  # the event that tells of a settlement


@dataclass(frozen=True, slots=True)
class Place:
    """A connection, by its key."""

    account_id: int
    connection_id: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How a connection stands."""

    status: str
    changed_at: datetime
    has_work: bool  # rows that are due now


class Targets:
    """The table, in sync-worker's role."""

    def __init__(self, pool: asyncpg.Pool, outbox: Outbox) -> None:
        self._pool = pool
        self._outbox = outbox

    async def connected(self, accounts: Collection[int]) -> set[int]:
        """Those of the accounts that have a CRM."""
        return {row["account_id"] for row in await self._pool.fetch(queries.CONNECTED, list(accounts))}

    async def raise_versions(
        self, accounts: Sequence[int], leads: Sequence[int], versions: Sequence[int]
    ) -> set[Place]:
        """Leads have these versions now; returns the connections that have work from it."""
        rows = await self._pool.fetch(queries.RAISE, accounts, leads, versions)
        return {Place(row["account_id"], row["connection_id"]) for row in rows}

    async def seed(self, place: Place, after_lead: int) -> int | None:
        """Make the next slice of an account's leads due; returns the last one's id, None when there are no more."""
        last: int | None = await self._pool.fetchval(
            queries.SEED, place.account_id, place.connection_id, after_lead, SEED_SLICE
        )
        return last

    async def claim(self, place: Place, most: int, lease: float, *, latest: bool = False) -> list[Claimed]:
        """Take up to ``most`` due rows in hand for ``lease`` seconds: the oldest, or those due ``latest``."""
        claim = uuid4()
        statement = queries.CLAIM_LATEST if latest else queries.CLAIM
        rows = await self._pool.fetch(statement, place.account_id, place.connection_id, most, claim, lease)
        return [_claimed(row, claim) for row in rows]

    async def backlog(self, place: Place, most: int) -> int:
        """How many rows are due now; no more than ``most`` are counted."""
        return int(await self._pool.fetchval(queries.BACKLOG, place.account_id, place.connection_id, most))

    async def keep(self, place: Place, rows: Sequence[tuple[int, UUID]], lease: float) -> set[tuple[int, UUID]]:
        """Rows (lead, claim) stay in hand for another ``lease`` seconds; returns those that are still ours."""
        leads, claims = [row[0] for row in rows], [row[1] for row in rows]
        kept = await self._pool.fetch(queries.KEEP, place.account_id, place.connection_id, leads, claims, lease)
        return {(row["lead_id"], row["claim"]) for row in kept}

    async def settle(self, place: Place, settlements: Sequence[Settlement], tell: Tell) -> bool:
        """Enact results and say so, in one transaction; a row that another worker has taken since is left to it.

        Returns whether rows are due again at once, for they were raised while in hand.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            rows = await connection.fetch(queries.SETTLE, *_columns(place, settlements))
            held = {(row["lead_id"], row["claim"]): row["state"] for row in rows}
            ours = [settlement for settlement in settlements if _key(settlement) in held]
            events = [event for settlement in ours if (event := tell(settlement))]
            stored = await self._outbox.add(connection, events)
            pushed = [settlement for settlement in ours if settlement.action]
            failures = sum(settlement.state == "failed" for settlement in ours)
            if pushed or failures:
                lag = sum(settlement.plan.claimed.waited_ms + settlement.call_ms for settlement in pushed)
                key = (place.account_id, place.connection_id)
                await connection.execute(queries.COUNT, *key, len(pushed), failures, lag)
        self._outbox.wake(stored)
        return any(settlement.state == "in_sync" and held[_key(settlement)] == "due" for settlement in ours)

    async def let_go(self, records: Sequence[tuple[int, int, int, str]]) -> None:
        """Records (account, connection, lead, external id) are gone from their CRMs: nothing is sent there any more."""
        await self._pool.execute(queries.LET_GO, *(list(column) for column in zip(*records, strict=True)))

    async def standings(self, worked: Sequence[int]) -> dict[Place, Standing]:
        """Connected connections that have rows due now, and those (by id) that are being worked."""
        rows = await self._pool.fetch(queries.STANDINGS, worked)
        return {Place(row[0], row[1]): Standing(row["status"], row["updated_at"], row["has_work"]) for row in rows}


def _claimed(row: asyncpg.Record, claim: UUID) -> Claimed:
    return Claimed(
        lead_id=row["lead_id"],
        claim=claim,
        desired_version=row["desired_version"],
        version=row["version"],
        fields=row["fields"] or {},
        external_id=row["external_id"],
        sent=row["base"],
        sent_at=row["pushed_at"],
        seen=row["seen"],
        seen_at=row["seen_at"],
        create_in_doubt=row["create_in_doubt"],
        attempts=row["attempts"],
        waited_ms=row["waited_ms"],
    )


def _key(settlement: Settlement) -> tuple[int, UUID]:
    return settlement.plan.claimed.lead_id, settlement.plan.claimed.claim


def _columns(place: Place, settlements: Sequence[Settlement]) -> tuple[object, ...]:
    return (
        place.account_id,
        place.connection_id,
        [settlement.plan.claimed.lead_id for settlement in settlements],
        [settlement.plan.claimed.claim for settlement in settlements],
        [settlement.state for settlement in settlements],
        [settlement.attempts for settlement in settlements],
        [settlement.delay for settlement in settlements],
        [settlement.pushed_version for settlement in settlements],
        [settlement.external_id for settlement in settlements],
        [settlement.base for settlement in settlements],
        [settlement.create_settled for settlement in settlements],
        [settlement.write_settled for settlement in settlements],
        [settlement.error for settlement in settlements],
        [settlement.plan.claimed.desired_version for settlement in settlements],
    )
