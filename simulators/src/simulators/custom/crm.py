"""The CRM itself: its records, and who is told of a change."""

import random
from collections import Counter
from collections.abc import Mapping
from typing import Any

from simulators.custom.faults import Gate
from simulators.custom.records import Refused, changed_record, checked, new_record
from simulators.custom.store import Store
from simulators.custom.webhooks import Webhooks

_FIRST = ("Ana", "John", "María", "Wei", "Zoë", "Jürgen", "Aisha", "Liam", "Søren", "Priya", "José", "Chloé")
_LAST = ("Smith", "O'Brien", "Núñez", "Li", "Müller", "Khan", "de la Cruz", "Johansson", "Patel", "Ibáñez", "Brown")


class Crm:
    """State and behaviour, without HTTP."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.gate = Gate()
        self.webhooks = Webhooks(store)
        self.requests: Counter[str] = Counter()

    def create(self, fields: Any, *, by_api: bool) -> dict[str, Any]:
        """Store a new record. Raises Refused."""
        record = new_record(self.store.next_number(), checked(fields))
        self.store.insert([record])
        self.webhooks.tell("lead.created", record, by_api=by_api)
        return record

    def change(self, record_id: str, fields: Any, *, by_api: bool, replace: bool = False) -> dict[str, Any]:
        """Store a change. Raises Refused."""
        record = changed_record(self.get(record_id), checked(fields), replace=replace)
        self.store.update(record)
        self.webhooks.tell("lead.updated", record, by_api=by_api)
        return record

    def delete(self, record_id: str, *, by_api: bool) -> None:
        """Forget a record. Raises Refused."""
        record = self.get(record_id)
        self.store.delete(record_id)
        self.webhooks.tell("lead.deleted", record, by_api=by_api)

    def get(self, record_id: str) -> dict[str, Any]:
        """A record. Raises Refused (404)."""
        record = self.store.get(record_id)
        if record is None:
            raise Refused(404, "NOT_FOUND", f"there is no lead {record_id}")
        return record

    def seed(self, count: int, *, tell: bool, seed: int = 1) -> list[dict[str, Any]]:
        """Store made-up records, the same for the same seed."""
        rng = random.Random(seed)
        records = [new_record(self.store.next_number(), made_up(rng, number)) for number in range(count)]
        self.store.insert(records)
        if tell:
            for record in records:
                self.webhooks.tell("lead.created", record, by_api=False)
        return records


def made_up(rng: random.Random, number: int) -> Mapping[str, Any]:
    """A plausible person."""
    first, last = rng.choice(_FIRST), rng.choice(_LAST)
    return {
        "first_name": first,
        "last_name": last,
        "email": f"person{number}.{rng.randrange(10**6)}@crm.example.com",
        "phone": f"({rng.choice((210, 512, 713, 972))}) {rng.randrange(200, 999)}-{rng.randrange(10_000):04}",
        "status": rng.choice(("new", "contacted", "qualified")),
        "owner": f"agent{rng.randrange(1, 9)}",
        "source": rng.choice(("Website", "Referral", "Fair")),
        "favourite_colour": rng.choice(("red", "green", "blue")),
    }
