"""Whose fault the failures of one call are, as far as the call alone tells. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from hub.contracts.failures import FailureKind
from hub.contracts.pushing import PushResult


class Blame(StrEnum):
    """Whom failures count against."""

    RECORDS = "records"  # each that failed has used up an attempt
    COMPANY = "company"  # one of the batch, perhaps: they travel in smaller companies until it is known which
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
    stumbled = [result for result in failures if result.kind not in (FailureKind.RATE_LIMIT, FailureKind.VALIDATION)]
    waits = [result.retry_after for result in limited if result.retry_after is not None]
    return Reading(
        limited=bool(limited),
        wait=max(waits, default=None),
        stumbled=bool(stumbled),
        whole=bool(stumbled) and len(stumbled) + len(limited) == len(results),
        road=any(result.kind is not FailureKind.SERVER for result in stumbled),
        refused=any(result.kind is FailureKind.AUTH for result in stumbled),
    )
