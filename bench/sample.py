"""Rows for the benchmarks: the same for the hub and for its peers, the same on every run."""

import random
from typing import Any

_FIRST = ("John", "Ana", "José", "Lee", "Zoë", "Priya", "Omar", "Chloé")
_LAST = ("Doe", "Müller", "García", "Nguyen", "Smith", "Okafor", "Rossi", "Svensson")
_CITY = (("San Antonio", "TX", "782"), ("Austin", "TX", "787"), ("Denver", "CO", "802"), ("Miami", "FL", "331"))


def leads(count: int) -> list[dict[str, Any]]:
    """Leads as an import takes them, all different people."""
    dice = random.Random(7)
    return [_lead(number, dice) for number in range(count)]


def changed(rows: list[dict[str, Any]], share: float) -> list[dict[str, Any]]:
    """The same rows, a share of them with another city and status."""
    dice = random.Random(11)
    return [row | {"city": "Galveston", "status": "contacted"} if dice.random() < share else row for row in rows]


def _lead(number: int, dice: random.Random) -> dict[str, Any]:
    city, state, postal = dice.choice(_CITY)
    return {
        "external_id": f"SF-{number:07d}",
        "first_name": dice.choice(_FIRST),
        "last_name": dice.choice(_LAST),
        "email": f"lead{number}@example.com",
        "phone": f"{('210', '512', '303', '305')[number % 4]}-{200 + number // 10_000 % 700}-{number % 10_000:04d}",
        "status": "new",
        "company": f"Company {number % 900}",
        "city": city,
        "state": state,
        "postal_code": f"{postal}{number % 90 + 10}",
        "custom_fields": {"lead_source": "Website", "interest_level": dice.choice(("High", "Low"))},
    }
