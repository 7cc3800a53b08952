"""Everything that can go wrong on the road to Pipedrive."""

from typing import Any

import pytest

from hub.connectors.pipedrive.client import PipedriveClient
from hub.contracts.connector import PullRequest
from hub.contracts.failures import CrmFailure, FailureKind, RecordError
from hub.contracts.metering import Reading
from hub.contracts.pulling import PullMode

Company = Any
Item = Any
Pull = Any
PASSING = {None, FailureKind.SERVER, FailureKind.NETWORK, FailureKind.RATE_LIMIT}
MISHAPS = [
    {"kind": kind, "probability": 0.04, "match": {"path": "/api/"}, "status": 503}
    for kind in ("lost_answer", "status", "reset", "truncate", "html", "rate_limited", "ok_with_error")
]


class Watching:
    """A meter that remembers what it was told."""

    def __init__(self) -> None:
        self.taken: dict[str, int] = {}
        self.spent: list[tuple[str, float]] = []
        self.read: dict[str, Reading] = {}
        self.limits: dict[str, int] = {}

    async def take(self, cost: int = 1, *windows: str) -> None:
        """Counted."""
        for window in windows:
            self.taken[window] = self.taken.get(window, 0) + cost

    def learn(self, readings: Any) -> None:
        """Kept."""
        self.read |= {each.window: each for each in readings}
        self.limits |= {each.window: each.limit for each in readings if each.limit is not None}

    def exhausted(self, window: str, seconds: float) -> None:
        """Kept."""
        self.spent.append((window, seconds))


@pytest.mark.parametrize("between", ["same client", "another client"])
async def test_nothing_is_doubled_or_lost(crm: Company, item: Item, between: str) -> None:
    """As sync-worker does it: a create in doubt is looked for before it is repeated."""
    client = crm.client(timeout=2.0)
    await client.test()
    await crm.faults(*MISHAPS, seed=7)
    lead = {"last_name": "Lee", "status": "enrolled"}
    done: dict[int, str] = {}
    known: dict[int, str] = {}
    doubtful: set[int] = set()
    for _ in range(40):
        if between == "another client":
            client = crm.client(timeout=2.0)
            known |= await _looked_for(client, doubtful)
        todo = [n for n in range(1, 301) if n not in done and (n not in doubtful or between == "same client")]
        for some in (todo[start : start + 100] for start in range(0, len(todo), 100)):
            results = await client.push([item(n, known.get(n), first_name=f"F{n}", **lead) for n in some])
            done |= {n: result.external_id for n, result in zip(some, results, strict=True) if result.ok}
            assert {result.kind for result in results} <= PASSING
            doubtful |= {n for n, each in zip(some, results, strict=True) if each.unknown_outcome and n not in known}
        if len(done) == 300:
            break
    await crm.faults()
    persons = await crm.persons()
    assert len(persons) == 300
    assert {each["MPP ID"]: (str(each["id"]), each["name"]) for each in persons} == {
        f"MPP-{n}": (done[n], f"F{n} Lee") for n in range(1, 301)
    }
    assert sorted(each["MPP ID"] for each in await crm.deals()) == sorted(f"MPP-{n}-deal" for n in range(1, 301))


async def _looked_for(client: PipedriveClient, doubtful: set[int]) -> dict[int, str]:
    """What was found; who could not be looked for stays in doubt."""
    found: dict[int, str] = {}
    for n in sorted(doubtful):
        try:
            record_id = await client.find(f"MPP-{n}", None)
        except CrmFailure:
            continue
        doubtful.discard(n)
        found |= {n: record_id} if record_id else {}
    return found


async def test_a_reading_survives_every_mishap(crm: Company, pull: Pull) -> None:
    await crm.control("seed", {"object": "person", "count": 4000})
    await crm.faults(*MISHAPS, seed=3)
    seen: set[str] = set()
    failures: set[FailureKind | None] = set()
    cursor, done = None, False
    while not done:
        try:
            page = await crm.client(timeout=2.0).pull(PullRequest(PullMode.FULL, cursor))
        except CrmFailure as failure:
            failures.add(failure.kind)
            continue
        seen |= {each.record_id for each in page.records}
        cursor, done = page.cursor, page.done
    assert seen == {str(n) for n in range(1, 4001)}
    assert failures == PASSING - {None}


@pytest.mark.parametrize(
    ("rule", "kind", "code", "unknown"),
    [
        ({"kind": "html"}, FailureKind.SERVER, "HTML_ANSWER", True),
        ({"kind": "truncate"}, FailureKind.NETWORK, "CONNECTION_LOST", True),
        ({"kind": "reset"}, FailureKind.NETWORK, "CONNECTION_LOST", True),
        ({"kind": "lost_answer"}, FailureKind.NETWORK, "CONNECTION_LOST", True),
        ({"kind": "latency", "seconds": 2}, FailureKind.NETWORK, "TIMEOUT", True),
        ({"kind": "ok_with_error"}, FailureKind.SERVER, "UNSUCCESSFUL", True),
        ({"kind": "status", "status": 503}, FailureKind.SERVER, "HTTP_503", True),
        ({"kind": "status", "status": 302, "headers": {"Location": "http://evil.example/"}}, FailureKind.SERVER,
         "REDIRECT_REFUSED", True),
        ({"kind": "status", "status": 200, "body": "[]"}, FailureKind.SERVER, "UNSUCCESSFUL", True),
        ({"kind": "status", "status": 200, "body": '{"success": true, "data": {}}'}, FailureKind.SERVER,
         "UNEXPECTED_ANSWER", True),
        ({"kind": "status", "status": 402, "body": '{"success": false, "error": "paid?"}'}, FailureKind.AUTH,
         "HTTP_402", False),
        ({"kind": "status", "status": 403, "body": '{"success":false,"error":"no","code":"feature_capping_x"}'},
         FailureKind.VALIDATION, "feature_capping_x", False),
        ({"kind": "html", "status": 403}, FailureKind.RATE_LIMIT, "FIREWALL", False),
    ],
)  # fmt: skip
async def test_each_mishap_has_a_name(
    crm: Company, item: Item, rule: dict[str, Any], kind: FailureKind, code: str, unknown: bool
) -> None:
    client = crm.client(timeout=0.5)
    await client.test()
    await crm.faults({"match": {"method": "POST", "path": "/persons"}, "times": 1, **rule})
    (result,) = await client.push([item(1, first_name="Ana")])
    assert (result.ok, result.kind, result.error.code, result.unknown_outcome) == (False, kind, code, unknown)
    assert isinstance(result.error, RecordError)
    await crm.faults()
    (result,) = await client.push([item(1, first_name="Ana")])
    assert result.ok
    assert len(await crm.persons()) == 1


async def test_tokens_and_calls_are_counted_as_pipedrive_counts(crm: Company, item: Item, pull: Pull) -> None:
    await crm.control("reset")
    await crm.control("limits", {"burst": 1000})
    await crm.control("seed", {"object": "person", "count": 5100})
    meter = Watching()
    client = crm.client(meter=meter)
    await client.test()
    leads = [item(n, first_name=f"F{n}", email=f"p{n}@x.org", status="enrolled") for n in range(20)]
    results = await client.push(leads)
    await client.push([item(0, results[0].external_id, email="other@x.org")])
    await crm.client(meter=meter).find("MPP-77", "p3@x.org")
    _, cursor = await pull(client)
    await pull(client, PullMode.CHANGES, cursor)
    await client.fetch([results[1].external_id, "99"])
    await client.delete([item(2, results[2].external_id)])
    await client.owners()
    assert meter.limits["daily"] == 5 * 30_000  # as many as there are users, on the smallest plan
    calls = await crm.control("calls", method="GET")
    assert meter.taken["burst"] == calls["total"]
    assert meter.taken["search"] == 2
    assert meter.taken["daily"] == (await crm.control("limits", method="GET"))["daily_used"]
    await client.fetch(["1"])
    assert (meter.read["burst"].limit, meter.read["daily"].remaining) == (1000, 600_000 - meter.taken["daily"])


@pytest.mark.parametrize(
    ("limits", "act", "window"),
    [({"burst": 1}, "push", "burst"), ({"daily_left": 0}, "push", "daily"), ({"search": 0}, "find", "search")],
)
async def test_which_budget_is_spent(crm: Company, item: Item, limits: Any, act: str, window: str) -> None:
    meter = Watching()
    client = crm.client(meter=meter)
    await crm.control("seed", {"object": "person", "count": 5100})
    await client.test()
    await crm.control("limits", {"burst": 100, "search": 10, "daily": 100_000})
    await crm.control("limits", limits)
    if act == "find":
        with pytest.raises(CrmFailure) as refused:
            await client.find("MPP-1", None)
        kind, wait = refused.value.kind, refused.value.retry_after
    else:
        results = await client.push([item(1, first_name="Ana"), item(2, first_name="Bo")])
        kind, wait = next((r.kind, r.retry_after) for r in results if not r.ok)
    assert kind is FailureKind.RATE_LIMIT
    assert wait
    assert {name for name, _ in meter.spent} == {window}
