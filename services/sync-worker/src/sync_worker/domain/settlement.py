"""What a row becomes after its plan was carried out, or could not be. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from hub.contracts.pushing import Action, PushResult
from sync_worker.domain.plan import Plan, Step, kept, new_base
from sync_worker.domain.policy import RetryPolicy, judge


@dataclass(frozen=True, slots=True)
class Settlement:
    """One row's new state. None leaves a column as it is."""

    plan: Plan
    state: Literal["due", "in_sync", "failed", "gone"]
    attempts: int
    delay: float = 0.0  # seconds until it is due again
    pushed_version: int | None = None
    external_id: str | None = None
    base: Mapping[str, Any] | None = None
    create_settled: bool = True  # False: a create may have happened; look before the next one
    write_settled: bool = True  # False: the CRM may hold what was to be sent, and its echo may yet come
    error: Mapping[str, Any] | None = None
    action: Action | None = None  # what was done in the CRM
    call_ms: float = 0.0


def left_alone(plan: Plan) -> Settlement:
    """The CRM has it already, or the lead is gone."""
    claimed = plan.claimed
    version = claimed.desired_version if claimed.version is None else claimed.version
    return Settlement(plan, "in_sync", 0, pushed_version=version, external_id=claimed.external_id)


def given_back(plan: Plan, delay: float) -> Settlement:
    """No call was made: due again later, nothing counted."""
    claimed = plan.claimed
    in_doubt = claimed.create_in_doubt
    return Settlement(plan, "due", claimed.attempts, delay=delay, create_settled=not in_doubt, write_settled=False)


def succeeded(plan: Plan, result: PushResult, call_ms: float, *, linked: bool) -> Settlement:
    """The CRM has the lead as it was when claimed, but for what it had no place for."""
    plan = kept(plan, result.left_out)
    return Settlement(
        plan,
        "in_sync",
        0,
        pushed_version=plan.claimed.version,
        external_id=result.external_id,
        base=new_base(plan),
        action="link" if linked else result.action,
        call_ms=call_ms,
    )


def vanished(plan: Plan) -> Settlement:
    """The record that was to be updated is not in the CRM any more: nothing is sent there until it comes back."""
    return Settlement(plan, "gone", 0, base={})


def failed(
    plan: Plan, result: PushResult, policy: RetryPolicy, *, to_blame: bool, random: Callable[[], float]
) -> Settlement:
    """The call failed; ``result.kind`` and the connection's policy say what follows."""
    assert result.kind
    verdict = judge(
        policy,
        result.kind,
        plan.claimed.attempts,
        retry_after=result.retry_after,
        to_blame=to_blame,
        random=random,
    )
    error = {"kind": str(result.kind), **(asdict(result.error) if result.error else {"code": "CRM_SYNC_FAILED"})}
    creating = plan.item is None or plan.item.external_id is None
    in_doubt = plan.step is Step.LOOK_UP or (result.unknown_outcome and creating)
    return Settlement(
        plan,
        "failed" if verdict.delay is None else "due",
        verdict.attempts,
        delay=verdict.delay or 0.0,
        create_settled=not in_doubt,
        write_settled=not (in_doubt or result.unknown_outcome),
        external_id=plan.item.external_id if plan.item else None,
        error=error,
    )
