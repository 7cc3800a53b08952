"""E-mail addresses and phone numbers in the one form by which leads are matched.

The libraries decide what is valid. In front of each stands an exact shortcut for the common shape, because
they are the dearest step of the whole path (34 and 36 µs a value); property tests hold the shortcuts to them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import phonenumbers
from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email
from phonenumbers.phonemetadata import PhoneMetadata

from hub.leads.days import day_of_birth

_PLAIN_EMAIL = re.compile(r"[a-z0-9_+]+(?:[.-][a-z0-9_+]+)*@((?:[a-z0-9]{1,40}\.){1,3}([a-z]{2,20}))\Z")
_SPECIAL_TLDS = frozenset(name.rsplit(".", 1)[-1] for name in SPECIAL_USE_DOMAIN_NAMES)
_US_PHONE = re.compile(r"(?:\+?1[-. ]?)?(?:\(([2-9]\d{2})\) ?|([2-9]\d{2})[-. ]?)([2-9]\d{2})[-. ]?(\d{4})\Z", re.ASCII)
_SPACES = re.compile(r"\s+")
_ONE_LINE = frozenset({"first_name", "last_name", "company", "city", "state", "postal_code", "country", "lead_source"})


def email(text: str) -> str | None:
    """The address in lower case with its domain in canonical form, or None when it is not an address."""
    lowered = text.strip().lower()
    plain = _PLAIN_EMAIL.match(lowered)
    if plain and len(lowered) <= 64 and plain.group(2) not in _SPECIAL_TLDS:
        return lowered
    try:
        return validate_email(lowered, check_deliverability=False).normalized.lower()
    except (EmailNotValidError, ValueError):
        return None


def phone(text: str, region: str) -> str | None:
    """The number in E.164 (``+12105550123``), read as one dialled in ``region``; None when it cannot be one."""
    stripped = text.strip()
    if region == "US":
        found = _US_PHONE.match(stripped)
        if found:
            national = f"{found.group(1) or found.group(2)}{found.group(3)}{found.group(4)}"
            if _us_block_valid(national[:6]):
                return f"+1{national}"
    try:
        number = phonenumbers.parse(stripped, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


@lru_cache(maxsize=65_536)
def _us_block_valid(block: str) -> bool:
    """Whether every number of a block of 10,000 (area code + exchange) is valid: its patterns end in ``\\d{4}``."""
    return all(_US_FIXED.fullmatch(f"{block}{line}") for line in ("0000", "0999", "1111", "4821", "5555", "9999"))


def _us_pattern() -> re.Pattern[str]:
    metadata = PhoneMetadata.metadata_for_region("US")
    if metadata is None or metadata.fixed_line is None:
        raise RuntimeError("phonenumbers has no metadata for the US")
    return re.compile(metadata.fixed_line.national_number_pattern or "")


_US_FIXED = _us_pattern()


@dataclass(frozen=True, slots=True)
class Doubt:
    """A value that was kept as it came, but cannot be what its field says."""

    field: str
    code: str
    message: str


@dataclass(slots=True)
class Normalised:
    """Registers in canonical form, and what to match by."""

    fields: dict[str, Any]
    email: str | None = None
    phone: str | None = None
    doubts: tuple[Doubt, ...] = ()


def normalise(fields: Mapping[str, Any], region: str) -> Normalised:
    """Canonical registers. A doubtful e-mail, phone or day of birth is kept as typed; nobody is matched by such."""
    result = Normalised({})
    clean = result.fields
    for name, value in fields.items():
        if value.__class__ is str:
            text = value.strip()
            if name in _ONE_LINE and ("  " in text or "\t" in text or "\n" in text):
                text = _SPACES.sub(" ", text)
            clean[name] = text or None
        else:
            clean[name] = value
    if typed := clean.get("email"):
        result.email = email(typed)
        if result.email:
            clean["email"] = result.email
        else:
            result.doubts += (Doubt("email", "INVALID_EMAIL", "not an e-mail address; kept as typed"),)
    if typed := clean.get("phone"):
        result.phone = phone(typed, region)
        if result.phone:
            clean["phone"] = result.phone
        else:
            result.doubts += (Doubt("phone", "INVALID_PHONE", f"not a valid phone number in {region}; kept as typed"),)
    if (typed := clean.get("date_of_birth")).__class__ is str:
        day = day_of_birth(typed, region)
        if day:
            clean["date_of_birth"] = day
        else:
            told = "does not say beyond doubt which day; kept as typed"
            result.doubts += (Doubt("date_of_birth", "INVALID_DATE", told),)
    return result
