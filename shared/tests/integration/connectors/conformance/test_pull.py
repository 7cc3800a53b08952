"""Pulling, through the contract alone: a mirror that is kept by pulls must come to show what the CRM holds."""

from collections import Counter
from collections.abc import Iterable

import orjson

from hub.contracts.connector import Capability, PullRequest
from hub.contracts.pulling import Cursor, PullMode, RemoteRecord

from .stage import Stage, pages, tries


class Mirror:
    """Last names by id, as the records say one after the other; and who was merged into whom."""

    def __init__(self, stage: Stage) -> None:
        self._mapping = stage.mapping()
        self.names: dict[str, str | None] = {}
        self.merged: dict[str, str] = {}

    def take(self, records: Iterable[RemoteRecord]) -> None:
        for record in records:
            if record.merged_into:
                self.merged[record.record_id] = record.merged_into
            if record.deleted:
                self.names.pop(record.record_id, None)
            else:
                self.names[record.record_id] = self._mapping.inbound(record.fields).registers.get("last_name")

    async def run(self, stage: Stage, mode: PullMode, cursor: Cursor | None = None) -> Cursor:
        """A whole run; where the next one begins."""
        after = cursor
        for records, after in await pages(stage.client(), mode, cursor):  # noqa: B007 - the last one is wanted
            self.take(records)
        return after or {}


def truth(stage: Stage) -> dict[str, str | None]:
    return {record_id: person.last_name for record_id, person in stage.people().items()}


@tries(Capability.PULL)
async def test_every_record_comes_once(stage: Stage) -> None:
    ids = stage.seed(2 * stage.page + 5)
    told = await pages(stage.client(), PullMode.FULL)
    assert len(told) >= 3
    counted = Counter(record.record_id for records, _ in told for record in records)
    assert counted == Counter(ids)
    assert all(record.modified_at and not record.deleted for records, _ in told for record in records)
    mirror = Mirror(stage)
    for records, _ in told:
        mirror.take(records)
    assert mirror.names == truth(stage)


@tries(Capability.PULL)
async def test_a_run_goes_on_from_every_page(stage: Stage) -> None:
    ids = stage.seed(2 * stage.page + 5)
    told = await pages(stage.client(), PullMode.FULL)
    seen: set[str] = set()
    for records, cursor in told[:-1]:
        seen |= {record.record_id for record in records}
        rest = await pages(stage.client(), PullMode.FULL, cursor)
        again = {record.record_id for records, _ in rest for record in records}
        assert seen | again == set(ids)
        assert len(again) < len(ids)


@tries(Capability.PULL)
async def test_nobody_is_there(stage: Stage) -> None:
    mirror = Mirror(stage)
    cursor = await mirror.run(stage, PullMode.FULL)
    assert not mirror.names
    new = stage.create("New", "new@example.com")
    await mirror.run(stage, PullMode.CHANGES, cursor)
    assert mirror.names == {new: "New"}


@tries(Capability.PULL_CHANGES)
async def test_what_changes_while_pages_are_read_is_not_missed(stage: Stage) -> None:
    ids = stage.seed(2 * stage.page + 5)
    mirror, client = Mirror(stage), stage.client()
    cursor: Cursor | None = None
    for number in range(50):
        page = await client.pull(PullRequest(PullMode.FULL, cursor))
        mirror.take(page.records)
        cursor = orjson.loads(orjson.dumps(page.cursor))
        stage.rename(ids[number], f"read{number}")
        stage.rename(ids[-1 - number], f"unread{number}")
        stage.create(f"new{number}", f"new{number}@example.com")
        if page.done:
            break
    cursor = await mirror.run(stage, PullMode.CHANGES, cursor)
    assert mirror.names == truth(stage)
    stage.rename(ids[5], "later")
    await mirror.run(stage, PullMode.CHANGES, cursor)
    assert mirror.names == truth(stage)


@tries(Capability.PULL_CHANGES)
async def test_more_ties_than_a_page_holds(stage: Stage) -> None:
    """Changed in one go: the CRM's clock stands still meanwhile, or nearly so."""
    ids = stage.seed(stage.page + 30)
    mirror = Mirror(stage)
    cursor = await mirror.run(stage, PullMode.FULL)
    for number, each in enumerate(ids):
        stage.rename(each, f"tied{number}")
    cursor = await mirror.run(stage, PullMode.CHANGES, cursor)
    assert mirror.names == truth(stage)
    stage.rename(ids[7], "after the ties")
    await mirror.run(stage, PullMode.CHANGES, cursor)
    assert mirror.names == truth(stage)


@tries(Capability.PULL_CHANGES)
async def test_changes_resume_from_every_page(stage: Stage) -> None:
    ids = stage.seed(stage.page + 10)
    first = Mirror(stage)
    start = await first.run(stage, PullMode.FULL)
    for each in ids:
        stage.rename(each, "moved")
    stage.delete(ids[3])
    told = await pages(stage.client(), PullMode.CHANGES, start)
    for place in range(len(told) - 1):
        mirror = Mirror(stage)
        mirror.names = dict(first.names)
        for records, _ in told[: place + 1]:
            mirror.take(records)
        await mirror.run(stage, PullMode.CHANGES, told[place][1])
        assert mirror.names == truth(stage)


@tries(Capability.PULL_DELETES)
async def test_deletions_are_told(stage: Stage) -> None:
    ids = stage.seed(12)
    mirror = Mirror(stage)
    cursor = await mirror.run(stage, PullMode.FULL)
    for each in ids[2:5]:
        stage.delete(each)
    cursor = await mirror.run(stage, PullMode.CHANGES, cursor)
    assert mirror.names == truth(stage)
    stage.delete(ids[9])
    cursor = await mirror.run(stage, PullMode.CHANGES, cursor)
    assert mirror.names == truth(stage)
    whole = Mirror(stage)
    await whole.run(stage, PullMode.FULL)
    assert whole.names == truth(stage)


@tries(Capability.PULL_MERGES)
async def test_merges_are_told(stage: Stage) -> None:
    ids = stage.seed(6)
    mirror = Mirror(stage)
    cursor = await mirror.run(stage, PullMode.FULL)
    stage.merge(ids[1], ids[4])
    await mirror.run(stage, PullMode.CHANGES, cursor)
    assert mirror.names == truth(stage)
    assert mirror.merged == {ids[4]: ids[1]}


@tries(Capability.FETCH)
async def test_fetch_tells_who_is_gone(stage: Stage) -> None:
    ids = stage.seed(5)
    stage.delete(ids[1])
    never = {"salesforce": "00QAAAAAAAAAAAAAAA", "custom": "EXT-999999"}.get(stage.crm_type, "999999")
    asked = [ids[0], never, ids[1], "no such id / ' \" ?", ids[2], ids[0]]
    found = await stage.client().fetch(asked)
    by_id = {record.record_id: record for record in found}
    assert set(by_id) == set(asked)
    assert {each: record.deleted for each, record in by_id.items()} == {
        each: each not in (ids[0], ids[2]) for each in asked
    }
    assert stage.mapping().inbound(by_id[ids[2]].fields).registers["last_name"] == "L2"
    assert await stage.client().fetch([]) == []


@tries(Capability.FETCH)
async def test_many_are_fetched(stage: Stage) -> None:
    ids = stage.seed(250)
    found = await stage.client().fetch(ids)
    assert Counter(record.record_id for record in found) == Counter(ids)
