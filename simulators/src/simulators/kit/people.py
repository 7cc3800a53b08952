"""Made-up people, plausible and the same for the same seed."""

import random
import unicodedata
from dataclasses import dataclass
from functools import cache

_FIRST = (
    "Ana", "John", "María", "Wei", "Zoë", "Jürgen", "Aisha", "Liam", "Søren", "Priya", "José", "Chloé", "Emma", "Noah",
    "Fatima", "Lucía", "Björn", "Renée", "Tomás", "Grace", "Hiroshi", "Łucja", "Omar", "Siobhán", "Daniel", "Ngozi",
    "André", "Ingrid", "Mateo", "Sofía", "Elif", "Ravi", "Hannah", "Kwame", "Inês", "Oliver", "Mei", "Dmitri",
)  # fmt: skip
_LAST = (
    "Smith", "O'Brien", "Núñez", "Li", "Müller", "Khan", "de la Cruz", "Johansson", "Patel", "Ibáñez", "Brown",
    "Nguyen", "Kowalski", "García", "Sørensen", "Okafor", "Lefèvre", "Tanaka", "Martínez-López", "Williams", "Çelik",
    "Santos", "van den Berg", "MacDonald", "Hernández", "Rossi", "Schäfer", "Ivanova", "Kim",
    "Washington", "Guðmundsson",
    "Das",
)  # fmt: skip
_BUSINESS = ("Logistics", "Dental", "Realty", "Software", "Health", "Foods", "Builders", "Consulting", "Energy", "Law")
_TITLE = ("Owner", "Director", "Office Manager", "Head of Training", "Engineer", "Nurse", "Buyer", "Partner")
_PLACE = (
    ("Austin", "TX", "787", 512), ("Houston", "TX", "770", 713), ("Denver", "CO", "802", 303),
    ("San Diego", "CA", "921", 619), ("Chicago", "IL", "606", 312), ("Boston", "MA", "021", 617),
    ("Portland", "OR", "972", 503), ("Miami", "FL", "331", 305), ("Seattle", "WA", "981", 206),
)  # fmt: skip
_STREET = ("Oak", "Maple", "Main", "Cedar", "Lake", "Hill", "Washington", "Park", "Río Grande", "Elm")
_EXCHANGES = (220, 345, 454, 472, 555, 638, 782, 874, 926)  # none begins with 0 or 1, nor ends in 11


@dataclass(frozen=True, slots=True)
class Person:
    """One person and where they work. ``phone`` is a valid US number, in one of the ways that people write them."""

    first: str
    last: str
    email: str
    phone: str
    company: str
    title: str
    street: str
    city: str
    state: str
    zip: str

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.first} {self.last}"


def person(number: int, seed: int = 1) -> Person:
    """The number-th person; e-mail address and phone (of the first 90,000) are nobody else's of the same seed."""
    rng = random.Random(seed * 1_000_003 + number)
    first, last = rng.choice(_FIRST), rng.choice(_LAST)
    city, state, zip_start, area = rng.choice(_PLACE)
    owner = last if rng.random() < 0.5 else rng.choice(_LAST)
    company = f"{owner} {rng.choice(_BUSINESS)}"
    return Person(
        first,
        last,
        f"{_plain(first)}.{_plain(last)}.{seed}.{number}@{_plain(owner)}.example.com",
        _phone(rng, area, number),
        company,
        rng.choice(_TITLE),
        f"{rng.randrange(1, 9999)} {rng.choice(_STREET)} St",
        city,
        state,
        f"{zip_start}{rng.randrange(100):02}",
    )


def _phone(rng: random.Random, area: int, number: int) -> str:
    exchange, line = divmod(number * 7_919 % (len(_EXCHANGES) * 10_000), 10_000)  # a prime: neighbours are far apart
    shape = rng.choice(("({0}) {1}-{2:04}", "{0}-{1}-{2:04}", "+1{0}{1}{2:04}", "+1 {0} {1} {2:04}", "{0}.{1}.{2:04}"))
    return shape.format(area, _EXCHANGES[exchange], line)


@cache
def _plain(name: str) -> str:
    """The name in lower-case ASCII letters."""
    spelled = name.replace("ø", "o").replace("Ł", "L").replace("ð", "d")
    ascii_only = unicodedata.normalize("NFKD", spelled).encode("ascii", "ignore").decode()
    return "".join(letter for letter in ascii_only.lower() if letter.isalpha())
