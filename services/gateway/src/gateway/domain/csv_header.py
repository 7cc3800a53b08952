"""Which column is which field: by name, whatever its case, separators or language (English and German)."""

import csv

from gateway.domain.problems import Code, Problem, printable
from gateway.domain.records import CUSTOM_FIELDS, EXTERNAL_ID, UPDATED_AT
from hub.contracts.records import STANDARD_FIELDS

DELIMITERS = ",;\t|"
_MAX_COLUMNS = 300
_NAME_LENGTH = 100
_SYNONYMS: dict[str, tuple[str, ...]] = {
    "first_name": ("first", "fname", "givenname", "forename", "vorname"),
    "last_name": ("last", "lname", "surname", "familyname", "nachname", "name", "familienname"),
    "email": ("emailaddress", "mail", "emailadresse", "primaryemail"),
    "phone": ("phonenumber", "telephone", "tel", "mobile", "mobilephone", "cell", "telefon", "telefonnummer", "handy"),
    "status": ("leadstatus", "stage"),
    "agent_id": ("agent", "assignedagentid", "owner", "ownerid"),
    "lead_source": ("source", "quelle"),
    "company": ("companyname", "employer", "firma", "unternehmen"),
    "address": ("street", "streetaddress", "addressline1", "strasse", "straße", "adresse"),
    "city": ("town", "ort", "stadt"),
    "state": ("province", "region", "bundesland"),
    "postal_code": ("zip", "zipcode", "postcode", "plz", "postleitzahl"),
    "country": ("land",),
    "date_of_birth": ("dob", "birthdate", "birthday", "geburtsdatum"),
    "notes": ("note", "comment", "comments", "bemerkung", "notizen"),
    EXTERNAL_ID: ("id", "leadid", "recordid", "externalkey"),
    UPDATED_AT: ("lastmodified", "modifiedat", "updated", "lastmodifieddate", "geaendertam", "geändertam"),
}
_NEEDED = frozenset({EXTERNAL_ID, "first_name", "last_name", "email", "phone", "company"})


def _plain(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum())


_FIELD_OF = {_plain(name): name for name in (*STANDARD_FIELDS, EXTERNAL_ID, UPDATED_AT)}
_FIELD_OF |= {_plain(synonym): name for name, synonyms in _SYNONYMS.items() for synonym in synonyms}


def sniff_delimiter(line: str) -> str:
    """The likeliest of , ; tab | in a header line: the most frequent outside quotes, the comma when none is there."""
    bare = "".join(line.split('"')[::2])
    return max(DELIMITERS, key=bare.count)


class Header:
    """The columns of a file and where their values go."""

    def __init__(self, names: list[str]) -> None:
        self._standard: list[tuple[int, str]] = []
        self._custom: list[tuple[int, str]] = []
        self.width = len(names)
        taken: set[str] = set()
        for position, name in enumerate(names):
            field = _FIELD_OF.get(_plain(name))
            if field and field not in taken:  # a second phone column keeps its own name, as a custom field
                taken.add(field)
                self._standard.append((position, field))
            else:
                self._custom.append((position, name or f"column_{position + 1}"))
        self.recognised = frozenset(taken)

    def record(self, cells: list[str]) -> dict[str, object]:
        """A row as a JSON record. Empty cells say nothing, so they are left out."""
        record: dict[str, object] = {field: cells[at] for at, field in self._standard if cells[at]}
        custom = {name: cells[at] for at, name in self._custom if cells[at]}
        if custom:
            record[CUSTOM_FIELDS] = custom
        return record


def read_header(text: str, delimiter: str) -> Header | Problem:
    """The header record of a file."""
    try:
        names = [name.strip() for name in next(csv.reader([text], delimiter=delimiter, strict=True))]
    except csv.Error:
        return Problem(Code.BROKEN_QUOTES, "The header's quotes do not match")
    if len(names) > _MAX_COLUMNS:
        return Problem(Code.TOO_MANY, f"More than {_MAX_COLUMNS} columns")
    seen: set[str] = set()
    for name in names:
        if len(name) > _NAME_LENGTH:
            return Problem(Code.TOO_LONG, f"A column name has more than {_NAME_LENGTH} characters", printable(name))
        if name and name in seen:
            return Problem(Code.DUPLICATE_COLUMN, "Two columns have the same name", printable(name))
        seen.add(name)
    header = Header(names)
    if not header.recognised & _NEEDED:
        needed = ", ".join(sorted(_NEEDED))
        return Problem(Code.MISSING_COLUMNS, f"The first line must name the columns, with at least one of {needed}")
    return header
