"""How HubSpot says no."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from aiohttp import web

from simulators.kit.answers import answer


class HubSpotRefused(Exception):
    """A refusal: HTTP status, category, message, and what else the envelope tells."""

    def __init__(
        self,
        status: int,
        category: str,
        message: str,
        *,
        errors: Sequence[Mapping[str, Any]] = (),
        context: Mapping[str, list[str]] | None = None,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        self.status, self.category, self.message = status, category, message
        self.errors, self.context, self.headers = list(errors), context, headers
        self.extra = extra or {}
        super().__init__(message)

    def response(self, correlation_id: str) -> web.Response:
        """The error envelope. Members that HubSpot leaves out when empty are left out."""
        body: dict[str, Any] = {"status": "error", "message": self.message, "correlationId": correlation_id}
        if self.category:
            body["category"] = self.category
        if self.errors:
            body["errors"] = self.errors
        if self.context:
            body["context"] = self.context
        return answer({**body, **self.extra}, self.status, self.headers)

    def row(self, context: Mapping[str, list[str]]) -> dict[str, Any]:
        """The same inside a 207."""
        return {
            "status": "error", "id": str(uuid.uuid4()), "category": self.category, "message": self.message,
            "context": {**(self.context or {}), **context}, "errors": self.errors, "links": {},
        }  # fmt: skip


def validation(message: str, **more: Any) -> HubSpotRefused:
    """400 for what is wrong with the request."""
    return HubSpotRefused(400, "VALIDATION_ERROR", message, **more)


def invalid_json(message: str) -> HubSpotRefused:
    """400 for a body that does not have the shape wanted."""
    return validation(f"Invalid input JSON on line 1, column 1: {message}")


def invalid_values(problems: Sequence[Mapping[str, Any]]) -> HubSpotRefused:
    """400 naming each bad property, as JSON inside the message."""
    errors = [
        {"message": each["message"], "code": each["error"], "context": {"propertyName": [each["name"]]}}
        for each in problems
    ]
    return validation(f"Property values were not valid: {orjson.dumps(list(problems)).decode()}", errors=errors)


def not_found(what: str = "Object not found.  objectId are usually numeric.") -> HubSpotRefused:
    """404."""
    return HubSpotRefused(404, "OBJECT_NOT_FOUND", what)


def conflict(singular: str, existing: int) -> HubSpotRefused:
    """409; clients read the id out of the message."""
    return HubSpotRefused(409, "CONFLICT", f"{singular.capitalize()} already exists. Existing ID: {existing}")


def missing_scopes(scopes: Sequence[str]) -> HubSpotRefused:
    """403."""
    message = (
        "This app hasn't been granted all required scopes to make this call. Read more about required scopes here: "
        "https://developers.hubspot.com/scopes."
    )
    detail = {
        "message": "One or more of the following scopes are required.",
        "context": {"requiredGranularScopes": list(scopes)},
    }
    return HubSpotRefused(
        403,
        "MISSING_SCOPES",
        message,
        errors=[detail],
        extra={"links": {"scopes": "https://developers.hubspot.com/scopes"}},
    )


def unauthorized() -> HubSpotRefused:
    """401 for a token that is missing, malformed or unknown."""
    return HubSpotRefused(
        401,
        "INVALID_AUTHENTICATION",
        "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more "
        "details at https://developers.hubspot.com/docs/methods/auth/oauth-overview",
    )


def expired(seconds: float, at: str) -> HubSpotRefused:
    """401 for an access token past its time."""
    message = f"The OAuth token used to make this call expired {max(0, round(seconds))} second(s) ago."
    return HubSpotRefused(401, "EXPIRED_AUTHENTICATION", message, context={"expire time": [at]})


_POLICY = {"DAILY": "daily", "SECONDLY": "secondly", "TEN_SECONDLY_ROLLING": "ten_secondly_rolling"}


def over_limit(policy: str, retry_after: float | None) -> HubSpotRefused:
    """429. Clients' back-off keys on the exact text; ``Retry-After`` comes only if switched on."""
    return HubSpotRefused(
        429, "", f"You have reached your {_POLICY.get(policy, policy.lower())} limit.",
        headers={"Retry-After": f"{retry_after:g}"} if retry_after is not None else None,
        extra={"errorType": "RATE_LIMIT", "policyName": policy, "requestId": str(uuid.uuid4())},
    )  # fmt: skip
