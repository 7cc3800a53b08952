"""How much of a narrow limit is used, whether it is ever overstepped, and what is left to the customer."""

import asyncio
import math
from dataclasses import dataclass, field
from typing import Any

from bench.crms.stage import Stage, stage
from bench.crms.watch import Ceiling, Watch
from hub.local.hub import LocalHub
from hubctl.trial.eventually import eventually
from hubctl.trial.vendors import SimulatedVendor

RESERVE = 0.2  # of a day's calls; the hub's default
_ON_DEMAND = 0.95  # of what is the hub's may be spent by readings that people ask for; the rest is for live work
_DAY, _CROWD, _FEW = 60, 5_000, 200  # calls that are the hub's; leads that are pushed with 25 of them; that are read
_NAMES = ("Eleanor", "Florian", "Gabriela", "Hedda", "Ingrid", "Jarla")
_NO_BULK = 1_000_000  # threshold of bulk jobs: each call carries few records, so that a day is soon over

_STILL = 2.0  # seconds without a call
_WAITS = """
    SELECT EXISTS (SELECT FROM sync.target
                   WHERE account_id = $1 AND state = 'due' AND last_error ->> 'code' = 'QUOTA_SPENT')"""


@dataclass(frozen=True, slots=True)
class Narrow:
    """What a vendor is made to allow, and how much there is to do under it."""

    ceiling: Ceiling
    records: int
    limits: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Use:
    """One direction under a narrow limit."""

    share: float  # of the calls that were to be had
    calls: int
    refused: int
    peak: float  # calls in the fullest window
    ceiling: Ceiling


@dataclass(frozen=True, slots=True)
class Day:
    """A day's calls, to their end."""

    share: float  # of those that are the hub's
    calls: int
    refused: int
    left: float  # to the customer, of the day's calls


async def measure(hub: LocalHub, vendor: SimulatedVendor, pull: Narrow, push: Narrow) -> tuple[Use, Use]:
    """A reading of everything, then a push. The hub is not told of the limits: it learns them."""
    async with stage(hub, vendor, seeds=0) as found:
        await found.connect()
        await found.run_over()
        await found.rest()
        await found.crm.seed(pull.records)
        await asyncio.sleep(pull.ceiling.seconds)  # what was called under the wide limit is forgotten
        await found.crm.steer("limits", **pull.limits)
        async with Watch(found.crm) as watch:
            await found.read("full")
            await found.run_over()
        pulled = _use(watch, pull.ceiling)
        await found.rest()
        await found.crm.steer("limits", **push.limits)
        people = (await found.people())[: push.records]
        async with Watch(found.crm) as watch:
            await found.rename_in_hub(people, "Dorothea")
            await found.until_pushed("Dorothea", len(people))
        return pulled, _use(watch, push.ceiling)


async def push_until_the_day_is_over(hub: LocalHub, vendor: SimulatedVendor) -> Day:
    """Salesforce: leads are changed, again and again, until the day's calls cannot carry them."""
    async with stage(hub, vendor, seeds=_CROWD) as found:
        await found.connect(bulk_threshold=_NO_BULK)
        await found.run_over()
        await found.rest()
        people, used = await found.people(), await _shorten(found)
        async with Watch(found.crm) as watch:
            for name in _NAMES:
                await found.rename_in_hub(people, name)
                if not await _until_carried(found, watch, name, len(people)):
                    break
        return await _day(found, watch, used, 1.0)


async def read_until_the_day_is_over(hub: LocalHub, vendor: SimulatedVendor) -> Day:
    """Salesforce: somebody asks for readings until one has to wait."""
    async with stage(hub, vendor, seeds=_FEW) as found:
        await found.connect()
        await found.run_over()
        await found.rest()
        used = await _shorten(found)
        async with Watch(found.crm) as watch:
            run: dict[str, Any] = {}
            while run.get("error") is None:
                await found.read("changes")
                run = await _settled(found)
        return await _day(found, watch, used, _ON_DEMAND)


async def _shorten(found: Stage) -> int:
    """Make the day so short that few calls are left to the hub; how many were made already."""
    used = int((await found.crm.calls())["windows"]["daily"]["used"])
    await found.crm.steer("limits", daily=math.ceil((used + _DAY) / (1 - RESERVE)))
    return used


async def _day(found: Stage, watch: Watch, used: int, part: float) -> Day:
    """``part``: of what is the hub's, for work of that priority."""
    window = (await found.crm.calls())["windows"]["daily"]
    limit = float(window["limit"])
    mine = math.floor(limit * (1 - RESERVE) * part) - used
    return Day(watch.calls / mine, watch.calls, watch.refused, (limit - float(window["used"])) / limit)


async def _settled(found: Stage) -> dict[str, Any]:
    async def settled() -> dict[str, Any] | None:
        run = await found.latest_run()
        return run if run["state"] == "done" or run["error"] else None

    return await eventually(settled, within=60) or {}


async def _until_carried(found: Stage, watch: Watch, name: str, count: int) -> bool:
    """Wait until all leads are in the CRM (then true), or those that are not have to wait. Raises TimeoutError."""

    async def told() -> bool:
        waits = await found.pool.fetchval(_WAITS, found.tenant.account_id)
        return await found.pushed(name) >= count or (waits and watch.quiet_for > _STILL)

    await eventually(told, within=120, every=0.1)
    return await found.pushed(name) >= count


def _use(watch: Watch, ceiling: Ceiling) -> Use:
    return Use(watch.share(ceiling), watch.calls, watch.refused, watch.used("burst"), ceiling)
