"""Record ids: 15 case-sensitive characters, told as 18 with a checksum of the capitals."""

from functools import lru_cache
from string import ascii_lowercase, ascii_uppercase, digits

_ALPHABET = digits + ascii_uppercase + ascii_lowercase
_CHECK = ascii_uppercase + "012345"
_POD = "5e0"  # names the server that made the id


def made_id(prefix: str, number: int) -> str:
    """The 18 characters of the number-th record of a kind (``00Q`` for leads); ids of one kind sort by number."""
    letters = []
    for _ in range(9):
        number, digit = divmod(number, 62)
        letters.append(_ALPHABET[digit])
    short = prefix + _POD + "".join(reversed(letters))
    return short + _checksum(short)


def full_id(text: object) -> str | None:
    """The 18-character form of an id of 15 or 18; None for what is no id.

    The checksum makes 18 characters indifferent to case, so wrong capitals are put right.
    """
    if not isinstance(text, str) or not (text.isascii() and text.isalnum()):
        return None
    if len(text) == 15:
        return text + _checksum(text)
    return _recased(text) if len(text) == 18 else None


def _checksum(short: str) -> str:
    return "".join(
        _CHECK[sum(1 << place for place, letter in enumerate(short[start : start + 5]) if letter.isupper())]
        for start in (0, 5, 10)
    )


@lru_cache(maxsize=65_536)
def _recased(text: str) -> str | None:
    checks = text[15:].upper()
    if any(check not in _CHECK for check in checks):
        return None
    letters = []
    for place, letter in enumerate(text[:15]):
        capital = _CHECK.index(checks[place // 5]) >> (place % 5) & 1
        if capital and letter.isdigit():
            return None
        letters.append(letter.upper() if capital else letter.lower())
    return "".join(letters) + checks
