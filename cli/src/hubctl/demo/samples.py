"""The sample file, made by rule: 2,000 leads with the mess of real exports. ``python -m hubctl.demo.samples FILE``.

Same seed, same file: a test compares it with the one that is committed. All phone numbers are of the ranges kept
for fiction (555-01xx), all addresses are of example domains.
"""

import csv
import io
import sys
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from random import Random

ROWS = 2_000
FILE = Path(__file__).with_name("leads.csv")
HEADINGS = (
    *("Lead Id", "First Name", "Last Name", "E-Mail", "Phone", "Status", "Company", "City", "State", "ZIP"),
    *("Date of Birth", "Lead Source", "Interest Level", "Last Contact", "Notes"),
)
_FIRST_NAMES = (
    "James Mary Robert Patricia John Jennifer Michael Linda David Elizabeth William Barbara José María Juan Zoë Chloé "
    "François Jürgen Łukasz Siân Søren Åsa Nguyễn Mei-Ling Amélie Renée Björn Iñaki Fatima Aaliyah Darnell Keisha "
    "Priya Arjun Siobhán Seán Giulia Zsófia Ömer Dvořák Ming Yuki Olga Dmitri Ngozi Kwame Leilani Rubén Hélène"
)
_LAST_NAMES = (
    "Smith Johnson Williams Brown Jones García Miller Davis Rodríguez Martínez Hernández López González O'Brien "
    "D'Angelo Nguyễn Müller Schröder Åkesson Łuczak Ó'Súilleabháin Peña Ibáñez Kowalski Okafor Mensah Tanaka Chen "
    "Patel Singh Haddad Çelik Novák Szabó Lefèvre Dubois Rossi Jean-Baptiste Smith-Jones Whitfield Trinidad Nakamura"
)
FIRST = _FIRST_NAMES.split()
LAST = [*_LAST_NAMES.split(), "van der Berg", "de la Cruz", "St. John", "Al Hassan"]
_PLACES = (
    ("San Antonio", "TX", "782", "210"), ("Austin", "TX", "787", "512"), ("Houston", "TX", "770", "713"),
    ("Dallas", "TX", "752", "214"), ("Cañon City", "CO", "812", "719"), ("La Cañada", "CA", "910", "818"),
    ("Miami", "FL", "331", "305"), ("Chicago", "IL", "606", "312"), ("Brooklyn", "NY", "112", "718"),
    ("Boise", "ID", "837", "208"), ("St. Louis", "MO", "631", "314"), ("Coeur d'Alene", "ID", "838", "986"),
    ("Phoenix", "AZ", "850", "602"), ("Portland", "OR", "972", "503"), ("Atlanta", "GA", "303", "404"),
    ("Boston", "MA", "021", "617"), ("Denver", "CO", "802", "303"), ("Nashville", "TN", "372", "615"),
    ("Seattle", "WA", "981", "206"), ("Tampa", "FL", "336", "813"),
)  # fmt: skip
_COMPANIES = ("", "", "", "Acme, Inc.", "Café Olé", 'Joe "The Plumber" LLC', "Müller & Söhne", "Riverside Clinic")
_SOURCES = ("Website", "Referral", "Facebook", "Event", "Cold call", "")
_STATUSES = ("new", "New", "NEW", "contacted", "Contacted", "qualified", "Qualified ", "lost", "")
_NOTES = (
    "",
    "",
    "",
    "Call after 5 pm",
    "Prefers e-mail; husband covered by employer",
    "Line one\nline two",
    "♥ referral",
)
_PHONE_SHAPES = ("{a}-555-{n}", "({a}) 555-{n}", "+1 {a} 555 {n}", "{a}.555.{n}", "1{a}555{n}", "{a} 555 {n}")
_DATE_SHAPES = ("%Y-%m-%d", "%m/%d/%Y", "%d.%m.%Y", "%b %d, %Y", "%m/%d/%y")
_BAD_PHONES = ("555", "none", "(210) 555-01", "000-000-0000", "ask wife", "210-555-0123 ext. home")
_BAD_EMAILS = ("n/a", "jane@", "@example.com", "john.example.com", "a b@example.com")


@dataclass(frozen=True, slots=True)
class _Person:
    number: int
    first: str
    last: str
    place: tuple[str, str, str, str]
    born: date

    @property
    def email(self) -> str:
        plain = "".join(c for c in f"{self.first}.{self.last}".lower() if c.isascii() and (c.isalnum() or c == "."))
        return f"{plain.strip('.')}{self.number}@{('example.com', 'mail.example.org', 'example.net')[self.number % 3]}"

    def phone(self, shape: str) -> str:
        # 20 area codes of 100 fictional numbers: everybody has one of his own.
        area = _PLACES[self.number % len(_PLACES)][3]
        return shape.format(a=area, n=f"01{self.number // len(_PLACES) % 100:02d}")


def rows(count: int = ROWS, seed: int = 20260110) -> list[list[str]]:
    """The records, without the headings. About one in nine tells of somebody who was listed before."""
    rng = Random(seed)  # noqa: S311 - sample data
    people: list[_Person] = []
    result: list[list[str]] = []
    while len(result) < count:
        if people and rng.random() < 0.11:
            result.append(_again(rng, rng.choice(people)))
            continue
        born = date(1950, 1, 1) + timedelta(days=rng.randrange(19_000))
        people.append(_Person(len(people), rng.choice(FIRST), rng.choice(LAST), rng.choice(_PLACES), born))
        result.append(_record(rng, people[-1]))
    return [_spoil(number, row) for number, row in enumerate(result)]


def _record(rng: Random, person: _Person) -> list[str]:
    city, state, zip_prefix, _ = person.place
    email = person.email if rng.random() < 0.97 else rng.choice(("", *_BAD_EMAILS))
    phone = person.phone(rng.choice(_PHONE_SHAPES)) if rng.random() < 0.9 else rng.choice(("", *_BAD_PHONES))
    case = rng.choice((str, str, str, str.upper, str.lower))
    shape = rng.choice(_DATE_SHAPES)
    seen = date(2025, 6, 1) + timedelta(days=rng.randrange(200))
    return [
        f"SP-{10_000 + person.number}",
        case(person.first),
        case(person.last) + rng.choice(("", "", "", " ")),
        rng.choice((str, str, str.upper, str.title))(email),
        phone,
        rng.choice(_STATUSES),
        rng.choice(_COMPANIES),
        city,
        state,
        f"{zip_prefix}{rng.randrange(100):02d}",
        person.born.strftime(shape) if rng.random() < 0.6 else "",
        rng.choice(_SOURCES),
        rng.choice(("High", "medium", "LOW", "")),
        seen.strftime(shape),
        rng.choice(_NOTES),
    ]


def _again(rng: Random, person: _Person) -> list[str]:
    """The same person from another corner of the CRM: other id, e-mail in capitals or phone in another shape."""
    row = _record(rng, replace(person, first=rng.choice((person.first, person.first[:1] + "."))))
    row[0] = f"SP-{50_000 + person.number}"
    row[3] = rng.choice((person.email.upper(), f" {person.email}"))
    row[4] = rng.choice((person.phone(rng.choice(_PHONE_SHAPES)), ""))
    row[5] = rng.choice(("contacted", "qualified", row[5]))
    return row


def _spoil(number: int, row: list[str]) -> list[str]:
    """A few rows that no system should swallow: an unknown status, a name of 300 letters, too many columns."""
    if number % 400 == 123:
        return [*row[:5], "Prospect??", *row[6:]]
    if number % 700 == 321:
        return [row[0], "A" * 300, *row[2:]]
    if number % 900 == 456:
        return [*row, "surplus", "columns"]
    return row


def document() -> str:
    """The file's text: CSV with a byte-order mark, as spreadsheets write it."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADINGS)
    writer.writerows(rows())
    return "\ufeff" + out.getvalue()


if __name__ == "__main__":
    (Path(sys.argv[1]) if len(sys.argv) > 1 else FILE).write_text(document(), encoding="utf-8", newline="")
