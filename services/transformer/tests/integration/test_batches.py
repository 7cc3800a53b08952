"""The transformer over a real database: what is stored, told, and not done twice."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest

from hub.contracts import events as e
from hub.contracts.cloudevents import Event, decode_batch
from hub.contracts.ids import new_id
from hub.store.outbox import Outbox
from hub.store.pool import open_pool
from transformer.adapters.directory import Directory
from transformer.handlers import Transformer

ACTOR = {"user": "key demo", "ip_address": "192.0.2.1"}
IMPORT = new_id()


@pytest.fixture
async def admin(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with await open_pool(database_url, None) as pool:
        await pool.execute("INSERT INTO control.account (name) VALUES ('a'), ('b')")
        yield pool


@pytest.fixture
async def transformer(database_url: str, admin: asyncpg.Pool) -> AsyncIterator[Transformer]:
    async with await open_pool(database_url, "hub_transformer") as pool:
        yield Transformer(pool, Outbox(pool, "leads.outbox"), Directory(pool))


def received(fields: dict[str, Any], *, account: int = 1, external_id: str | None = None, index: int = 0) -> Event:
    origin = {"kind": "import", "source": "salesforce", "import_id": IMPORT, "index": index}
    data = {"origin": origin, "actor": ACTOR, "external_id": external_id, "fields": fields}
    return Event(e.LEAD_RECEIVED, account, f"import/{IMPORT}", data, "gateway")


async def told(admin: asyncpg.Pool) -> list[Event]:
    bodies = await admin.fetch("SELECT body FROM leads.outbox ORDER BY id")
    return [event for row in bodies for event in decode_batch(row["body"])]


async def count(admin: asyncpg.Pool, table: str) -> int:
    return int(await admin.fetchval(f"SELECT count(*) FROM leads.{table}"))  # noqa: S608 - a name of this file


@pytest.mark.parametrize("size", [3, 120], ids=["by insert", "by copy"])
async def test_a_batch_is_stored_whole_and_told(transformer: Transformer, admin: asyncpg.Pool, size: int) -> None:
    batch = [received({"email": f"u{n}@example.com"}, external_id=f"SF-{n}", index=n) for n in range(size)]
    assert await transformer.handle(batch) == {}
    for table in ("lead", "link", "history", "inbox"):
        assert await count(admin, table) == size
    events = await told(admin)
    assert [event.causation_id for event in events] == [event.id for event in batch]
    stored = await admin.fetch(
        "SELECT l.fields, h.changes, k.base FROM leads.lead l, leads.history h, leads.link k"
        " WHERE h.lead_id = l.id AND k.lead_id = l.id ORDER BY l.id"
    )
    assert [row["changes"] for row in stored] == [{"*": {"email": f"u{n}@example.com"}} for n in range(size)]
    assert [row["base"] for row in stored] == [row["changes"]["*"] for row in stored]
    assert [row["fields"] for row in stored] == [{"status": "new", **row["base"]} for row in stored]
    progress = await admin.fetchrow("SELECT * FROM leads.import_progress")
    assert progress is not None
    assert progress["created"] == size


@pytest.mark.parametrize("size", [3, 120])
async def test_a_redelivered_batch_does_nothing(transformer: Transformer, admin: asyncpg.Pool, size: int) -> None:
    batch = [received({"email": f"u{n}@example.com"}, external_id=f"SF-{n}") for n in range(size)]
    await transformer.handle(batch)
    late = received({"email": "late@example.com"})
    await transformer.handle([*batch, late, late])
    assert await count(admin, "lead") == size + 1
    assert len(await told(admin)) == size + 1
    assert await admin.fetchval("SELECT created FROM leads.import_progress") == size + 1


async def test_copies_that_race_for_the_same_person_make_one_lead(
    transformer: Transformer, admin: asyncpg.Pool
) -> None:
    batches = [
        [received({"email": "same@example.com", "city": f"City {copy}"}, external_id=f"{copy}")]
        + [received({"email": f"u{copy}-{n}@example.com"}) for n in range(60 * (copy % 2))]
        for copy in range(8)
    ]
    await asyncio.gather(*(transformer.handle(batch) for batch in batches))
    assert await admin.fetchval("SELECT count(*) FROM leads.lead WHERE email = 'same@example.com'") == 1
    fields = await admin.fetchval("SELECT fields FROM leads.lead WHERE email = 'same@example.com'")
    assert fields["city"] == "City 7", "whatever the order, the latest write is the one that stands"
    assert await count(admin, "link") == 8


async def test_copies_of_the_service_do_not_overwrite_each_other(
    transformer: Transformer, database_url: str, admin: asyncpg.Pool
) -> None:
    async with await open_pool(database_url, "hub_transformer") as pool:
        other = Transformer(pool, Outbox(pool, "leads.outbox"), Directory(pool))
        rounds = [
            copy.handle([received({"email": f"u{n}@example.com", f"note{number}": "x"}) for n in range(40)])
            for number, copy in enumerate([transformer, other] * 4)
        ]
        await asyncio.gather(*rounds)
    assert await count(admin, "lead") == 40
    fields = [row["fields"] for row in await admin.fetch("SELECT fields FROM leads.lead")]
    assert all(len([name for name in each if name.startswith("note")]) == 8 for each in fields)


async def test_the_same_batch_in_two_hands_is_handled_once(transformer: Transformer, admin: asyncpg.Pool) -> None:
    batch = [received({"email": f"u{n}@example.com"}, external_id=f"SF-{n}") for n in range(30)]
    await asyncio.gather(*(transformer.handle(batch) for _ in range(4)))
    assert await count(admin, "lead") == 30
    assert len(await told(admin)) == 30


async def test_accounts_do_not_meet(transformer: Transformer, admin: asyncpg.Pool) -> None:
    both = [received({"email": "a@example.com"}, account=account, external_id="1") for account in (1, 2)]
    await transformer.handle(both)
    rows = await admin.fetch("SELECT account_id, version FROM leads.lead ORDER BY 1")
    assert [tuple(row) for row in rows] == [(1, 1), (2, 1)]


async def test_an_update_keeps_full_history(transformer: Transformer, admin: asyncpg.Pool) -> None:
    await transformer.handle([received({"email": "a@example.com", "city": "Bonn"}, external_id="1")])
    changed = received({"email": "a@example.com", "city": "Köln"}, external_id="1")
    await transformer.handle([changed])
    row = await admin.fetchrow("SELECT * FROM leads.history WHERE version = 2")
    assert row is not None
    assert row["changes"] == {"city": ["Bonn", "Köln", "last_write_wins"]}
    assert (str(row["event_id"]), row["source"], row["actor"]) == (changed.id, "import/salesforce", "key demo")


async def test_an_event_that_breaks_its_contract_costs_only_itself(
    transformer: Transformer, admin: asyncpg.Pool
) -> None:
    broken = Event(e.LEAD_RECEIVED, 1, "x", {"fields": {"email": 7}}, "partner")
    unknown = Event("mpp.unheard.of.v1", 1, "x", {}, "partner")
    outcomes = await transformer.handle([broken, received({"email": "a@example.com"}), unknown])
    assert set(outcomes) == {broken.id, unknown.id}
    assert await count(admin, "lead") == 1


async def test_an_internal_system_may_publish_the_documented_event(
    transformer: Transformer, admin: asyncpg.Pool
) -> None:
    data = {
        "origin": {"kind": "bus", "source": "billing"},
        "actor": {"user": "billing"},
        "fields": {"email": "a@example.com", "custom_fields": {"tier": "gold"}},
    }
    assert await transformer.handle([Event(e.LEAD_RECEIVED, 1, "lead", data, "billing")]) == {}
    assert (await admin.fetchval("SELECT fields FROM leads.lead"))["custom.tier"] == "gold"


async def test_an_enrolment_is_stored_with_the_lead(transformer: Transformer, admin: asyncpg.Pool) -> None:
    await transformer.handle([received({"email": "a@example.com"})])
    lead_id = await admin.fetchval("SELECT id FROM leads.lead")
    data = {"enrollment_id": new_id(), "lead_id": lead_id, "plan": "Gold", "details": {"tier": 1}, "actor": ACTOR}
    enrolled = Event(e.ENROLLMENT_RECEIVED, 1, f"lead/{lead_id}", data, "gateway")
    await transformer.handle([enrolled])
    await transformer.handle([enrolled])
    assert await count(admin, "enrollment") == 1
    assert await admin.fetchval("SELECT status FROM leads.lead") == "enrolled"
    assert {event.type for event in await told(admin)} == {e.LEAD_CREATED, e.LEAD_UPDATED, e.ENROLLMENT_COMPLETED}


def foreign(fields: dict[str, Any], **about: Any) -> Event:
    origin = {"kind": "bus", "source": "quoting"}
    data = {"origin": origin, "actor": {"user": "q"}, "external_id": fields["first_name"], "fields": fields}
    return Event(e.LEAD_RECEIVED, about.pop("account", 1), "q/1", data, "quoting", **about)


async def test_an_account_that_does_not_exist_gets_no_leads(transformer: Transformer, admin: asyncpg.Pool) -> None:
    batch = [
        foreign({"first_name": "A"}),
        foreign({"first_name": "B"}, account=3),
        foreign({"first_name": "C"}, account=0),
    ]
    outcomes = await transformer.handle(batch)
    assert outcomes.keys() == {batch[1].id, batch[2].id}
    assert await admin.fetchval("SELECT array_agg(account_id) FROM leads.lead") == [1]


async def test_two_accounts_may_use_one_event_id(transformer: Transformer, admin: asyncpg.Pool) -> None:
    shared = new_id()
    batch = [foreign({"first_name": "A"}, id=shared), foreign({"first_name": "A"}, id=shared, account=2)]
    assert await transformer.handle(batch) == {}
    assert await transformer.handle(batch) == {}
    assert await admin.fetchval("SELECT array_agg(account_id ORDER BY account_id) FROM leads.lead") == [1, 2]


@pytest.mark.parametrize("spelling", [str.upper, lambda text: text.replace("-", ""), "urn:uuid:{}".format])
async def test_an_id_is_known_again_however_it_is_spelt(
    transformer: Transformer, admin: asyncpg.Pool, spelling: Callable[[str], str]
) -> None:
    event = foreign({"first_name": "A"}, id=spelling(new_id()))
    assert await transformer.handle([event]) == {}
    assert await transformer.handle([event]) == {}
    assert await count(admin, "inbox") == 1
    strange = foreign({"first_name": "B"}, id="order-77")
    assert (await transformer.handle([strange])).keys() == {strange.id}


async def test_an_event_from_the_future_does_not_rule_until_then(transformer: Transformer, admin: asyncpg.Pool) -> None:
    first = foreign({"first_name": "Ann", "city": "Ulm"}, time="9999-12-31T23:59:59Z")
    assert await transformer.handle([first]) == {}
    assert await transformer.handle([foreign({"first_name": "Ann", "city": "Bonn"})]) == {}
    assert await admin.fetchval("SELECT fields ->> 'city' FROM leads.lead") == "Bonn"


async def test_a_moment_before_the_first_year_is_the_earliest_there_is(
    transformer: Transformer, admin: asyncpg.Pool
) -> None:
    ancient = foreign({"first_name": "Ann"}, time="0001-01-01T00:00:00+23:00")
    assert isinstance(ancient.data, dict)
    older = foreign({"first_name": "Bob"})
    assert isinstance(older.data, dict)
    older.data["observed_at"] = "0001-01-01T00:00:00+14:00"
    assert await transformer.handle([ancient, older]) == {}
    assert await count(admin, "lead") == 2


async def test_a_lead_that_outgrows_an_event_is_refused_and_listed(
    transformer: Transformer, admin: asyncpg.Pool
) -> None:
    def filled(index: int) -> Event:
        custom = {f"c{index}-{n}": "x" * 4000 for n in range(40)}
        return received({"email": "a@example.com", "custom_fields": custom}, external_id="SF-1", index=index)

    assert await transformer.handle([filled(0)]) == {}
    assert await transformer.handle([filled(1)]) == {}
    issue = await admin.fetchrow("SELECT severity, code, position FROM leads.import_issue")
    assert issue is not None
    assert tuple(issue) == ("rejected", "LEAD_TOO_LARGE", 1)
    assert [event.type for event in await told(admin)] == [e.LEAD_CREATED, e.LEAD_REJECTED]
