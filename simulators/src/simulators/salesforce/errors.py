"""Refusals, and the shapes in which the API tells them.

https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/errorcodes.htm
"""

from collections.abc import Mapping, Sequence
from typing import Any

GONE = "The requested resource does not exist"
_STATUS = {"NOT_FOUND": 404, "ENTITY_IS_DELETED": 404, "METHOD_NOT_ALLOWED": 405}


class Refused(Exception):
    """A call that is refused as a whole. ``status`` is 400 unless the code has another."""

    def __init__(self, code: str, message: str, status: int | None = None) -> None:
        self.code, self.status = code, status or _STATUS.get(code, 400)
        super().__init__(message)

    def body(self) -> Any:
        """The error array."""
        return [{"message": str(self), "errorCode": self.code}]


class RowRefused(Refused):
    """One record that is refused: in a call for many, the others go on. ``extra``: further members of the error."""

    def __init__(
        self, code: str, message: str, fields: Sequence[str] = (), extra: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(code, message)
        self.fields, self.extra = list(fields), dict(extra or {})

    def body(self) -> Any:
        """The error array of a call for one record."""
        return [{**self.extra, "message": str(self), "errorCode": self.code, "fields": self.fields}]

    def row(self) -> dict[str, Any]:
        """The row in the answer of a call for many, where the code is called ``statusCode``."""
        error = {**self.extra, "statusCode": self.code, "message": str(self), "fields": self.fields}
        return {"success": False, "errors": [error]}

    def csv(self) -> str:
        """The text in the column ``sf__Error`` of a bulk job."""
        fields = f"{','.join(self.fields)} " if self.fields else ""
        return f"{self.code}:{self}:{fields}--"


class Ambiguous(RowRefused):
    """Several records have that external id: 300 and their addresses, no error array."""

    def __init__(self, field: str, ids: Sequence[str], base: str) -> None:
        message = f"{field}: more than one record found for external id field: [{', '.join(ids)}]"
        super().__init__("DUPLICATE_EXTERNAL_ID", message, [field])
        self.status, self.urls = 300, [base + each for each in ids]

    def body(self) -> Any:
        """The addresses."""
        return self.urls


def not_found() -> Refused:
    """Nothing there."""
    return Refused("NOT_FOUND", GONE)


def unreadable(message: str) -> Refused:
    """The body is not what was expected."""
    return Refused("JSON_PARSER_ERROR", message)
