"""Goes through a query's tokens."""

from simulators.salesforce.errors import Refused
from simulators.salesforce.soql.syntax import Path
from simulators.salesforce.soql.tokens import Token, malformed, tokens


class Reader:
    """A place in a list of tokens. Everything that does not fit raises Refused (``MALFORMED_QUERY``)."""

    def __init__(self, text: str) -> None:
        self._text, self._tokens, self._place = text, tokens(text), 0

    @property
    def peek(self) -> Token:
        """The next token."""
        return self._tokens[self._place]

    def take(self) -> Token:
        """The next token; goes on."""
        token = self.peek
        self._place = min(self._place + 1, len(self._tokens) - 1)
        return token

    def accept(self, wanted: str) -> bool:
        """Go on if the next token is that word or sign."""
        token = self.peek
        if token.word == wanted or (token.kind == "sign" and token.text == wanted):
            self.take()
            return True
        return False

    def keyword(self, wanted: str) -> None:
        """Go on; it must be that word or sign."""
        if not self.accept(wanted):
            raise self.unexpected()

    def name(self) -> Path:
        """The name that comes next."""
        if self.peek.kind != "name":
            raise self.unexpected()
        token = self.take()
        return Path(token.text, token.at)

    def whole_number(self) -> int:
        """The number that comes next."""
        token = self.take()
        if token.kind != "number" or not token.text.isdigit():
            raise self.complain(f"unexpected token: '{token.text}'", token.at)
        return int(token.text)

    def end(self) -> None:
        """Nothing may come."""
        if self.peek.kind != "end":
            raise self.unexpected()

    def unexpected(self) -> Refused:
        """The next token does not fit."""
        return self.complain(f"unexpected token: '{self.peek.text}'", self.peek.at)

    def complain(self, complaint: str, at: int, code: str = "MALFORMED_QUERY") -> Refused:
        """A complaint about a place."""
        return malformed(self._text, at, complaint, code)
