"""Calls to the REST API of the simulated Salesforce."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

BASE = "/services/data/v60.0"
Answer = tuple[int, Any]
Call = Callable[..., Awaitable[Answer]]
LEAD = {"LastName": "Li", "Company": "Acme"}


async def query(call: Call, soql: str, resource: str = "query") -> Any:
    """The answer to a query, which must succeed."""
    status, body = await call("GET", f"{resource}/?q={quote(soql)}")
    assert status == 200, body
    return body


async def made(call: Call, **fields: Any) -> str:
    """The id of a new lead."""
    status, body = await call("POST", "sobjects/Lead/", LEAD | fields)
    assert status == 201, body
    return str(body["id"])
