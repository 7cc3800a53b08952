"""Custom fields' names ⇄ HubSpot's internal names, without loss.

HubSpot takes small letters, digits and underscores, a letter first; the hub's custom fields may be called anything.
``member_type`` stays as it is, ``memberType`` becomes ``member__type``, and what has no place in a name becomes its
code: ``plan größe`` → ``plan__020_gr__0f6___0df_e``. Pure.
"""

import re

_PLAIN = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*\Z", re.ASCII)
_PART = re.compile(r"__([a-z])|__0([0-9a-f]+)_|(.)", re.ASCII | re.DOTALL)
_START = "c__0_"  # in front of what does not begin with a small letter


def property_name(name: str) -> str:
    """The internal name of the property for a custom field; it may be longer than HubSpot takes."""
    if _PLAIN.match(name):
        return name
    coded = "".join(_coded(name, at) for at in range(len(name)))
    return coded if "a" <= coded[:1] <= "z" else _START + coded


def custom_name(internal: str) -> str | None:
    """The custom field that a property stands for; None where no field would be given that name."""
    if _PLAIN.match(internal):
        return internal
    try:
        name = "".join(_decoded(part) for part in _PART.finditer(internal.removeprefix(_START)))
    except (ValueError, OverflowError):
        return None
    return name if name and property_name(name) == internal else None


def _coded(name: str, at: int) -> str:
    letter = name[at]
    if letter.isascii() and (letter.islower() or letter.isdigit()):
        return letter
    if letter.isascii() and letter.isupper():
        return "__" + letter.lower()
    if letter == "_" and at > 0 and name[at + 1 : at + 2] not in ("_", ""):
        return letter
    return f"__0{ord(letter):x}_"


def _decoded(part: re.Match[str]) -> str:
    capital, code, other = part.groups()
    if capital:
        return str(capital).upper()
    return chr(int(code, 16)) if code else str(other)
