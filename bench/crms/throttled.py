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
_COLLECTION = 200  # records of one call to Salesforce
_NO_BULK = 1_000_000  # threshold of bulk jobs: each call carries few records, so that a day is soon over


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


async def push_until_the_day_is_over(hub: LocalHub, vendor: SimulatedVendor, count: int) -> Day:
    """Salesforce: more leads are changed than the day's calls can carry."""
    async with stage(hub, vendor, seeds=count) as found:
        await found.connect(bulk_threshold=_NO_BULK)
        await found.run_over()
        await found.rest()
        begun, mine = await _shorten(found, math.floor(count / _COLLECTION * (1 - RESERVE)))
        async with Watch(found.crm) as watch:
            await found.rename_in_hub(await found.people(), "Eleanor")
            await _until_still(watch)
        return await _day(found, watch, begun + mine, begun)


async def read_until_the_day_is_over(hub: LocalHub, vendor: SimulatedVendor, calls: int) -> Day:
    """Salesforce: somebody asks for readings until one has to wait."""
    async with stage(hub, vendor, seeds=_COLLECTION) as found:
        await found.connect()
        await found.run_over()
        await found.rest()
        begun, mine = await _shorten(found, calls)
        async with Watch(found.crm) as watch:
            run: dict[str, Any] = {}
            while run.get("error") is None:
                await found.read("changes")
                run = await _settled(found)
        return await _day(found, watch, math.floor((begun + mine) * _ON_DEMAND), begun)


async def _shorten(found: Stage, calls: int) -> tuple[int, int]:
    """Make the day so short that about so many calls are left to the hub: calls made already, and those."""
    used = int((await found.crm.calls())["windows"]["daily"]["used"])
    daily = math.ceil((used + calls) / (1 - RESERVE))
    await found.crm.steer("limits", daily=daily)
    return used, math.floor(daily * (1 - RESERVE)) - used


async def _day(found: Stage, watch: Watch, last: int, begun: int) -> Day:
    window = (await found.crm.calls())["windows"]["daily"]
    left = (float(window["limit"]) - float(window["used"])) / float(window["limit"])
    return Day(watch.calls / (last - begun), watch.calls, watch.refused, left)


async def _settled(found: Stage) -> dict[str, Any]:
    async def settled() -> dict[str, Any] | None:
        run = await found.latest_run()
        return run if run["state"] == "done" or run["error"] else None

    return await eventually(settled, within=60) or {}


async def _until_still(watch: Watch, seconds: float = 3.0) -> None:
    """Until no call has been made for a while. Raises TimeoutError."""

    async def still() -> bool:
        return watch.elapsed > seconds and watch.quiet_for > seconds

    await eventually(still, within=120, every=0.1)


def _use(watch: Watch, ceiling: Ceiling) -> Use:
    return Use(watch.share(ceiling), watch.calls, watch.refused, watch.used("burst"), ceiling)
