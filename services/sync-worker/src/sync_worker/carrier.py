"""One call to the CRM with a batch of leads: look up what is in doubt, push, and say what becomes of each."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import structlog

from hub.contracts.failures import CrmFailure, FailureKind, RecordError
from hub.contracts.pushing import PushItem, PushResult
from sync_worker import metrics
from sync_worker.adapters.lines import Line
from sync_worker.company import Company
from sync_worker.domain.outcome import Blame, companies, stumbles, told_of_job
from sync_worker.domain.plan import Plan, Step, found
from sync_worker.domain.road import Road
from sync_worker.domain.settlement import Settlement, failed, succeeded, vanished
from sync_worker.health import Health
from sync_worker.holds import Holds

_log = structlog.get_logger()
_MARGIN = 0.5  # seconds before the leases end, when a call is given up: others may soon have the rows
_UNFORESEEN = RecordError("INTERNAL_ERROR", "see the log")
_LOST = RecordError("LEASE_LOST", "the database was away for longer than a claim lasts")


class Carrier:
    """Makes the calls of one lane."""

    def __init__(self, line: Line, health: Health, holds: Holds, company: Company, random: Callable[[], float]) -> None:
        self._line, self._health, self._holds, self._company, self._random = line, health, holds, company, random
        self._road = Road()

    async def carry(self, batch: Sequence[Plan]) -> list[Settlement]:
        """Write the leads of a batch to the CRM; what becomes of them."""
        started = time.monotonic()
        try:
            done, results = await self._bounded(batch)
        except Exception:  # noqa: BLE001 - a mistake of ours with one lead must not stop the others
            _log.exception("push.failed_unexpectedly", lead_ids=[plan.claimed.lead_id for plan in batch[:5]])
            done, results = list(batch), [_unknown(FailureKind.SERVER, _UNFORESEEN)] * len(batch)
        if len(batch) > self._line.connector.manifest.push_batch:
            results = told_of_job(results)
        elapsed = time.monotonic() - started
        self._measure(done, results, elapsed)
        blame = await self._health.blame(results, started)
        blamed = self._blamed(batch, results) if blame is Blame.RECORDS else frozenset()
        return [
            self._settlement(before, after, result, elapsed, to_blame=place in blamed)
            for place, (before, after, result) in enumerate(zip(batch, done, results, strict=True))
        ]

    def _blamed(self, batch: Sequence[Plan], results: Sequence[PushResult]) -> frozenset[int]:
        """Places of those whose own failure this was: not a whole company's, and not the road's."""
        leads = [plan.claimed.lead_id for plan in batch]
        groups = companies(results)
        together = {place for group in groups for place in group}
        for group in groups:
            self._company.failed([leads[place] for place in group])
            self._road.went([leads[place] for place in group], failed=True)
        alone = [place for place, result in enumerate(results) if stumbles(result) and place not in together]
        for place in alone:
            self._road.went([leads[place]], failed=True)
        through = [lead for lead, result in zip(leads, results, strict=True) if not stumbles(result)]
        if through:
            self._company.got_through(through)
            self._road.went(through, failed=False)
        attempts = self._line.policy.retry_config.max_attempts
        return frozenset(place for place in alone if not self._road.excuses(leads[place], attempts))

    async def _bounded(self, batch: Sequence[Plan]) -> tuple[list[Plan], list[PushResult]]:
        """The call, for as long as the rows are ours (which is as long as their leases are renewed)."""
        call = asyncio.create_task(self._call(batch))
        try:
            while (left := self._holds.left(batch) - _MARGIN) > 0:
                if (await asyncio.wait([call], timeout=left))[0]:
                    return call.result()
        finally:
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
        return list(batch), [_unknown(FailureKind.NETWORK, _LOST)] * len(batch)

    async def _call(self, batch: Sequence[Plan]) -> tuple[list[Plan], list[PushResult]]:
        """After look-ups, where an earlier create is in doubt. Returns what was done in the end."""
        looked_up = await asyncio.gather(*(self._look_up(plan) for plan in batch))
        done = [plan for plan, _ in looked_up]
        items = [plan.item for plan, failure in looked_up if failure is None and plan.item]
        pushed = iter(await self._push(items) if items else [])
        return done, [failure or next(pushed) for _, failure in looked_up]

    async def _look_up(self, plan: Plan) -> tuple[Plan, PushResult | None]:
        if plan.step is not Step.LOOK_UP:
            return plan, None
        assert plan.item
        try:
            external_id = await self._line.client.find(plan.item.reference, plan.email)
        except CrmFailure as failure:
            return plan, _result(failure, unknown=True)
        return (found(plan, external_id) if external_id else replace(plan, step=Step.CREATE)), None

    async def _push(self, items: Sequence[PushItem]) -> list[PushResult]:
        try:
            results = await self._line.client.push(items)
        except CrmFailure as failure:  # before the first call: there is no token, or no quota
            return [_result(failure, unknown=failure.stored is not False)] * len(items)
        if len(results) != len(items):
            raise RuntimeError(f"{len(results)} results for {len(items)} records")
        return results

    def _settlement(
        self, before: Plan, after: Plan, result: PushResult, elapsed: float, *, to_blame: bool
    ) -> Settlement:
        if result.gone:
            return vanished(after)
        if result.ok:
            linked = before.step is Step.LOOK_UP and after.step is Step.UPDATE
            return succeeded(after, result, elapsed * 1000, linked=linked)
        to_blame = to_blame or result.kind is FailureKind.VALIDATION
        return failed(after, result, self._line.policy, to_blame=to_blame, random=self._random)

    def _measure(self, batch: Sequence[Plan], results: Sequence[PushResult], elapsed: float) -> None:
        crm_type = self._line.crm_type
        metrics.PUSH_SECONDS.labels(crm_type).observe(elapsed)
        metrics.CALLS.labels(crm_type).inc()
        for plan, result in zip(batch, results, strict=True):
            outcome = "ok" if result.ok else "gone" if result.gone else str(result.kind)
            metrics.PUSHES.labels(crm_type, outcome).inc()
            if result.ok:
                metrics.LAG_SECONDS.labels(crm_type).observe(plan.claimed.waited_ms / 1000 + elapsed)


def _result(failure: CrmFailure, *, unknown: bool) -> PushResult:
    return PushResult(
        False, kind=failure.kind, error=failure.error, retry_after=failure.retry_after, unknown_outcome=unknown
    )


def _unknown(kind: FailureKind, error: RecordError) -> PushResult:
    return PushResult(False, kind=kind, error=error, unknown_outcome=True)
