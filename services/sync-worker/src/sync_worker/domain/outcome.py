"""Whose fault the failures of one call are, as far as the call alone tells. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from hub.contracts.failures import FailureKind
from hub.contracts.pushing import PushResult


class Blame(StrEnum):
    """Whom failures count against."""

    RECORDS = "records"  # each that failed has used up an attempt, unless it failed in company
    CRM = "crm"  # it is away, or limits us, or refuses the key: nobody's attempt


@dataclass(frozen=True, slots=True)
class Reading:
    """What a call's results say together."""

    limited: bool  # the CRM asks for patience …
    wait: float | None  # … of so many seconds, if it says
    stumbled: bool  # some failed in a way that may be the road's or the CRM's fault …
    whole: bool  # … and all that were not limited did
    road: bool  # it may be the road, or the key, rather than the record
    refused: bool  # some were refused for want of good credentials


def read(results: Sequence[PushResult]) -> Reading:
    """Look at all results of one call."""
    failures = [result for result in results if not result.ok and not result.gone]
    limited = [result for result in failures if result.kind is FailureKind.RATE_LIMIT]
    stumbled = [result for result in failures if stumbles(result)]
    waits = [result.retry_after for result in limited if result.retry_after is not None]
    return Reading(
        limited=bool(limited),
        wait=max(waits, default=None),
        stumbled=bool(stumbled),
        whole=bool(stumbled) and len(stumbled) + len(limited) == len(results),
        road=any(result.kind is not FailureKind.SERVER for result in stumbled),
        refused=any(result.kind is FailureKind.AUTH for result in stumbled),
    )


def stumbles(result: PushResult) -> bool:
    """Whether it failed in a way that says nothing about the record by itself."""
    told = (FailureKind.RATE_LIMIT, FailureKind.VALIDATION)
    return not result.ok and not result.gone and result.kind not in told


def companies(results: Sequence[PushResult]) -> list[list[int]]:
    """Places in ``results`` of those that stumbled over the same thing: nobody knows which of them is to blame."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for place, result in enumerate(results):
        if stumbles(result):
            error = result.error
            told = (error.code, error.message, error.status) if error else ()
            groups.setdefault((result.kind, *told), []).append(place)
    return [group for group in groups.values() if len(group) > 1]


def told_of_job(results: Sequence[PushResult]) -> list[PushResult]:
    """A bulk job's results. When all of them are the same refusal, it is the job that was refused, and no record."""
    told = {(result.ok, result.gone, result.kind, result.error) for result in results}
    if len(told) == 1 and results[0].kind is FailureKind.VALIDATION:
        return [replace(result, kind=FailureKind.SERVER) for result in results]
    return list(results)
