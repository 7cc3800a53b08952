"""People at work in the simulated CRM: they edit leads and enter new ones, and the CRM tells the hub by webhook."""

from collections.abc import Callable, Mapping
from random import Random

from hubctl.demo.samples import rows
from hubctl.trial.crm import CrmControl

Edit = Callable[[Random], Mapping[str, str]]
_EDITS: tuple[Edit, ...] = (
    lambda rng: {"status": rng.choice(("Working", "Qualified", "Closed Lost"))},
    lambda rng: {"owner": f"agent{rng.randrange(1, 9)}"},
    lambda rng: {"notes": rng.choice(("Called, wants a quote", "Left a message", "Meets on Tuesday ☎"))},
    lambda rng: {"company": rng.choice(("Lakeside Dental", "García y Hijos", "Northwind Traders"))},
    lambda rng: {"status": "Working", "notes": "First call went well"},
)


class People:
    """Agents who use the CRM by hand."""

    def __init__(self, crm: CrmControl, seed: int) -> None:
        self._crm = crm
        self._rng = Random(seed)  # noqa: S311 - who edits what in a demonstration
        self._ids: list[str] = []
        self._strangers = iter(rows(400, seed=seed + 1))

    async def work(self, edits: int, new: int) -> None:
        """Some edits of leads that are there, and some new leads."""
        if edits and not self._ids:
            self._ids = [record["id"] for record in await self._crm.leads()]
        for _ in range(edits if self._ids else 0):
            edit = self._rng.choice(_EDITS)(self._rng)
            await self._crm.edit(self._rng.choice(self._ids), edit)
        for _ in range(new):
            await self._enter()

    async def _enter(self) -> None:
        row = next(self._strangers, None)
        if row is None:
            return
        stamp = f"{self._rng.randrange(16**6):06x}"
        record = await self._crm.create(
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
