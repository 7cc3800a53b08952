"""People at work in the vendors' CRMs: they edit leads, enter new ones and delete one; the CRM tells the hub."""

from dataclasses import replace
from itertools import cycle
from random import Random

from hubctl.demo.crowd import Human
from hubctl.demo.desks import Fields
from hubctl.demo.samples import rows
from hubctl.demo.vendors import VendorCrm


class Staff:
    """The people of one CRM. Counts what they do."""

    def __init__(self, crm: VendorCrm, seed: int) -> None:
        self._crm, self._rng = crm, Random(seed)  # noqa: S311 - who edits what in a demonstration
        self._ids: list[str] = []
        self._strangers = cycle(rows(200, seed=seed))
        self.edited = self.entered = self.deleted = 0

    async def work(self, edits: int, new: int, deletions: int = 0) -> None:
        """Some edits of leads that are there, some new leads, some deletions."""
        if not self._ids:
            self._ids = [str(record[self._crm.desk.id_field]) for record in await self._crm.control.records()]
        chosen = self._rng.sample(self._ids, min(edits + deletions, len(self._ids)))
        wishes: list[tuple[str, Fields]] = [(each, self._rng.choice(self._crm.desk.edits)) for each in chosen[:edits]]
        await self._crm.control.edit(wishes)
        self.edited += len(wishes)
        for _ in range(new):
            await self.enter(self._stranger())
        if gone := chosen[edits:]:
            await self._crm.control.delete(gone)
            self._ids = [each for each in self._ids if each not in gone]
            self.deleted += len(gone)

    async def enter(self, human: Human) -> None:
        """A new lead."""
        await self._crm.control.create(self._crm.desk.entered(human))
        self.entered += 1

    def told(self) -> str:
        """What they did, in short."""
        gone = f", {self.deleted} deleted" if self.deleted else ""
        return f"{self.edited} edits, {self.entered} new{gone}"

    def _stranger(self) -> Human:
        row = next(self._strangers)
        stamp = f"{self._rng.randrange(16**8):08x}"
        human = Human(row[1].strip()[:50] or "Sam", row[2].strip() or "Lead", f"guest.{stamp}@example.com")
        return replace(human, city=row[7], state=row[8])
