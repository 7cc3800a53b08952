"""Words, texts, numbers, moments and signs."""

import re
from dataclasses import dataclass

from simulators.salesforce.errors import Refused

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>'(?:[^'\\]|\\.)*')
    | (?P<datetime>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)(?!\w))
    | (?P<date>\d{4}-\d\d-\d\d(?![\w:]))
    | (?P<number>[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?!\w))
    | (?P<period>(?:LAST|NEXT)_N_\w+:\d+)
    | (?P<name>[A-Za-z_][\w]*(?:\.[A-Za-z_]\w*)*)
    | (?P<sign><=|>=|!=|<>|[=<>(),])
    )""",
    re.VERBOSE | re.IGNORECASE,
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_ESCAPED = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text, and where it begins. The kind of the last is ``end``."""

    kind: str
    text: str
    at: int

    @property
    def word(self) -> str:
        """The text in capitals, if it is a word."""
        return self.text.upper() if self.kind == "name" else ""


def malformed(query: str, at: int, complaint: str, code: str = "MALFORMED_QUERY") -> Refused:
    """A complaint that points at its place, as the API words it."""
    line = query[max(0, at - 40) : at + 20].replace("\n", " ")
    row, column = query.count("\n", 0, at) + 1, at - (query.rfind("\n", 0, at) + 1) + 1
    pointer = " " * min(at, 40) + "^"
    return Refused(code, f"\n{line}\n{pointer}\nERROR at Row:{row}:Column:{column}\n{complaint}")


def tokens(query: str) -> list[Token]:
    """All of a query. Raises Refused (``MALFORMED_QUERY``)."""
    found: list[Token] = []
    place = 0
    end = len(query.rstrip())
    while place < end:
        match = _TOKEN.match(query, place)
        if match is None or match.lastgroup is None:
            at = place + len(query[place:]) - len(query[place:].lstrip())
            raise malformed(query, at, f"unexpected token: '{query[at : at + 10]}'")
        found.append(Token(match.lastgroup, match.group(match.lastgroup), match.start(match.lastgroup)))
        place = match.end()
    return [*found, Token("end", "<EOF>", len(query))]


def unquoted(text: str, *, keep_wildcards: bool = False) -> str:
    """What a quoted text means; ``keep_wildcards`` leaves ``\\%`` and ``\\_`` for LIKE."""

    def meaning(match: re.Match[str]) -> str:
        letter = match[1]
        if letter[0] == "u" and len(letter) == 5:
            return chr(int(letter[1:], 16))
        if keep_wildcards and letter in "%_\\":
            return match[0]
        return _ESCAPES.get(letter.lower(), letter)

    return _ESCAPED.sub(meaning, text[1:-1])
