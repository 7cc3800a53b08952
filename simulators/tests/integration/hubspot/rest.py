"""Calls to the API of the simulated HubSpot."""

from collections.abc import Callable
from typing import Any

CONTACTS = "/crm/v3/objects/contacts"
PRIVATE = {"Authorization": "Bearer pat-na1-hub"}
Call = Callable[..., Any]
