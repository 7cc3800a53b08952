"""What it costs to keep a CRM and the hub alike, under the limits that the vendor's customers usually have."""

from dataclasses import dataclass
from typing import Any

from bench.crms.stage import Stage, stage
from bench.crms.watch import Watch
from hub.local.hub import LocalHub
from hubctl.trial.vendors import SimulatedVendor

# Of Pipedrive's largest plan: a write costs five tokens of the company's day, so smaller ones end before the benchmark.
_CONFIG: dict[str, dict[str, Any]] = {"pipedrive": {"plan": "ultimate", "seats": 10}}
_LIMITS: dict[str, dict[str, Any]] = {"pipedrive": {"burst": 480, "daily": 2_100_000}}


@dataclass(frozen=True, slots=True)
class Work:
    """Something done for many records."""

    records: int
    seconds: float  # until the last call; of readings, until all of it is in the hub
    calls: int
    refused: int  # calls, by limits

    @property
    def rate(self) -> float:
        """Records a second."""
        return self.records / self.seconds


@dataclass(frozen=True, slots=True)
class Economy:
    """One vendor."""

    backfill: Work
    push: Work
    few: Work  # a push of a tenth, 1,000 in full size
    pull: Work


async def measure(hub: LocalHub, vendor: SimulatedVendor, count: int) -> Economy:
    """``count`` records are read for the first time, changed in the hub, 1,000 of them again, then all in the CRM."""
    crm_type = vendor.vendor.crm_type
    async with stage(hub, vendor, seeds=count) as found:
        if crm_type in _LIMITS:
            await found.crm.steer("limits", **_LIMITS[crm_type])
        backfill = await _backfilled(found, count, _CONFIG.get(crm_type, {}))
        await found.rest()
        push = await _pushed(found, count, "Aurora")
        await found.rest()
        few = await _pushed(found, 1_000, "Beatrix")
        await found.rest()
        pull = await _pulled(found, "Caelum")
        return Economy(backfill, push, few, pull)


async def _backfilled(found: Stage, count: int, config: dict[str, Any]) -> Work:
    async with Watch(found.crm) as watch:
        await found.connect(**config)
        records = await found.run_over()
        seconds = watch.elapsed
    if records < count:
        raise RuntimeError(f"{records} records instead of {count} were read")
    return Work(records, seconds, watch.calls, watch.refused)


async def _pushed(found: Stage, count: int, name: str) -> Work:
    people = (await found.people())[:count]
    async with Watch(found.crm) as watch:
        await found.rename_in_hub(people, name)
        await found.until_pushed(name, count)
    return Work(count, watch.seconds, watch.calls, watch.refused)


async def _pulled(found: Stage, name: str) -> Work:
    people = await found.people()
    await found.rename_in_crm(people, name)
    async with Watch(found.crm) as watch:
        await found.read("changes")
        records = await found.run_over()
        seconds = watch.elapsed
    if records < len(people):
        raise RuntimeError(f"{records} changes instead of {len(people)} were read")
    await found.until_read(name, len(people))
    return Work(len(people), seconds, watch.calls, watch.refused)
