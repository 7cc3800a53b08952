"""How Pipedrive says no."""

from typing import Any

_SEE = "Please check developers.pipedrive.com"
_WRONG = "Please check developers.pipedrive.com for more information about Pipedrive API."


class Refused(Exception):
    """A refusal: an HTTP status and Pipedrive's JSON body."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        self.status, self.body = status, body
        self.headers: dict[str, str] = {}
        super().__init__(str(body.get("error")))


def invalid(what: str) -> Refused:
    """The request does not fit the schema of API v2."""
    body = {"success": False, "error": f"Validation failed: {what}", "error_info": _WRONG}
    return Refused(400, {**body, "code": "ERR_SCHEMA_VALIDATION_FAILED", "data": None, "additional_data": None})


def bad(what: str, status: int = 400) -> Refused:
    """The request does not fit, in the words of API v1."""
    body = {"success": False, "error": what, "error_info": _WRONG, "data": None, "additional_data": None}
    return Refused(status, body)


def missing(what: str) -> Refused:
    """404: no such record; ``what`` as Pipedrive names it ("Person not found")."""
    body = {"success": False, "error": what, "error_info": "Object was not found."}
    return Refused(404, {**body, "data": None, "additional_data": None})


def unauthorized(error: str = "unauthorized access") -> Refused:
    """401."""
    return Refused(401, {"success": False, "error": error, "errorCode": 401, "error_info": _SEE})


def forbidden(error: str = "Scope and URL mismatch") -> Refused:
    """403."""
    return Refused(403, {"success": False, "error": error, "errorCode": 403, "error_info": _SEE})


def gone() -> Refused:
    """410: an endpoint of API v1 whose support has ended."""
    error = "This endpoint is no longer available. Please use API v2."
    return Refused(410, {"success": False, "error": error, "errorCode": 410, "error_info": _SEE})


def over_limit(info: str) -> Refused:
    """429."""
    return Refused(429, {"success": False, "error": "request over limit", "errorCode": 429, "error_info": info})


def whole(text: str, refusal: Refused) -> int:
    """A number out of a path or query. Raises the refusal."""
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise refusal
    return int(text)
