"""Records that CRMs delete or merge: links go, leads that nobody holds are archived, and come back."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from hub.contracts import events as e
from hub.contracts.cloudevents import Event, decode_batch
from hub.store.outbox import Outbox
from hub.store.pool import open_pool
from transformer.adapters.directory import Directory
from transformer.handlers import Transformer

ANN = {"email": "ann@example.com", "first_name": "Ann"}
BOB = {"email": "bob@example.com", "first_name": "Bob"}


class Hub:
    """A transformer with two CRM connections."""

    def __init__(self, admin: asyncpg.Pool, transformer: Transformer, crms: list[int]) -> None:
        self.admin, self._transformer, self.crms = admin, transformer, crms
        self._seconds = 0

    async def hear(
        self, crm: int, record_id: str, fields: dict[str, Any] | None = None, *, at: int | None = None, **more: Any
    ) -> None:
        """A CRM tells of a record at a moment of its own (seconds into the hour; one later than the last)."""
        self._seconds = self._seconds + 10 if at is None else at
        event = "lead.updated" if fields is not None else "lead.merged" if "merged_into" in more else "lead.deleted"
        data = {
            "connection_id": self.crms[crm],
            "crm_type": "custom",
            "event": event,
            "record_id": record_id,
            "record": fields or {},
            "observed_at": f"2026-01-10T10:{self._seconds // 60:02}:{self._seconds % 60:02}Z",
            "actor": {"user": "custom", "ip_address": None},
            **more,
        }
        outcome = await self._transformer.handle([Event(e.CRM_RECORD_RECEIVED, 1, "record", data, "gateway")])
        assert outcome == {}

    async def leads(self) -> dict[str, dict[str, Any]]:
        """Fields by e-mail."""
        return {row["email"]: row["fields"] for row in await self.admin.fetch("SELECT email, fields FROM leads.lead")}

    async def links(self) -> set[tuple[str, str]]:
        """(owner, record) of all links."""
        rows = await self.admin.fetch("SELECT owner, external_id FROM leads.link")
        return {(row["owner"], row["external_id"]) for row in rows}

    async def unlinked(self) -> list[dict[str, Any]]:
        """What was told of records that are gone."""
        bodies = await self.admin.fetch("SELECT body FROM leads.outbox ORDER BY id")
        events = [event for row in bodies for event in decode_batch(row["body"])]
        data = [dict(event.data) for event in events if event.type == e.LEAD_UNLINKED]
        for each in data:
            e.LeadUnlinked.model_validate(each)
        return data


@pytest.fixture
async def hub(database_url: str) -> AsyncIterator[Hub]:
    async with (
        await open_pool(database_url, None) as admin,
        await open_pool(database_url, "hub_transformer") as pool,
    ):
        await admin.execute("INSERT INTO control.account (name) VALUES ('a')")
        config = {"crm_type": "custom", "base_url": "https://crm.example.com"}
        rows = await admin.fetch(
            """INSERT INTO control.connection (account_id, crm_type, name, config)
               VALUES (1, 'custom', 'first', $1), (1, 'custom', 'second', $1) RETURNING id""",
            config,
        )
        yield Hub(admin, Transformer(pool, Outbox(pool, "leads.outbox"), Directory(pool)), [row["id"] for row in rows])


async def test_a_lead_that_no_crm_holds_any_more_is_archived_and_comes_back(hub: Hub) -> None:
    await hub.hear(0, "A", ANN)
    await hub.hear(0, "A")
    assert (await hub.leads())["ann@example.com"]["archived"] is True
    assert await hub.links() == set()
    (told,) = await hub.unlinked()
    assert (told["reason"], told["archived"], told["external_id"]) == ("deleted", True, "A")
    await hub.hear(0, "A2", ANN)  # created anew by a person
    assert "archived" not in (await hub.leads())["ann@example.com"]
    assert await hub.links() == {(f"crm/{hub.crms[0]}", "A2")}
    assert len(await hub.leads()) == 1


async def test_a_lead_that_another_crm_holds_stays(hub: Hub) -> None:
    await hub.hear(0, "A", ANN)
    await hub.hear(1, "X", ANN)
    await hub.hear(0, "A")
    assert "archived" not in (await hub.leads())["ann@example.com"]
    assert await hub.links() == {(f"crm/{hub.crms[1]}", "X")}
    await hub.hear(1, "X")
    assert (await hub.leads())["ann@example.com"]["archived"] is True
    assert [each["archived"] for each in await hub.unlinked()] == [False, True]


async def test_a_merged_record_lives_on_in_the_other_ones_lead(hub: Hub) -> None:
    await hub.hear(0, "A", ANN)
    await hub.hear(0, "B", BOB)
    await hub.hear(0, "A", merged_into="B")
    leads = await hub.leads()
    bob = await hub.admin.fetchval("SELECT id FROM leads.lead WHERE email = 'bob@example.com'")
    assert leads["ann@example.com"]["archived"] is True
    assert leads["ann@example.com"]["merged_into"] == f"MPP-{bob}"
    assert "archived" not in leads["bob@example.com"]
    assert await hub.links() == {(f"crm/{hub.crms[0]}", "B")}
    assert [each["merged_into"] for each in await hub.unlinked()] == ["B"]


async def test_a_record_merged_into_one_that_was_never_seen_keeps_its_lead(hub: Hub) -> None:
    await hub.hear(0, "A", ANN)
    await hub.hear(0, "A", merged_into="B")
    assert "archived" not in (await hub.leads())["ann@example.com"]
    await hub.hear(0, "B", {"email": "ann.b@example.com", "first_name": "Ann"})
    assert list(await hub.leads()) == ["ann.b@example.com"]
    assert await hub.links() == {(f"crm/{hub.crms[0]}", "B")}


async def test_a_deletion_that_comes_late_does_not_undo_what_came_after_it(hub: Hub) -> None:
    await hub.hear(0, "A", ANN, at=60)
    await hub.hear(0, "A", at=30)
    assert "archived" not in (await hub.leads())["ann@example.com"]
    assert len(await hub.links()) == 1


async def test_a_deletion_heard_twice_or_of_an_unknown_record_does_nothing(hub: Hub) -> None:
    await hub.hear(0, "A", ANN)
    await hub.hear(0, "A")
    await hub.hear(0, "A")
    await hub.hear(0, "never seen")
    assert len(await hub.unlinked()) == 1
    outcomes = await hub.admin.fetch("SELECT outcome FROM leads.inbox ORDER BY handled_at")
    assert [row["outcome"] for row in outcomes] == ["created", "unlinked", "unchanged", "unchanged"]
