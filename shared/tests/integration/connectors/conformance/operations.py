"""Everything that can be asked of a client, each told apart from how it fails: what must hold on any road."""

from collections.abc import Awaitable, Callable
from typing import Any

from hub.contracts.connector import DONE, Capability, CrmClient, PullRequest
from hub.contracts.failures import CrmFailure, FailureKind, RecordError
from hub.contracts.pulling import PullMode
from hub.contracts.pushing import PushResult

from .stage import Granted, Stage
from .vendors import KEY

LEAD = {"first_name": "F", "last_name": "L", "email": "one@example.com", "phone": "210-555-0123", "status": "enrolled"}
Operation = Callable[[CrmClient], Awaitable[Any]]


def operations(stage: Stage, known: str) -> dict[str, Operation]:
    """By name. ``known``: a record of the CRM."""
    create, update = stage.item(21, LEAD), stage.item(22, LEAD, known, ["last_name", "phone", "status"])
    found: dict[str, Operation] = {
        "test": lambda client: client.test(),
        "full": lambda client: client.pull(PullRequest(PullMode.FULL)),
        "changes": lambda client: client.pull(PullRequest(PullMode.CHANGES, {})),
        "fetch": lambda client: client.fetch([known, "77"]),
        "describe": lambda client: client.describe(),
        "find": lambda client: client.find("MPP-99", "one@example.com"),
        "create": lambda client: client.push([create]),
        "update": lambda client: client.push([update]),
        "mixed": lambda client: client.push([create, update]),
        "delete": lambda client: client.delete([update]),
    }
    if stage.connector.manifest.scorecard[Capability.OWNERS] == DONE:
        found["owners"] = lambda client: client.owners()
    return found


async def failure_of(stage: Stage, operation: Operation) -> RecordError | None:
    """How it failed; None: it did not. What is raised or told must be named, and hold no token."""
    try:
        told = await operation(stage.client())
    except CrmFailure as failure:
        return _named(stage, failure.kind, failure.error)
    results = [each for each in told if isinstance(each, PushResult)] if isinstance(told, list) else []
    failed = [_named(stage, each.kind, each.error) for each in results if not each.ok]
    for each in results:
        assert each.ok == (each.kind is None) == (each.error is None)
        assert each.external_id is None or (each.external_id and each.external_id != "None")
        assert not each.ok or each.external_id
    return failed[0] if failed else None


def _named(stage: Stage, kind: FailureKind | None, error: RecordError | None) -> RecordError:
    assert kind is not None
    assert error is not None
    assert error.code
    assert error.message
    token = stage.tokens.grant.access_token if isinstance(stage.tokens, Granted) else KEY
    assert token not in repr(error)
    assert "\x00" not in repr(error)
    assert len(error.message) <= 2000
    return error
