"""Who is in the vendors' CRMs before the hub comes. Some are in two of them, some in the sample file too.

Same people each time. Phone numbers are of the range kept for fiction, in area codes that the sample file does not use.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

from hubctl.demo.samples import FIRST, LAST, rows

_AREAS = ("201", "203", "216", "314", "334", "360", "404", "415", "434", "515", "602", "612")
_PLACES = (("Raleigh", "NC"), ("Santa Fe", "NM"), ("Omaha", "NE"), ("Duluth", "MN"), ("Mobile", "AL"), ("Bend", "OR"))
_COMPANIES = ("Harbor Bakery", "Núñez Plumbing", "Blue Door Realty", "Fjord & Sons", "Oak Street Dental", "Kwik Print")
_STATUSES = ("new", "new", "contacted", "qualified")
# Of the crowd, by number: the ranges overlap.
_MEMBERS = {"salesforce": range(300), "hubspot": range(230, 480), "pipedrive": range(400, 550)}
_OF_THE_FILE = {"salesforce": range(15), "pipedrive": range(10, 25)}  # people of the sample file


@dataclass(frozen=True, slots=True)
class Human:
    """One person, in the hub's words."""

    first: str
    last: str
    email: str
    phone: str = ""
    company: str = ""
    city: str = ""
    state: str = ""
    status: str = "new"


def crowd() -> dict[str, list[Human]]:
    """Everybody, by vendor; in each, written as people there write."""
    everybody, known = list(_made_up(550)), list(_of_the_file(25))
    found = {crm_type: [everybody[number] for number in members] for crm_type, members in _MEMBERS.items()}
    for crm_type, members in _OF_THE_FILE.items():
        found[crm_type] += [known[number] for number in members]
    found["hubspot"] = [replace(human, email=human.email.upper()) for human in found["hubspot"]]
    found["pipedrive"] = [replace(human, phone=human.phone.replace("-", " ")) for human in found["pipedrive"]]
    return found


def _made_up(count: int) -> Iterator[Human]:
    rng = Random(41)  # noqa: S311 - sample data
    for number in range(count):
        first, last, (city, state) = rng.choice(FIRST), rng.choice(LAST), rng.choice(_PLACES)
        plain = "".join(letter for letter in f"{first}.{last}".lower() if letter.isascii() and letter.isalpha())
        phone = f"{_AREAS[number % len(_AREAS)]}-555-01{number // len(_AREAS) % 100:02d}"
        email = f"{plain or 'lead'}.{number}@example.org"
        yield Human(first, last, email, phone, rng.choice(_COMPANIES), city, state, rng.choice(_STATUSES))


def _of_the_file(count: int) -> Iterator[Human]:
    taken: set[str] = set()
    for row in rows():
        email = row[3].strip().lower()
        if email.endswith(("example.com", "example.net")) and " " not in email and email[0] != "@":
            if email not in taken and "@" in email and len(row[1]) < 50:
                taken.add(email)
                yield Human(row[1].strip().title(), row[2].strip().title(), email, "", row[6], row[7], row[8])
            if len(taken) == count:
                return
