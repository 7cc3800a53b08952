"""The way of one named lead: entered in one CRM, found in all; enrolled in the hub, seen as a deal in all."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

import aiohttp
import asyncpg

from hubctl.commands.upload import read
from hubctl.demo.crowd import Human
from hubctl.demo.staff import Staff
from hubctl.demo.vendors import VendorCrm

_FIRST_NAMES = ("Ann", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gita", "Hugo", "Ida", "Jon")
_PATIENCE_SECONDS, _LOOK_SECONDS = 20.0, 0.03
_LEAD = "SELECT id FROM leads.lead WHERE account_id = $1 AND email = $2"
# When each CRM last confirmed the lead, if it has its present version (its enrolment, where that is asked for).
_THERE = """
    SELECT t.connection_id, extract(epoch FROM t.pushed_at)::float8 AS at
    FROM sync.target t JOIN leads.lead l ON (l.account_id, l.id) = (t.account_id, t.lead_id)
    WHERE t.account_id = $1 AND t.lead_id = $2 AND t.pushed_at IS NOT NULL AND t.pushed_version = l.version
      AND l.status = $3"""


@dataclass(slots=True)
class Journey:
    """What became of it. Seconds since it was entered (enrolled), by title of the CRM."""

    name: str
    entered_in: str
    in_hub: float | None = None
    reached: dict[str, float] = field(default_factory=dict)
    enrolled: dict[str, float] = field(default_factory=dict)
    deals: dict[str, str] = field(default_factory=dict)


async def travel(
    pool: asyncpg.Pool,
    account_id: int,
    api: aiohttp.ClientSession,
    staff: Staff,
    crms: Sequence[VendorCrm],
    titles: Mapping[int, str],
) -> Journey:
    """Enter somebody where ``staff`` works (``crms[0]``), enrol them in the hub, and watch."""
    rng = Random()  # noqa: S311 - somebody new each time
    human = Human(rng.choice(_FIRST_NAMES), "Lakeside", f"lakeside.{rng.randrange(16**8):08x}@example.com")
    journey = Journey(f"{human.first} {human.last}", crms[0].title)
    others = {number: title for number, title in titles.items() if number != crms[0].connection_id}
    began = time.time()
    await staff.enter(human)
    lead_id = await _in_hub(pool, account_id, human.email, began + _PATIENCE_SECONDS)
    if lead_id is None:
        return journey
    journey.in_hub = time.time() - began
    journey.reached = await _there(pool, account_id, lead_id, "new", others, began)
    began = time.time()
    wish = {"lead_id": lead_id, "plan": "Gold Family", "premium": 420.0, "effective_date": "2027-01-01"}
    async with api.post("/api/v1/enrollments", json=wish) as answer:
        await read(answer)
    journey.enrolled = await _there(pool, account_id, lead_id, "enrolled", titles, began)
    journey.deals = {crm.title: crm.desk.deal_name for crm in crms if await crm.has_deal(lead_id)}
    return journey


async def _in_hub(pool: asyncpg.Pool, account_id: int, email: str, deadline: float) -> int | None:
    while time.time() < deadline:
        found: int | None = await pool.fetchval(_LEAD, account_id, email)
        if found is not None:
            return found
        await asyncio.sleep(_LOOK_SECONDS)
    return None


async def _there(
    pool: asyncpg.Pool, account_id: int, lead_id: int, status: str, titles: Mapping[int, str], began: float
) -> dict[str, float]:
    found: dict[str, float] = {}
    while len(found) < len(titles) and time.time() < began + _PATIENCE_SECONDS:
        rows = await pool.fetch(_THERE, account_id, lead_id, status)
        for row in rows:
            if row["connection_id"] in titles:
                found.setdefault(titles[row["connection_id"]], max(0.0, row["at"] - began))
        await asyncio.sleep(_LOOK_SECONDS)
    return found
