"""A call to the API and its reply, free of HTTP, so that a composite call can be made of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from simulators.salesforce.errors import Refused, unreadable
from simulators.salesforce.rules import Actor


@dataclass(frozen=True, slots=True)
class Call:
    """``args`` are the variable parts of the path, decoded; ``version`` is as in ``60.0``; ``headers`` fold case."""

    method: str
    path: str
    version: str
    args: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any
    raw: bytes
    actor: Actor

    def document(self) -> dict[str, Any]:
        """The body, which must be an object. Raises Refused."""
        if self.body is None:
            raise unreadable("The HTTP entity body is required, but this request has no entity body.")
        if not isinstance(self.body, dict):
            raise unreadable("Expected a JSON object at [line:1, column:1]")
        return self.body

    def needed(self, name: str) -> str:
        """A parameter that must be there. Raises Refused."""
        if name not in self.query:
            raise Refused("MISSING_ARGUMENT", f"The required request parameter '{name}' is missing.")
        return self.query[name]

    def option(self, header: str, name: str) -> str | None:
        """``x`` of a header like ``Sforce-Call-Options: client=hub, name=x``."""
        for part in self.headers.get(header, "").replace(";", ",").split(","):
            key, _, value = part.partition("=")
            if key.strip().lower() == name.lower():
                return value.strip()
        return None

    @property
    def base(self) -> str:
        """The path before the resource."""
        return f"/services/data/v{self.version}"


@dataclass(frozen=True, slots=True)
class Reply:
    """``body`` is told as JSON; ``raw`` as it is; with neither there is no content."""

    status: int = 200
    body: Any = None
    raw: bytes | None = None
    content_type: str = "application/json;charset=UTF-8"
    headers: Mapping[str, str] = field(default_factory=dict)


NO_CONTENT = Reply(204)


def refusal(refused: Refused) -> Reply:
    """The reply to a refused call."""
    return Reply(refused.status, refused.body())


def acting(call: Call) -> Call:
    """The call with what its headers say of the writer: the client's name and whether duplicates may be saved."""
    client = call.option("Sforce-Call-Options", "client")
    origin = f"com/salesforce/api/rest/{call.version}" + (f";client={client}" if client else "")
    allow = (call.option("Sforce-Duplicate-Rule-Header", "allowSave") or "").lower() == "true"
    actor = replace(
        call.actor, origin=origin, allow_duplicates=allow, version=call.version, call=(call.method, call.path)
    )  # fmt: skip
    return replace(call, actor=actor)
