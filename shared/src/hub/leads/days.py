"""Days of birth in the one form that CRMs' date fields take, out of the ways in which people write them."""

import re
from datetime import date

_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[T ][\d:.]+(?:Z|[+-]\d\d:?\d\d)?)?\Z", re.ASCII)
_NUMBERS = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4}|\d\d)\Z", re.ASCII)
_MONTH_FIRST = re.compile(r"([A-Za-z]{3,9})\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})\Z", re.ASCII)
_DAY_FIRST = re.compile(r"(\d{1,2})(?:st|nd|rd|th)?\.? ([A-Za-z]{3,9})\.?,? (\d{4})\Z", re.ASCII)
_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_MONTH_FIRST_REGIONS = frozenset({"US", "PR", "GU", "VI", "AS", "MP", "PH"})
_LAST_CENTURY = 40  # from this one on, two digits of a year can only be 19xx: nobody was born in 2040 yet


def day_of_birth(text: str, region: str) -> str | None:
    """``1960-01-13``, whichever way it was written; None where that leaves the day open, or there is no such day.

    03/04/1960 is read as people in ``region`` write it; 03.04.1960 is the third of April everywhere.
    """
    if found := _ISO.match(text):
        return _day(found[1], int(found[2]), int(found[3]))
    if found := _NUMBERS.match(text):
        first, second = int(found[1]), int(found[3])
        month_first = found[2] != "." and (region in _MONTH_FIRST_REGIONS or second > len(_MONTHS))
        if month_first and first > len(_MONTHS):
            month_first = False  # there is but one way to read it
        return _day(found[4], *((first, second) if month_first else (second, first)))
    if found := _MONTH_FIRST.match(text):
        return _day(found[3], _month(found[1]), int(found[2]))
    if found := _DAY_FIRST.match(text):
        return _day(found[3], _month(found[2]), int(found[1]))
    return None


def _month(name: str) -> int:
    """1 to 12; 0 for a word that is no month's name, nor how one begins."""
    lowered = "sep" if name.lower() == "sept" else name.lower()
    return next((number for number, month in enumerate(_MONTHS, start=1) if lowered in (month, month[:3])), 0)


def _day(year: str, month: int, day: int) -> str | None:
    number = int(year)
    if len(year) == 2:
        if number < _LAST_CENTURY:
            return None
        number += 1900
    try:
        return date(number, month, day).isoformat()
    except ValueError:
        return None
