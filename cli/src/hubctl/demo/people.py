"""People at work in the simulated CRM: they edit leads and enter new ones, and the CRM tells the hub by webhook."""

import asyncio
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

import aiohttp

from hubctl.demo.samples import rows

Edit = Callable[[Random], Mapping[str, str]]
_EDITS: tuple[Edit, ...] = (
    lambda rng: {"status": rng.choice(("Working", "Qualified", "Closed Lost"))},
    lambda rng: {"owner": f"agent{rng.randrange(1, 9)}"},
    lambda rng: {"notes": rng.choice(("Called, wants a quote", "Left a message", "Meets on Tuesday ☎"))},
    lambda rng: {"company": rng.choice(("Lakeside Dental", "García y Hijos", "Northwind Traders"))},
    lambda rng: {"status": "Working", "notes": "First call went well"},
)


class People:
    """Agents who use the CRM by hand (its control API stands for its screens)."""

    def __init__(self, session: aiohttp.ClientSession, crm_url: str, seed: int) -> None:
        self._session = session
        self._crm = crm_url
        self._rng = Random(seed)  # noqa: S311 - who edits what in a demonstration
        self._ids: list[str] = []
        self._strangers = iter(rows(400, seed=seed + 1))

    async def point_webhooks(self, url: str, secret: str) -> None:
        """Have the CRM tell the hub what people do (and, as many CRMs do, what the hub itself did)."""
        await self._call("PUT", "/_control/webhook", {"url": url, "secret": secret, "mode": "simple", "echo": True})

    async def counters(self) -> dict[str, Any]:
        """The CRM's own count of leads, requests and webhooks."""
        return await self._call("GET", "/_control/counters", None)

    async def work(self, edits: int, new: int) -> None:
        """Some edits of leads that are there, and some new leads."""
        if edits and not self._ids:
            everything = await self._call("GET", "/_control/leads", None)
            self._ids = [record["id"] for record in everything["data"]]
        for _ in range(edits if self._ids else 0):
            edit = self._rng.choice(_EDITS)(self._rng)
            await self._call("PATCH", f"/_control/leads/{self._rng.choice(self._ids)}", edit)
        for _ in range(new):
            await self._enter()

    async def trickle(self, seconds: float) -> None:
        """Go on for ever, about one edit every so many seconds and now and then a new lead."""
        while True:
            await asyncio.sleep(self._rng.uniform(0.4, 1.6) * seconds)
            await self.work(edits=1, new=int(self._rng.random() < 0.2))

    async def _enter(self) -> None:
        row = next(self._strangers, None)
        if row is None:
            return
        stamp = f"{self._rng.randrange(16**6):06x}"
        record = await self._call(
            "POST",
            "/_control/leads",
            {
                "first_name": row[1].strip()[:50],
                "last_name": row[2].strip(),
                "email": f"walk-in.{stamp}@example.com",
                "status": "Open",
                "source": "Walk-in",
                "city": row[7],
                "state": row[8],
            },
        )
        self._ids.append(record["id"])

    async def _call(self, method: str, path: str, document: Mapping[str, Any] | None) -> dict[str, Any]:
        async with self._session.request(method, self._crm + path, json=document) as answer:
            answer.raise_for_status()
            found: dict[str, Any] = await answer.json()
            return found
