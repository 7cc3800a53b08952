"""An idle hub: a lead is changed by API; how long until the custom CRM has the change?"""

import asyncio
import statistics
import time
from dataclasses import dataclass
from typing import Any

import aiohttp

from bench.house import House, running
from hub.local.hub import BusKind
from hubctl.trial.crm import CrmControl, SimulatedCrm
from hubctl.trial.tenant import Tenant, tenant

_PAUSE = 0.05  # between changes, so that each finds the hub idle


@dataclass(frozen=True)
class LatencyFigures:
    """Milliseconds from sending the request to the CRM's having it."""

    median: float
    p95: float


def measure(bus: BusKind, changes: int) -> LatencyFigures:
    """One lead, changed again and again."""
    with running(bus) as house:
        crm = SimulatedCrm(house.hub.folder / "crm.sqlite", house.hub.folder / "crm.log")
        crm.start()
        try:
            crm.wait_ready()
            times = asyncio.run(_measure(house, crm, changes))
        finally:
            crm.stop()
    return LatencyFigures(statistics.median(times), statistics.quantiles(times, n=20)[-1])


async def _measure(house: House, crm: SimulatedCrm, changes: int) -> list[float]:
    async with tenant(house.hub, "latency") as agency, aiohttp.ClientSession() as session:
        await agency.connect(crm, find_lead="/leads?external_id={reference}")
        control = CrmControl(session, crm.url)
        await _change(agency, "POST", "/api/v1/leads", {"email": "one@example.com", "notes": "start"})
        record = await _until_there(control, "start")
        path = f"/api/v1/leads/{record['external_id'].removeprefix('MPP-')}"
        times = []
        for number in range(changes + 10):
            await asyncio.sleep(_PAUSE)
            started = time.perf_counter()
            await _change(agency, "PATCH", path, {"notes": f"change {number}"})
            await _until_there(control, f"change {number}", record["id"])
            times.append((time.perf_counter() - started) * 1000)
        return times[10:]


async def _change(agency: Tenant, method: str, path: str, fields: dict[str, str]) -> None:
    async with agency.session.request(method, path, json=fields, raise_for_status=True):
        pass


async def _until_there(control: CrmControl, notes: str, record_id: str | None = None) -> dict[str, Any]:
    async with asyncio.timeout(20):
        while True:
            for record in await control.leads():
                if record.get("notes") == notes and record_id in (None, record["id"]):
                    return record
            await asyncio.sleep(0.002)
